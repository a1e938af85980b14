import type { Snapshot } from '#core/snapshot.ts'
import { splitScopes } from '#policy/scopes.ts'
import { keepDemand } from './request-demand.ts'
import { requestedScopes } from './requested-scopes.ts'
import { resourceOf, serverOfScopes } from './resource.ts'
import { clientAuthentication } from './token-parameters.ts'

/** Our own parameter, which carries dropped scope values to the consent page. A client's parameter of that name is not passed on. */
export const SCOPES_UNKNOWN_PARAMETER = 'scopes_unknown'

/**
 * What the engine may see. The rest is ignored (RFC 6749 §3.1), OpenID Connect's parameters among it: there are no ID tokens here, and
 * the engine would refuse them without the `openid` scope (`max_age` and `acr_values` are ours to heed: `request-demand.ts`). `request`, `request_uri` and `registration` stay, because dropping them would
 * run a request other than the one that was signed; the engine refuses them.
 */
const PASSED_ON = [
  'response_type',
  'response_mode',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'resource',
  'prompt',
  'request',
  'request_uri',
  'registration',
]

/** No response mode has this name: the engine answers `unsupported_response_mode` by redirect. */
const UNSUPPORTED_RESPONSE_MODE = 'unsupported'

/**
 * The authorization request as the engine gets it: our spelling of the resource, only known scopes of it, and nothing that is not ours to
 * understand. Duplicated parameters are handed on as they came, because the engine refuses them (RFC 6749 §3.1) with or without a
 * redirect, as the rest of the request allows. A resource that cannot be resolved is handed on too; the engine's hooks refuse it.
 */
export function authorizeParameters(query: URLSearchParams, snapshot: Snapshot): URLSearchParams {
  const passed = new URLSearchParams()
  for (const name of PASSED_ON) {
    const values = query.getAll(name)
    // RFC 6749 §3.1: a parameter without a value is treated as if it was left out.
    if (values.length === 1 && values[0] === '') continue
    for (const value of values) passed.append(name, value)
  }
  const mode = single(passed, 'response_mode')
  // Codes travel in the query only; the engine's form_post page would need an inline script.
  if (mode !== null && mode !== 'query') passed.set('response_mode', UNSUPPORTED_RESPONSE_MODE)
  const prompt = single(passed, 'prompt')
  if (prompt !== null) passed.set('prompt', knownPrompts(prompt))
  if (passed.getAll('scope').length > 1 || passed.getAll('resource').length > 1) return passed
  // RFC 9126 §4: what was pushed is the request, as it was judged then; nothing beside it counts.
  if (passed.has('request_uri')) return passed
  keepDemand(query, passed)
  return spellTarget(passed, snapshot)
}

/** Our spelling of the resource, and its scopes that are known. */
function spellTarget(passed: URLSearchParams, snapshot: Snapshot): URLSearchParams {
  const asked = splitScopes(passed.get('scope') ?? undefined)
  const resource = passed.get('resource')
  const server = resource === null ? serverOfScopes(asked, snapshot) : resourceOf(resource, snapshot)
  if (server === null) return passed
  const { known, unknown } = requestedScopes(asked, server)
  passed.set('resource', server.resource)
  passed.set('scope', known.join(' '))
  if (unknown.length > 0) passed.set(SCOPES_UNKNOWN_PARAMETER, unknown.join(' '))
  return passed
}

/**
 * RFC 9126 §2.1: the same request, pushed, with the client's proof of who it is. `request_uri` stays and is refused; the form was refused where
 * a parameter came twice.
 */
export function pushedParameters(form: URLSearchParams, snapshot: Snapshot): URLSearchParams {
  const passed = authorizeParameters(form, snapshot)
  for (const [name, value] of clientAuthentication(form)) passed.set(name, value)
  return passed
}

/** RFC 8628 §3.1: what for, and who asks. */
export function deviceParameters(form: URLSearchParams, snapshot: Snapshot): URLSearchParams {
  const passed = clientAuthentication(form)
  for (const name of ['scope', 'resource']) {
    const value = form.get(name)
    if (value !== null && value !== '') passed.set(name, value)
  }
  return spellTarget(passed, snapshot)
}

/** There is one account per login here, so choosing an account is logging in. */
function knownPrompts(prompt: string): string {
  return [...new Set(prompt.split(' ').map((value) => (value === 'select_account' ? 'login' : value)))].join(' ')
}

function single(parameters: URLSearchParams, name: string): string | null {
  const values = parameters.getAll(name)
  return values.length === 1 ? (values[0] ?? null) : null
}
