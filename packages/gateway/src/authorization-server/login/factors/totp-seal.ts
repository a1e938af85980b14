import type { SubjectId, TenantId } from '#core/ids.ts'
import type { Sealer } from '#keys/sealer.ts'

/** An account's shared secret, for that account alone. It is on the page that sets it up in this form, and in the store. */
export function sealTotpSecret(sealer: Sealer, tenant: TenantId, subject: SubjectId, secret: Uint8Array): string {
  return Buffer.from(sealer.seal(secret, placeOf(tenant, subject))).toString('base64url')
}

/** @throws SealBroken when it was not sealed for this account. */
export function openTotpSecret(sealer: Sealer, tenant: TenantId, subject: SubjectId, sealed: string): Uint8Array {
  return sealer.open(Buffer.from(sealed, 'base64url'), placeOf(tenant, subject))
}

function placeOf(tenant: TenantId, subject: SubjectId): string {
  return `${tenant}|totp|${subject}`
}
