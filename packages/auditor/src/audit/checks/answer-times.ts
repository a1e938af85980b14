import type { Answer } from '../exchange/ask.ts'

/** One kind of refusal, and how to ask for it once. */
export interface Kind {
  readonly name: string
  ask(): Promise<Answer>
}

/** The difference that tells somebody far away what was looked at. */
const SPREAD_MS_MAX = 50
/** Of so many answers the middle one counts: one that was slow for reasons of its own changes nothing. */
const SAMPLES = 5
/** A difference counts when it is there each time. */
const ROUNDS = 3

/** The kind that takes longer than another one, every time; null when there is none, or an answer did not come. */
export async function slowerKind(
  kinds: readonly Kind[],
): Promise<{ readonly slow: string; readonly quick: string; readonly spreadMs: number } | null> {
  let compared = kinds
  let found: { readonly slow: string; readonly quick: string; readonly spreadMs: number } | null = null
  for (let round = 0; round < ROUNDS; round += 1) {
    const medians = await mediansOf(compared)
    const [quick, slow] = [medians.at(0), medians.at(-1)]
    if (quick === undefined || slow === undefined || slow.medianMs - quick.medianMs <= SPREAD_MS_MAX) return null
    if (found !== null && found.slow !== slow.kind.name) return null
    found = { slow: slow.kind.name, quick: quick.kind.name, spreadMs: Math.round(slow.medianMs - quick.medianMs) }
    compared = [quick.kind, slow.kind]
  }
  return found
}

/** In turns, so that a server that is busy for a while is busy for all of them; the quickest first. */
async function mediansOf(
  kinds: readonly Kind[],
): Promise<readonly { readonly kind: Kind; readonly medianMs: number }[]> {
  const durations = new Map<Kind, number[]>()
  for (let sample = 0; sample < SAMPLES; sample += 1)
    for (const kind of kinds) {
      const answer = await kind.ask()
      if (answer.failure !== null || answer.status === 429) return []
      durations.set(kind, [...(durations.get(kind) ?? []), answer.durationMs])
    }
  return [...durations]
    .map(([kind, all]) => ({ kind, medianMs: all.toSorted((one, other) => one - other)[(SAMPLES - 1) / 2] ?? 0 }))
    .toSorted((one, other) => one.medianMs - other.medianMs)
}
