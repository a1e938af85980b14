const PATIENCE_MS = 10_000
/** Of what came instead, the last that are shown. */
export const SHOWN_MAX = 20

/** What arrived and waits to be looked at, in order of arrival. */
export class Inbox<T> {
  readonly #waiting: T[] = []
  readonly #describe: (item: T) => string
  #wake: (() => void) | null = null
  /** Takes what it answers true for before anybody else sees it. */
  intercept: (item: T) => boolean = () => false

  constructor(describe: (item: T) => string) {
    this.#describe = describe
  }

  get left(): readonly T[] {
    return this.#waiting
  }

  put(item: T): void {
    if (this.intercept(item)) return
    this.#waiting.push(item)
    this.#wake?.()
  }

  /** The first that fits, as soon as there is one. Rejects, naming what came instead, when none does. */
  async take<S extends T>(what: string, fits: (item: T) => item is S): Promise<S>
  async take(what: string, fits: (item: T) => boolean): Promise<T>
  async take(what: string, fits: (item: T) => boolean): Promise<T> {
    const deadline = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const at = this.#waiting.findIndex(fits)
      const [found] = at < 0 ? [] : this.#waiting.splice(at, 1)
      if (found !== undefined) return found
      if (deadline.aborted) {
        throw new Error(
          `did not arrive: ${what}\ninstead: ${this.#waiting.slice(-SHOWN_MAX).map(this.#describe).join('\n  ') || 'nothing'}`,
        )
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
      this.#wake = null
    }
  }
}
