import type { Clock } from '#core/clock.ts'

/** A clock that stands until it is moved. */
export class AdjustableClock implements Clock {
  #ms: number

  constructor(startMs = 1_795_000_000_000) {
    this.#ms = startMs
  }

  nowSeconds(): number {
    return Math.floor(this.#ms / 1000)
  }

  nowMs(): number {
    return this.#ms
  }

  monotonicMs(): number {
    return this.#ms
  }

  forward(seconds: number): void {
    this.#ms += seconds * 1000
  }
}
