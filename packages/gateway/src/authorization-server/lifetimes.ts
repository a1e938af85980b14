import type { ProtectedResource, Snapshot } from '#core/snapshot.ts'
import type { Tier } from '#core/tiers.ts'
import { ADMIN_API_ID, isAdminApi } from '#policy/admin-api.ts'
import { printClassScope } from '#policy/scopes.ts'
import { tierOf } from '#policy/tiers.ts'

/** Tokens that administer the gateway live this long at most (ADR 0008). A configured lifetime may be shorter. */
const ADMIN_ACCESS_TOKEN_SECONDS = 5 * 60
/** A grant whose client takes no refresh token lives this much longer than its access token, so that the code can be redeemed. */
const REDEMPTION_SECONDS = 120

const ADMIN_WRITE = printClassScope(ADMIN_API_ID, 'write')

/** How long a scope lasts, in seconds: in an access token, and by refresh since the authorization; null: a refresh never yields it. */
const BY_TIER: Readonly<Record<Tier, { readonly access: number; readonly refresh: number | null }>> = {
  low: { access: 30 * 60, refresh: 8 * 3600 },
  standard: { access: 15 * 60, refresh: 4 * 3600 },
  sensitive: { access: 10 * 60, refresh: 3600 },
  privileged: { access: 5 * 60, refresh: null },
}

/** How long an access token with these scopes works, in seconds: as its strictest scope allows. */
export function accessTokenSeconds(
  resource: ProtectedResource,
  scopes: readonly string[],
  { lifetimes }: Pick<Snapshot, 'lifetimes'>,
): number {
  const admin = isAdminApi(resource) ? [ADMIN_ACCESS_TOKEN_SECONDS] : []
  return Math.min(
    lifetimes.accessTokenSeconds,
    ...admin,
    ...scopes.map((scope) => BY_TIER[tierOf(scope, resource)].access),
  )
}

/** Whether any of these scopes may be kept alive without a person: who changes the gateway is asked again each time. */
export function takesRefreshToken(
  resource: ProtectedResource,
  scopes: readonly string[],
  snapshot: Pick<Snapshot, 'lifetimes'>,
): boolean {
  if (scopes.includes(ADMIN_WRITE)) return false
  return scopes.some((scope) => refreshSeconds(scope, resource, snapshot) > 0)
}

/** How long one authorization holds, in seconds from the consent: as long as any of its scopes can be refreshed. */
export function grantSeconds(
  resource: ProtectedResource,
  scopes: readonly string[],
  snapshot: Pick<Snapshot, 'lifetimes'>,
  isRefreshed: boolean,
): number {
  return isRefreshed
    ? Math.max(...scopes.map((scope) => refreshSeconds(scope, resource, snapshot)))
    : accessTokenSeconds(resource, scopes, snapshot) + REDEMPTION_SECONDS
}

/** For how long a refresh token with these scopes may lie unused, in seconds: half of what its longest-lived scope has. */
export function idleSeconds(
  resource: ProtectedResource,
  scopes: readonly string[],
  snapshot: Pick<Snapshot, 'lifetimes'>,
): number {
  return Math.max(0, ...scopes.map((scope) => refreshSeconds(scope, resource, snapshot) / 2))
}

/**
 * Of the scopes of a refresh token those that it still yields: none of a tier that is never refreshed, none whose time since the
 * authorization is over, and none that lay unused for half of that.
 */
export function scopesAtRefresh(
  resource: ProtectedResource,
  scopes: readonly string[],
  age: { readonly sinceAuthorization: number; readonly sinceIssue: number },
  snapshot: Pick<Snapshot, 'lifetimes'>,
): readonly string[] {
  return scopes.filter((scope) => {
    const seconds = refreshSeconds(scope, resource, snapshot)
    return age.sinceAuthorization < seconds && age.sinceIssue < seconds / 2
  })
}

function refreshSeconds(
  scope: string,
  resource: ProtectedResource,
  { lifetimes }: Pick<Snapshot, 'lifetimes'>,
): number {
  return Math.min(lifetimes.refreshTokenSeconds, BY_TIER[tierOf(scope, resource)].refresh ?? 0)
}
