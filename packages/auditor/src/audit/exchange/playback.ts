import type { Transcript } from '#report/transcript-model.ts'
import { NotRecorded } from './not-recorded.ts'
import { sameInReplay } from './stand-ins.ts'
import type { Question, Seen, Tape } from './tape.ts'

/** What was written down, in place of the world: nothing is sent. */
export class Playback implements Tape {
  readonly seed: Buffer
  readonly #answers: Map<string, Seen[]>
  readonly #observations: Map<string, unknown[]>

  constructor({ seed, exchanges, observations, bodies }: Transcript) {
    this.seed = Buffer.from(seed, 'base64url')
    this.#answers = queued(exchanges, ({ what, shown, answer: { body, ...answer } }) => [
      keyOf({ label: shown.label, what }),
      { exchange: shown, answer: { ...answer, text: bodies[body] ?? '' } },
    ])
    this.#observations = queued(observations, ({ label, what, seen }) => [keyOf({ label, what }), seen])
  }

  async answer({ label, what }: Question): Promise<Seen> {
    return nextOf(this.#answers, label, what)
  }

  async observe<T>({ label, what }: Question): Promise<T> {
    // What was written down for this question is what the same look has seen.
    return nextOf(this.#observations, label, what) as T
  }
}

function queued<T, U>(list: readonly T[], entry: (one: T) => readonly [key: string, value: U]): Map<string, U[]> {
  const queues = new Map<string, U[]>()
  for (const one of list) {
    const [key, value] = entry(one)
    const queue = queues.get(key)
    if (queue === undefined) queues.set(key, [value])
    else queue.push(value)
  }
  return queues
}

function nextOf<T>(queues: ReadonlyMap<string, T[]>, label: string, what: string): T {
  const queue = queues.get(keyOf({ label, what: sameInReplay(what) }))
  if (queue === undefined || queue.length === 0) throw new NotRecorded(label)
  return queue.shift() as T
}

function keyOf({ label, what }: Question): string {
  return JSON.stringify([label, what])
}
