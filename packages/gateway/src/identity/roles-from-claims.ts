import { ok, type Result, refused } from '#core/result.ts'
import type { IdentityProvider } from '#core/snapshot.ts'

/** More values than any token has room for. */
const VALUES_MAX = 1_000

/**
 * The roles that a provider's word gives, by the configuration's rules: those for everybody, and those of each value of the claim. A claim
 * that the provider left out because it would be too long (Entra: `_claim_names`, `hasgroups`) is not empty but unknown, and refuses. Pure.
 */
export function rolesFromClaims(
  claims: Readonly<Record<string, unknown>>,
  rules: NonNullable<IdentityProvider['roles']>,
): Result<readonly string[], 'groupsUnknown'> {
  const { claim, map, always } = rules
  const value = claimAt(claims, claim)
  if (value === undefined && isLeftOut(claims, claim)) return refused('groupsUnknown')
  const values = Array.isArray(value) ? value : [value]
  if (values.length > VALUES_MAX) return refused('groupsUnknown')
  // What is no text is no name of a group.
  const given = values.flatMap((one) => (typeof one === 'string' ? (map.get(one) ?? []) : []))
  return ok([...new Set([...always, ...given])])
}

/** The claim of that name, which may look like an address; else, with dots, what is at that path (Keycloak: `realm_access.roles`). */
function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  return name
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, part)?.value : undefined,
      claims,
    )
}

function isLeftOut(claims: Readonly<Record<string, unknown>>, claim: string): boolean {
  const names = claims['_claim_names']
  const isElsewhere = typeof names === 'object' && names !== null && Object.hasOwn(names, claim)
  return isElsewhere || (claim === 'groups' && claims['hasgroups'] !== undefined)
}
