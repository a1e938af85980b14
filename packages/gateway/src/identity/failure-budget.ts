import type { Clock } from '#core/clock.ts'
import { addressGroup } from '#net/addresses.ts'
import { createBoundedMap } from './bounded-map.ts'

/** Failed attempts with a token, code or client that one address may make: far more than a whole office of confused clients makes. */
export const FAILURES_BURST = 600
export const FAILURES_PERIOD_SECONDS = 60
/** Addresses remembered, the one heard of longest ago goes first; about 100 bytes each. */
const ADDRESSES_MAX = 20_000

/**
 * Counts failures by address (an IPv6 /64 is one). Successes are free, so that honest clients behind one address do not pay for each
 * other. What somebody over the budget still may do is for the caller to say; it must not lock out who shares the address. In memory:
 * a restart forgives, and nothing here is worth a write.
 */
export interface FailureBudget {
  /** Seconds until the address is within the budget again, rounded up; 0 while it is. */
  waitSeconds(address: string): number
  countFailure(address: string): void
}

/** A bucket is one time, at which it will have refilled (GCRA, as in the store's limits). */
export function createFailureBudget(
  clock: Clock,
  { burst, periodSeconds }: { readonly burst: number; readonly periodSeconds: number } = {
    burst: FAILURES_BURST,
    periodSeconds: FAILURES_PERIOD_SECONDS,
  },
): FailureBudget {
  const fullAtMs = createBoundedMap<string, number>(ADDRESSES_MAX)
  const periodMs = periodSeconds * 1000
  const intervalMs = periodMs / burst
  return {
    waitSeconds: (address) => {
      const nowMs = clock.monotonicMs()
      const next = Math.max(fullAtMs.get(addressGroup(address)) ?? 0, nowMs) + intervalMs
      return Math.max(0, Math.ceil((next - nowMs - periodMs) / 1000))
    },
    countFailure: (address) => {
      const nowMs = clock.monotonicMs()
      const key = addressGroup(address)
      // Never more than the period ahead: what happens beyond the budget does not make the wait longer.
      fullAtMs.set(key, Math.min(Math.max(fullAtMs.get(key) ?? 0, nowMs) + intervalMs, nowMs + periodMs))
    },
  }
}
