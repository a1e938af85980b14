import type { IdentityProvider, Snapshot } from '#core/snapshot.ts'
import { loginSecondsMax } from './keep-login.ts'

type Claims = Readonly<Record<string, unknown>>

/** Clocks that differ. */
export const FUTURE_SECONDS_MAX = 60

/**
 * How long ago the person may have proved themselves. A login counts from then, and nothing outlives it, so half of its time has to be left; the
 * provider asks again where it is longer.
 */
export function maxAge(snapshot: Snapshot, provider: IdentityProvider): number {
  return Math.floor(loginSecondsMax(snapshot, provider) / 2)
}

/** When the person proved themselves to the provider; now, where it does not say; null where what it says is no time that has been. */
export function authTimeOf(claims: Claims, now: number): number | null {
  const said = claims['auth_time']
  if (said === undefined) return now
  return typeof said === 'number' && said >= 0 && said <= now + FUTURE_SECONDS_MAX
    ? Math.min(Math.floor(said), now)
    : null
}

/** RFC 8176. A provider that says nothing vouches for one factor; an `acr` that the configuration knows as more counts as `mfa`. */
export function amrOf(claims: Claims, { multiFactorAcr }: IdentityProvider): readonly string[] {
  const { amr, acr } = claims
  const said = Array.isArray(amr) ? amr.filter((one): one is string => typeof one === 'string' && one.length <= 32) : []
  const methods = said.length > 0 ? said.slice(0, 8) : ['fed']
  return typeof acr === 'string' && multiFactorAcr.includes(acr) ? [...methods, 'mfa'] : methods
}
