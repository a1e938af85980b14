import type { Clock } from '#core/clock.ts'
import { ok, type Result, refused } from '#core/result.ts'

/** One answered round of one request. */
export interface ParkedKey {
  /** Tenant and subject, joined so that no two subjects share one. */
  readonly owner: string
  readonly argumentDigest: string
  /** From `openRequestState`. */
  readonly parkedId: string
  /** Of the answers: the same state with other answers is another request, and a state is good for one. */
  readonly answersDigest: string
  /** When the state itself runs out, in seconds since the epoch: until then its use is remembered. */
  readonly expiresAt: number
}

export interface ParkedOutcomesOptions<T extends object> {
  readonly clock: Clock
  /** States whose use is remembered, all callers together; beyond, no state is accepted. */
  readonly statesMax: number
  readonly statesPerOwnerMax: number
  /** Outcomes that are kept; beyond, the oldest is forgotten and its state counts as spent. */
  readonly keptBytesMax: number
  /** For how long an outcome is given again. */
  readonly keepMs: number
  readonly sizeOf: (outcome: T) => number
}

export const PARKED_LIMITS = {
  statesMax: 10_000,
  statesPerOwnerMax: 100,
  keptBytesMax: 64 * 1024 * 1024,
  keepMs: 60_000,
} as const

type ParkedProblem = 'spent' | 'exhausted'

interface Entry<T> {
  readonly key: ParkedKey
  readonly joined: Joined<T> | null
  /** Present from the end until it is forgotten. */
  kept: { readonly outcome: T; readonly bytes: number; readonly untilMs: number } | null
}

interface Joined<T> {
  readonly outcome: Promise<T>
  readonly waiting: Set<AbortSignal>
  readonly abort: AbortController
}

/**
 * Lets each `requestState` run its request once. Whoever asks the same while it runs joins; whoever asks the same within a minute after
 * gets the outcome again, because the answer may have been lost on its way; anybody else finds the state spent. When there is no place to
 * remember, nothing runs. A restart forgets: the caller could ask for the same anew anyhow, and was permitted to.
 */
export class ParkedOutcomes<T extends object> {
  readonly #options: ParkedOutcomesOptions<T>
  /** In the order of first use. */
  readonly #entries = new Map<string, Entry<T>>()
  readonly #perOwner = new Map<string, number>()
  #keptBytes = 0

  constructor(options: ParkedOutcomesOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Runs, joins or repeats. `run` gets a signal that is aborted when nobody waits any more. Rejects when `run` does, for all who joined,
   * and the state stays spent: nobody knows how far it came.
   */
  async once(
    key: ParkedKey,
    signal: AbortSignal,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<Result<T, ParkedProblem>> {
    this.#forgetOld()
    const place = `${key.owner}\n${key.parkedId}`
    const found = this.#entries.get(place)
    if (found === undefined) {
      if (!this.#hasRoom(key.owner)) return refused('exhausted')
      return ok(await this.#start(place, key, signal, run))
    }
    if (found.key.argumentDigest !== key.argumentDigest || found.key.answersDigest !== key.answersDigest) {
      return refused('spent')
    }
    if (found.kept !== null) return ok(found.kept.outcome)
    const { joined } = found
    // Cancelled already: the others' leaving was told to the upstream.
    if (joined === null || joined.abort.signal.aborted) return refused('spent')
    join(joined, signal)
    return ok(await joined.outcome)
  }

  async #start(
    place: string,
    key: ParkedKey,
    signal: AbortSignal,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController()
    // Later, so that the entry stands before anything of `run` happens.
    const outcome = Promise.resolve().then(() => run(abort.signal))
    const joined = { outcome, waiting: new Set<AbortSignal>(), abort }
    this.#entries.set(place, { key, joined, kept: null })
    this.#count(key.owner, 1)
    join(joined, signal)
    try {
      const value = await outcome
      this.#keep(place, key, abort.signal.aborted ? null : value)
      return value
    } catch (cause) {
      this.#keep(place, key, null)
      throw cause
    }
  }

  #keep(place: string, key: ParkedKey, outcome: T | null): void {
    const { clock, keepMs, sizeOf, keptBytesMax } = this.#options
    const bytes = outcome === null ? 0 : sizeOf(outcome)
    const kept = outcome === null ? null : { outcome, bytes, untilMs: clock.monotonicMs() + keepMs }
    // Behind those that ended before, which are forgotten first.
    this.#entries.delete(place)
    this.#entries.set(place, { key, joined: null, kept })
    this.#keptBytes += bytes
    for (const entry of this.#entries.values()) {
      if (this.#keptBytes <= keptBytesMax) break
      this.#drop(entry)
    }
  }

  #drop(entry: Entry<T>): void {
    if (entry.kept === null) return
    this.#keptBytes -= entry.kept.bytes
    entry.kept = null
  }

  #hasRoom(owner: string): boolean {
    const { statesMax, statesPerOwnerMax } = this.#options
    return this.#entries.size < statesMax && (this.#perOwner.get(owner) ?? 0) < statesPerOwnerMax
  }

  #forgetOld(): void {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    const nowSeconds = clock.nowSeconds()
    for (const [place, entry] of this.#entries) {
      if (entry.kept !== null && nowMs >= entry.kept.untilMs) this.#drop(entry)
      // The state itself is refused from then on; an outcome is never kept longer.
      if (entry.joined !== null || nowSeconds < entry.key.expiresAt) continue
      this.#drop(entry)
      this.#entries.delete(place)
      this.#count(entry.key.owner, -1)
    }
  }

  #count(owner: string, by: number): void {
    const count = (this.#perOwner.get(owner) ?? 0) + by
    if (count === 0) this.#perOwner.delete(owner)
    else this.#perOwner.set(owner, count)
  }
}

/** Waits with the others until the end, or until this caller is gone; the last who goes ends the run. */
function join<T>({ outcome, waiting, abort }: Joined<T>, signal: AbortSignal): void {
  waiting.add(signal)
  const leave = () => {
    waiting.delete(signal)
    if (waiting.size === 0) abort.abort()
  }
  if (signal.aborted) {
    leave()
    return
  }
  signal.addEventListener('abort', leave, { once: true })
  void outcome.catch(() => {}).finally(() => signal.removeEventListener('abort', leave))
}
