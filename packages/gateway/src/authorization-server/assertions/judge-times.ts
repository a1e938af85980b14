import type { AssertionClaims } from '#identity/verify-assertion.ts'

/** Clocks of issuers may differ a little from ours. Never applied to `exp`. */
const SKEW_SECONDS = 60

/** RFC 7523 §3, items 4 to 6. Pure. Null when the assertion holds now and not for longer than that; else an audit reason. */
export function judgeTimes(
  { exp, iat, nbf }: AssertionClaims,
  { now, lifetimeSecondsMax }: { readonly now: number; readonly lifetimeSecondsMax: number },
): string | null {
  if (!isTime(exp) || !isTime(iat)) return 'assertionClaimMissing'
  if (exp <= now) return 'assertionExpired'
  if (iat > now + SKEW_SECONDS) return 'assertionFromFuture'
  if (nbf !== undefined && (!isTime(nbf) || nbf > now + SKEW_SECONDS)) return 'assertionNotYetValid'
  // However long its issuer lets it live: what can be used once is remembered until then.
  return exp - iat > lifetimeSecondsMax ? 'assertionLivesTooLong' : null
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
