import type { Clock } from '#core/clock.ts'
import { ok, type Result } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import { rolesFromClaims } from '#identity/roles-from-claims.ts'
import { lookUpGroups } from './groups-lookup.ts'

/** The roles of whom these claims are about; null where they are given here. What the token leaves out is looked up where that is configured. */
export async function rolesOf(
  claims: Readonly<Record<string, unknown>>,
  provider: IdentityProvider,
  clock: Clock,
): Promise<Result<readonly string[] | null, 'groupsUnknown'>> {
  const rules = provider.roles
  if (rules === null) return ok(null)
  const fromToken = rolesFromClaims(claims, rules)
  const { lookup = null } = rules
  if (lookup === null) return fromToken
  // Graph: only what had no room. Google: always, because there is nothing in its tokens.
  if (lookup.kind === 'graph' && fromToken.ok) return fromToken
  const groups = await lookUpGroups(claims, provider, lookup, clock.nowSeconds())
  return groups === null
    ? rolesFromClaims(UNKNOWN, { ...rules, claim: 'groups' })
    : rolesFromClaims({ groups }, { ...rules, claim: 'groups' })
}

/** As a provider says that it has left groups out. */
const UNKNOWN = { hasgroups: true }
