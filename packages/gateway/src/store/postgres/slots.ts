import { StoreUnavailable } from '../errors.ts'

interface Waiter {
  resolve(): void
  reject(cause: Error): void
  readonly timer: NodeJS.Timeout
}

export interface SlotLimits {
  /** At work at once. */
  readonly slots: number
  /** Waiting at once; beyond it callers are refused. */
  readonly waitingMax: number
  /** Longest wait. */
  readonly waitMs: number
}

/** First come, first served, for so many at once; the line has an end and a patience. */
export class Slots {
  readonly #limits: SlotLimits
  readonly #waiting: Waiter[] = []
  #taken = 0
  #onIdle: (() => void) | null = null

  constructor(limits: SlotLimits) {
    this.#limits = limits
  }

  /** Runs `work` when it is its turn. @throws StoreUnavailable when the line is full, or the turn does not come in time. */
  async in<T>(work: () => Promise<T>): Promise<T> {
    await this.#take()
    try {
      return await work()
    } finally {
      this.#free()
    }
  }

  /** Resolves once nobody works or waits. */
  async idle(): Promise<void> {
    if (this.#taken > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  async #take(): Promise<void> {
    const { slots, waitingMax, waitMs } = this.#limits
    if (this.#taken < slots) {
      this.#taken += 1
      return
    }
    if (this.#waiting.length >= waitingMax) throw new StoreUnavailable('the store has too many calls under way')
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(new StoreUnavailable('the store had no connection free in time'))
      }, waitMs)
      const waiter: Waiter = { resolve, reject, timer }
      this.#waiting.push(waiter)
    })
  }

  #free(): void {
    const next = this.#waiting.shift()
    if (next !== undefined) {
      // The slot passes on as it is.
      clearTimeout(next.timer)
      next.resolve()
      return
    }
    this.#taken -= 1
    if (this.#taken === 0) this.#onIdle?.()
  }
}
