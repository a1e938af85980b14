import type { ProtectedResource, Snapshot } from '#core/snapshot.ts'
import { ADMIN_API_ID, isAdminApi } from '#policy/admin-api.ts'
import { printClassScope } from '#policy/scopes.ts'

/** Tokens that administer the gateway live this long at most (ADR 0008). A configured lifetime may be shorter. */
const ADMIN_ACCESS_TOKEN_SECONDS = 5 * 60
/** A grant whose client takes no refresh token lives this much longer than its access token, so that the code can be redeemed. */
const REDEMPTION_SECONDS = 120

const ADMIN_WRITE = printClassScope(ADMIN_API_ID, 'write')

/** How long an access token works, in seconds. */
export function accessTokenSeconds(resource: ProtectedResource, { lifetimes }: Snapshot): number {
  const { accessTokenSeconds: configured } = lifetimes
  return isAdminApi(resource) ? Math.min(configured, ADMIN_ACCESS_TOKEN_SECONDS) : configured
}

/** Whether these scopes may be kept alive without a person: who changes the gateway is asked again each time. */
export function takesRefreshToken(scopes: readonly string[]): boolean {
  return !scopes.includes(ADMIN_WRITE)
}

/** How long one authorization holds, in seconds from the consent. */
export function grantSeconds(resource: ProtectedResource, snapshot: Snapshot, isRefreshed: boolean): number {
  return isRefreshed
    ? snapshot.lifetimes.refreshTokenSeconds
    : accessTokenSeconds(resource, snapshot) + REDEMPTION_SECONDS
}
