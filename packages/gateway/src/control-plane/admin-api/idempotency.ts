import { createHash } from 'node:crypto'
import type { Clock } from '#core/clock.ts'

/** Keys remembered at once; beyond it the oldest is forgotten. */
const KEYS_MAX = 1_000
/** Long enough for retries, short because answers may hold a generated password. */
const KEEP_MS = 10 * 60_000

export const IDEMPOTENCY_KEY_PATTERN: RegExp = /^[\x21-\x7e]{1,128}$/

interface Remembered<T> {
  readonly fingerprint: string
  readonly answer: Promise<T>
  readonly untilMs: number
}

/**
 * Runs a change once per key: the same key with the same request gets the first answer, also while the first is under way. Kept in
 * memory, per process, for ten minutes. A change that threw, or that `mayForget` says changed nothing, may be tried again.
 */
export class IdempotencyKeys<T> {
  readonly #remembered = new Map<string, Remembered<T>>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async once(
    key: string,
    request: unknown,
    run: () => Promise<T>,
    mayForget: (answer: T) => boolean,
  ): Promise<{ readonly kind: 'answer'; readonly answer: T } | { readonly kind: 'otherRequest' }> {
    const nowMs = this.#clock.monotonicMs()
    for (const [old, { untilMs }] of this.#remembered) {
      if (untilMs > nowMs && this.#remembered.size < KEYS_MAX) break
      this.#remembered.delete(old)
    }
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('base64url')
    const known = this.#remembered.get(key)
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint) return { kind: 'otherRequest' }
      return { kind: 'answer', answer: await known.answer }
    }
    const answer = run()
    this.#remembered.set(key, { fingerprint, answer, untilMs: nowMs + KEEP_MS })
    try {
      const settled = await answer
      if (mayForget(settled)) this.#remembered.delete(key)
      return { kind: 'answer', answer: settled }
    } catch (cause) {
      this.#remembered.delete(key)
      throw cause
    }
  }
}
