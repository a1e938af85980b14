import { randomBytes } from 'node:crypto'
import { findSecrets } from '@sallyport/inspect'
import { payloadText } from '../payload.ts'

const ROUNDS = 15
const SMALL_BYTES = 4 * 1024
const SMALL_ROUNDS = 2_000

/** What results are made of; speed depends on it. None holds a secret. */
const TEXTS: Readonly<Record<string, string>> = {
  'lines of JSON': payloadText('large'),
  prose: 'The quick brown fox, who had not slept, jumps over the lazy dog; then it rains. '.repeat(13_107),
  base64: wrapped(randomBytes(786_432).toString('base64')),
}

/** How fast the inspection library looks for secrets, on one core, in the kind of text that takes it longest. */
export function probeInspection() {
  const kinds = Object.entries(TEXTS).map(([kind, text]) => ({ kind, ...timeText(text) }))
  return {
    kinds,
    megabytesPerSecond: Math.min(...kinds.map(({ megabytesPerSecond }) => megabytesPerSecond)),
    smallP99Ms: Math.max(...kinds.map(({ smallP99Ms }) => smallP99Ms)),
  }
}

function timeText(text: string) {
  const largeTimes = timed(ROUNDS, text).sort((a, b) => a - b)
  const smallTimes = timed(SMALL_ROUNDS, text.slice(0, SMALL_BYTES)).sort((a, b) => a - b)
  const medianSeconds = (largeTimes[Math.floor(ROUNDS / 2)] ?? 0) / 1_000
  return {
    megabytesPerSecond: text.length / 1e6 / medianSeconds,
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
  if (found !== 0) throw new Error('the text that was to hold no secret holds one')
  return times
}

function wrapped(text: string): string {
  return text.replace(/.{76}/g, '$&\n')
}
