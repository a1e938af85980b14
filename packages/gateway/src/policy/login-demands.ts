import { MULTI_FACTOR } from '#core/acr.ts'
import type { LoginDemand, ProtectedResource, Snapshot } from '#core/snapshot.ts'
import { TIERS, type Tier } from '#core/tiers.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import { tierOf, tierOfCall } from './tiers.ts'

/** How somebody logged in, as a session or a token says it; null where nobody did. */
export interface LoginFacts {
  readonly acr: string | null
  /** Seconds since the epoch. */
  readonly authTime: number | null
  /** False where an identity provider did not say when, and `authTime` is when they came from there. */
  readonly isTimeKnown?: boolean
}

const NOTHING: LoginDemand = { multiFactor: false, maxAgeSeconds: null }
/** Whoever opens something far-reaching has just shown who they are, whatever the configuration says. */
const PRIVILEGED_AT_LEAST: LoginDemand = { multiFactor: false, maxAgeSeconds: 300 }

type Rules = Pick<Snapshot, 'loginDemands'>

/** What a login has to be for these scopes to be given: the strictest of what their tiers demand. */
export function demandOfScopes(scopes: readonly string[], resource: ProtectedResource, rules: Rules): LoginDemand {
  return strictest(scopes.map((scope) => tierOf(scope, resource)).map((tier) => demandAtLogin(tier, rules)))
}

/** What a login has to have been for this call to pass. Only what is configured: a token of minutes ago is fresh enough otherwise. */
export function demandOfCall(
  { toolClass, tool }: { readonly toolClass: ToolClass; readonly tool: string | null },
  resource: ProtectedResource,
  { loginDemands }: Rules,
): LoginDemand {
  return loginDemands?.get(tierOfCall(toolClass, tool, resource)) ?? NOTHING
}

/** The scopes for which that login is enough now. */
export function scopesWithin(
  scopes: readonly string[],
  resource: ProtectedResource,
  facts: LoginFacts,
  rules: Rules,
  now: number,
): readonly string[] {
  return scopes.filter((scope) => judgeLogin(facts, demandOfScopes([scope], resource, rules), now) === 'enough')
}

/** For how long that login is fresh enough for all of these, at the calls; infinite where nothing is demanded. */
export function freshSeconds(
  scopes: readonly string[],
  resource: ProtectedResource,
  authTime: number | null,
  { loginDemands }: Rules,
  now: number,
): number {
  const { maxAgeSeconds } = strictest(scopes.map((scope) => loginDemands?.get(tierOf(scope, resource)) ?? NOTHING))
  if (maxAgeSeconds === null) return Number.POSITIVE_INFINITY
  return authTime === null ? 0 : authTime + maxAgeSeconds - now
}

/** Pure. What nobody can show is not there: no login is neither strong nor fresh. */
export function judgeLogin(
  { acr, authTime, isTimeKnown = true }: LoginFacts,
  { multiFactor, maxAgeSeconds, needsAuthTime = false }: LoginDemand,
  now: number,
): 'enough' | 'oneFactorOnly' | 'tooLongAgo' {
  if (multiFactor && acr !== MULTI_FACTOR) return 'oneFactorOnly'
  if (maxAgeSeconds === null) return 'enough'
  if (authTime === null || now - authTime > maxAgeSeconds || (needsAuthTime && !isTimeKnown)) return 'tooLongAgo'
  return 'enough'
}

/** For a challenge (RFC 9470 §3). */
export function printableDemand({ multiFactor, maxAgeSeconds }: LoginDemand) {
  return { acrValues: multiFactor ? [MULTI_FACTOR] : [], maxAgeSeconds }
}

/** Both together. */
export function strictest(demands: readonly LoginDemand[]): LoginDemand {
  return demands.reduce(
    (a, b) => ({
      multiFactor: a.multiFactor || b.multiFactor,
      maxAgeSeconds: lesser(a.maxAgeSeconds, b.maxAgeSeconds),
      needsAuthTime: a.needsAuthTime === true || b.needsAuthTime === true,
    }),
    NOTHING,
  )
}

function demandAtLogin(tier: Tier, { loginDemands }: Rules): LoginDemand {
  const configured = loginDemands?.get(tier) ?? NOTHING
  return tier === TIERS[TIERS.length - 1] ? strictest([configured, PRIVILEGED_AT_LEAST]) : configured
}

function lesser(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}
