import type { Log } from '#core/log.ts'

/** Longest that one part may take to close before the next is closed all the same. */
const CLOSE_MS = 10_000

/** What was opened, to be closed in the opposite order, each even if another fails or hangs. */
export class Closers {
  readonly #log: Log
  readonly #opened: { readonly name: string; readonly close: () => Promise<void> | void }[] = []

  constructor(log: Log) {
    this.#log = log
  }

  add<T extends { close(): Promise<void> | void }>(name: string, part: T): T {
    this.#opened.push({ name, close: () => part.close() })
    return part
  }

  async closeAll(): Promise<void> {
    for (let part = this.#opened.pop(); part !== undefined; part = this.#opened.pop()) {
      const { name, close } = part
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`took longer than ${CLOSE_MS} ms`)), CLOSE_MS)
      })
      try {
        await Promise.race([Promise.resolve(close()), late])
      } catch (cause) {
        this.#log.error('a part could not be closed', { part: name, cause })
      } finally {
        clearTimeout(timer)
      }
    }
  }
}
