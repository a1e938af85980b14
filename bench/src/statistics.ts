export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
  readonly count: number
}

/** Null for no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = [...values].sort((a, b) => a - b)
  const min = sorted[0]
  const max = sorted.at(-1)
  if (min === undefined || max === undefined) return null
  const middle = sorted.length / 2
  const median = ((sorted[Math.ceil(middle) - 1] ?? min) + (sorted[Math.floor(middle)] ?? max)) / 2
  return { min, median, max, count: sorted.length }
}

/** The same order for the same seed (mulberry32). */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const result = [...values]
  for (let left = result.length - 1; left > 0; left -= 1) {
    const other = Math.floor(random() * (left + 1))
    const [a, b] = [result[left], result[other]]
    if (a === undefined || b === undefined) continue
    result[left] = b
    result[other] = a
  }
  return result
}

export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
