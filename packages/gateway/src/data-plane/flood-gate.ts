const WINDOW_MS = 60_000

/** Lets so many through in a minute, and marks the first beyond, so that a flood leaves one trace instead of thousands. */
export class FloodGate {
  readonly #perMinuteMax: number
  readonly #monotonicMs: () => number
  #windowFrom = Number.NEGATIVE_INFINITY
  #count = 0

  constructor(perMinuteMax: number, monotonicMs: () => number) {
    this.#perMinuteMax = perMinuteMax
    this.#monotonicMs = monotonicMs
  }

  pass(): 'passes' | 'firstBeyond' | 'beyond' {
    const now = this.#monotonicMs()
    if (now - this.#windowFrom >= WINDOW_MS) {
      this.#windowFrom = now
      this.#count = 0
    }
    this.#count += 1
    if (this.#count <= this.#perMinuteMax) return 'passes'
    return this.#count === this.#perMinuteMax + 1 ? 'firstBeyond' : 'beyond'
  }
}
