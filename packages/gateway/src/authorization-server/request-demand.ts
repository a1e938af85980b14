import { MULTI_FACTOR } from '#core/acr.ts'
import type { LoginDemand, ProtectedResource, Snapshot } from '#core/snapshot.ts'
import { demandOfScopes, strictest } from '#policy/login-demands.ts'
import { splitScopes } from '#policy/scopes.ts'

/** Our own parameters, in which the client's `max_age` and `acr_values` (RFC 9470 §4) are kept from the engine, which has other rules for them. */
export const MAX_AGE_PARAMETER = 'login_max_age'
export const ACR_PARAMETER = 'login_acr'
/** Younger than this no login can be by the time it is looked at; who asks for that is asking for a new one. */
const FRESH_LOGIN_SECONDS = 60

/** What a login has to be for an authorization request: what its scopes need, and what its client asks for besides. */
export function demandOfRequest(
  parameters: Readonly<Record<string, unknown>>,
  resource: ProtectedResource,
  snapshot: Snapshot,
): LoginDemand {
  const scope = parameters['scope']
  const maxAge = parameters[MAX_AGE_PARAMETER]
  return strictest([
    demandOfScopes(splitScopes(typeof scope === 'string' ? scope : undefined), resource, snapshot),
    {
      multiFactor: parameters[ACR_PARAMETER] === MULTI_FACTOR,
      maxAgeSeconds: typeof maxAge === 'string' ? Number(maxAge) : null,
      needsAuthTime: typeof maxAge === 'string',
    },
  ])
}

/**
 * RFC 9470 §4, OpenID Connect Core §3.1.2.1: `max_age` and `acr_values` of the client, as our parameters. A `max_age` that no login could meet,
 * or that is no number of seconds, asks for a new login; without a person to ask (`prompt=none`) it is met by none.
 */
export function keepDemand(query: URLSearchParams, passed: URLSearchParams): void {
  const acrs = query.getAll('acr_values').flatMap((value) => value.split(' '))
  if (acrs.includes(MULTI_FACTOR)) passed.set(ACR_PARAMETER, MULTI_FACTOR)
  const maxAges = query.getAll('max_age').filter((value) => value !== '')
  if (maxAges.length === 0) return
  const seconds = maxAges.length === 1 && /^\d{1,9}$/.test(maxAges[0] ?? '') ? Number(maxAges[0]) : 0
  const prompts = (passed.get('prompt') ?? '').split(' ').filter((value) => value !== '')
  if (seconds >= FRESH_LOGIN_SECONDS || prompts.includes('none')) passed.set(MAX_AGE_PARAMETER, String(seconds))
  else passed.set('prompt', [...new Set([...prompts, 'login'])].join(' '))
}
