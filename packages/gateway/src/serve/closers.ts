import type { Log } from '#core/log.ts'

/** Time to close everything: most supervisors kill after ten seconds, so one part that hangs must not use up the time of the others. */
const CLOSE_ALL_MS = 9_000
/** What a part still gets when that time is used up. */
const CLOSE_PART_MS_MIN = 100

/** What was opened, to be closed in the opposite order, each even if another fails or hangs. */
export class Closers {
  readonly #log: Log
  readonly #opened: { readonly name: string; readonly close: () => Promise<void> | void }[] = []

  #isWhole = true

  constructor(log: Log) {
    this.#log = log
  }

  /** True while every part that was closed has closed in time and without an error. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  add<T extends { close(): Promise<void> | void }>(name: string, part: T): T {
    this.#opened.push({ name, close: () => part.close() })
    return part
  }

  async closeAll(): Promise<void> {
    const deadline = performance.now() + CLOSE_ALL_MS
    for (let part = this.#opened.pop(); part !== undefined; part = this.#opened.pop()) {
      const { name, close } = part
      // Half of what is left. What was opened first is closed last, the store among it, and must not be cut short.
      const closeMs = Math.max(CLOSE_PART_MS_MIN, (deadline - performance.now()) / 2)
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`took longer than ${Math.round(closeMs)} ms`)), closeMs)
      })
      try {
        await Promise.race([Promise.resolve(close()), late])
      } catch (cause) {
        this.#isWhole = false
        this.#log.error('a part could not be closed', { part: name, cause })
      } finally {
        clearTimeout(timer)
      }
    }
  }
}
