import type { z } from 'zod'
import type { exchangeSchema } from '#report/model.ts'
import type { Answer } from './ask.ts'

export type Exchange = z.infer<typeof exchangeSchema>

/** One request with what came back: for the checks as it came, for a report as it may be shown. */
export interface Seen {
  readonly answer: Answer
  readonly exchange: Exchange
}

/** What stays the same when the same thing is asked again in another run of the same audit. */
export interface Question {
  /** The probe that asks. */
  readonly label: string
  /** Method and URL, or what is looked at. */
  readonly what: string
}

/**
 * All that an audit learns of the world goes through here: the world itself, with or without being written down, or what was written down.
 * Both are called in the order in which things are asked, before anything is waited for.
 */
export interface Tape {
  /** What `random` bytes are made of, so that a recording can make them again. */
  readonly seed: Buffer
  answer(question: Question, ask: () => Promise<Seen>): Promise<Seen>
  observe<T>(question: Question, look: () => Promise<T>): Promise<T>
}

/** The world, of which nothing is kept. */
export function worldTape(seed: Buffer): Tape {
  return { seed, answer: (_, ask) => ask(), observe: (_, look) => look() }
}
