import type { Results } from './results.ts'
import { summarise } from './summary.ts'

/**
 * How many times the gateway's CPU per call an SDK proxy must need at least, for the checks of a change to pass. It is there to catch a hot
 * path that lost its head, on any machine however busy, and not to hold the bar: about half of what is measured. Raise it as that rises.
 */
export const GUARD_RATIO_MIN = 1.2

/** Null when the guard holds; else what is wrong. Pure. */
export function guardProblem(results: Results): string | null {
  const row = summarise(results).find(({ candidate }) => candidate === 'sdk-proxy')
  const ratio = row?.ratio ?? null
  if (ratio === null) {
    const reasons = [...results.measured.flatMap((one) => one.void), ...results.problems.map(({ reason }) => reason)]
    return `nothing valid was measured: ${reasons.join('; ')}`
  }
  if (ratio.median >= GUARD_RATIO_MIN) return null
  return `the SDK proxy needs only ${ratio.median.toFixed(2)} times the gateway's CPU per call; at least ${GUARD_RATIO_MIN} is asked`
}
