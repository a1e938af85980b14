import type { TenantId } from '#core/ids.ts'
import type { Sealer } from '#keys/sealer.ts'

/** A provider's refresh token, for the one login that it belongs to. */
export function sealRefreshToken(sealer: Sealer, tenant: TenantId, loginId: string, refreshToken: string): string {
  return Buffer.from(sealer.seal(Buffer.from(refreshToken), placeOf(tenant, loginId))).toString('base64')
}

/** @throws SealBroken when it is not what was sealed for this login. */
export function openRefreshToken(sealer: Sealer, tenant: TenantId, loginId: string, sealed: string): string {
  return Buffer.from(sealer.open(Buffer.from(sealed, 'base64'), placeOf(tenant, loginId))).toString('utf8')
}

function placeOf(tenant: TenantId, loginId: string): string {
  return `${tenant}|providerRefreshToken|${loginId}`
}
