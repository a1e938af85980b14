import type { Results } from './results.ts'
import { summarise } from './summary.ts'

/** Generous: it is there to catch a hot path that lost its head, on any machine, not to hold the bar. */
export const GUARD_RATIO_MIN = 2

/** Null when the gateway needs at most half of the SDK proxy's CPU per call; else what is wrong. */
export function guardProblem(results: Results): string | null {
  const row = summarise(results).find(({ candidate }) => candidate === 'sdk-proxy')
  const ratio = row?.ratio ?? null
  if (ratio === null) return `nothing valid was measured: ${results.measured.flatMap((one) => one.void).join('; ')}`
  if (ratio.max >= GUARD_RATIO_MIN) return null
  return `the SDK proxy needs only ${ratio.max.toFixed(2)} times the gateway's CPU per call; at least ${GUARD_RATIO_MIN} is asked`
}
