import type { Snapshot } from '#core/snapshot.ts'
import { protectedResources } from '#policy/admin-api.ts'
import { splitScopes } from '#policy/scopes.ts'
import { isScopeOf } from './requested-scopes.ts'
import { resourceOf } from './resource.ts'

/** RFC 6749 §2.3.1, RFC 7523 §2.2. */
const CLIENT_AUTHENTICATION = ['client_id', 'client_secret', 'client_assertion', 'client_assertion_type']

const TOKEN_PARAMETERS = [
  'grant_type',
  'code',
  'redirect_uri',
  'code_verifier',
  'refresh_token',
  'device_code',
  'assertion',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'requested_token_type',
  'audience',
  'scope',
  'resource',
  ...CLIENT_AUTHENTICATION,
]

/** Grants whose clients repeat the scopes of an authorization request, unknown ones among them. */
const REPEATS_CONSENT: ReadonlySet<string> = new Set([
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
])

const REVOCATION_PARAMETERS = ['token', 'token_type_hint', ...CLIENT_AUTHENTICATION]

/**
 * The token request as the engine gets it. Scopes that nobody knows are dropped (clients repeat the `offline_access` of their
 * authorization request); known ones beyond the grant stay, and the engine refuses them (RFC 6749 §6). An unknown resource stays as well,
 * and is refused as `invalid_target`.
 */
export function tokenParameters(form: URLSearchParams, snapshot: Snapshot): URLSearchParams {
  const passed = pick(form, TOKEN_PARAMETERS)
  const resource = passed.get('resource')
  if (resource !== null) passed.set('resource', resourceOf(resource, snapshot)?.resource ?? resource)
  const scope = passed.get('scope')
  // Where no person consented, the grant decides about each scope itself: dropping the last one would ask for all.
  if (scope !== null && REPEATS_CONSENT.has(passed.get('grant_type') ?? '')) {
    const known = splitScopes(scope).filter((text) => isKnown(text, snapshot))
    if (known.length > 0) passed.set('scope', known.join(' '))
    else passed.delete('scope')
  }
  return passed
}

export function revocationParameters(form: URLSearchParams): URLSearchParams {
  return pick(form, REVOCATION_PARAMETERS)
}

export function clientAuthentication(form: URLSearchParams): URLSearchParams {
  return pick(form, CLIENT_AUTHENTICATION)
}

function pick(form: URLSearchParams, names: readonly string[]): URLSearchParams {
  const passed = new URLSearchParams()
  for (const name of names) {
    const value = form.get(name)
    // RFC 6749 §3.2: a parameter without a value is treated as if it was left out.
    if (value !== null && value !== '') passed.set(name, value)
  }
  return passed
}

function isKnown(text: string, snapshot: Snapshot): boolean {
  return protectedResources(snapshot).some((resource) => isScopeOf(text, resource))
}
