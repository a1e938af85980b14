import { findSecrets } from '@sallyport/inspect'
import { payloadText } from '../payload.ts'

const ROUNDS = 15
const SMALL_BYTES = 4 * 1024
const SMALL_ROUNDS = 2_000

/** How fast the inspection library looks for secrets, on one core, in text as tools return it. */
export function probeInspection(): { readonly megabytesPerSecond: number; readonly smallP99Ms: number } {
  const large = payloadText('large')
  const largeTimes = timed(ROUNDS, large).sort((a, b) => a - b)
  const smallTimes = timed(SMALL_ROUNDS, large.slice(0, SMALL_BYTES)).sort((a, b) => a - b)
  const medianSeconds = (largeTimes[Math.floor(ROUNDS / 2)] ?? 0) / 1_000
  return {
    megabytesPerSecond: large.length / 1e6 / medianSeconds,
    smallP99Ms: smallTimes[Math.floor(SMALL_ROUNDS * 0.99)] ?? 0,
  }
}

function timed(rounds: number, text: string): number[] {
  let found = 0
  const times = Array.from({ length: rounds }, () => {
    const beganMs = performance.now()
    found += findSecrets(text).length
    return performance.now() - beganMs
  })
  if (found !== 0) throw new Error('the payload of the benchmark holds a secret')
  return times
}
