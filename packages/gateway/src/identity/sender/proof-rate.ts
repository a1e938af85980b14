import type { Clock } from '#core/clock.ts'
import { createBoundedMap } from '../bounded-map.ts'

/** Proofs that one key may use: 200 a second for as long as it likes. With how long a used one is kept, it bounds what the store holds. */
const PROOFS_BURST = 12_000
const PERIOD_MS = 60_000
const INTERVAL_MS = PERIOD_MS / PROOFS_BURST
/** Keys remembered, the one heard of longest ago goes first; about 100 bytes each. */
const KEYS_MAX = 20_000

export interface ProofRate {
  /** Seconds to wait, rounded up; 0 when this one is within the rate, and counted. */
  draw(jkt: string): number
}

/** A bucket is one time, at which it will have refilled (GCRA, as in the store's limits). In memory: each replica has its own. */
export function createProofRate(clock: Clock): ProofRate {
  const fullAtMs = createBoundedMap<string, number>(KEYS_MAX)
  return {
    draw: (jkt) => {
      const nowMs = clock.monotonicMs()
      const next = Math.max(fullAtMs.get(jkt) ?? 0, nowMs) + INTERVAL_MS
      const waitMs = next - nowMs - PERIOD_MS
      if (waitMs > 0) return Math.ceil(waitMs / 1000)
      fullAtMs.set(jkt, next)
      return 0
    },
  }
}
