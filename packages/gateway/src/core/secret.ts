import { inspect } from 'node:util'

/** A value that must not be printed. Logging, JSON and string templates show `[redacted]`; `reveal()` is the one greppable way out. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }

  [inspect.custom](): string {
    return '[redacted]'
  }
}
