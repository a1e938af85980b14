import { type Payload, Provider } from 'oidc-provider'
import type { ProtectedResource } from '#core/snapshot.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { judgeLogin, type LoginFacts } from '#policy/login-demands.ts'
import { splitScopes } from '#policy/scopes.ts'
import { tierOf } from '#policy/tiers.ts'
import { scopesAtRefresh } from '../lifetimes.ts'
import { isTimeKnownIn } from './login-mark.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/**
 * A refresh token as it counts now: with the scopes that it still yields, so that neither the access token nor the next refresh token has
 * others. Without any it has expired. Scopes that a client repeats and that time took away are taken out of its request (the answer says
 * what it got, RFC 6749 §5.1); those that were never granted stay in it, and are refused.
 */
export function narrowRefreshToken(payload: Payload, unit: UnitOfWork): Payload {
  const { scope, resource: identifier, iat, iiat, authTime } = payload
  const resource = findProtectedResource(identifier, unit.snapshot)
  if (resource === null || typeof scope !== 'string' || typeof iat !== 'number' || typeof iiat !== 'number')
    return payload
  const held = splitScopes(scope)
  const age = { sinceAuthorization: unit.now - iiat, sinceIssue: unit.now - iat }
  const facts = {
    acr: textOf(payload['acr']),
    authTime: typeof authTime === 'number' && isTimeKnownIn(payload['amr']) ? authTime : null,
  }
  const lasting = scopesAtRefresh(resource, held, age, unit.snapshot)
  // What the login is not enough for any more, the client has to ask for anew: so it learns of it.
  const left = lasting.filter((scope) => isEnough(facts, scope, resource, unit))
  if (left.length === held.length) return payload
  if (left.length === 0) return { ...payload, exp: iat }
  narrowRequest(new Set(held.filter((one) => !left.includes(one))))
  return { ...payload, scope: left.join(' ') }
}

function isEnough(
  facts: LoginFacts,
  scope: string,
  resource: ProtectedResource,
  { snapshot, now }: UnitOfWork,
): boolean {
  const demand = snapshot.loginDemands?.get(tierOf(scope, resource))
  return demand === undefined || judgeLogin(facts, demand, now) === 'enough'
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function narrowRequest(gone: ReadonlySet<string>): void {
  const parameters = Provider.ctx?.oidc?.params
  const asked = parameters?.['scope']
  if (parameters === undefined || typeof asked !== 'string') return
  const left = splitScopes(asked).filter((scope) => !gone.has(scope))
  // Who asked for nothing else gets nothing: leaving the parameter out would ask for all.
  if (left.length > 0) parameters['scope'] = left.join(' ')
}
