import { createHmac } from 'node:crypto'

/** Bytes that nobody can guess who does not have the seed: the n-th ones for a label are the same in every run with that seed. */
export class SeededBytes {
  readonly #seed: Buffer
  readonly #counts = new Map<string, number>()

  constructor(seed: Buffer) {
    this.#seed = seed
  }

  /** At most 32. */
  next(label: string, length: number): Buffer {
    const count = this.#counts.get(label) ?? 0
    this.#counts.set(label, count + 1)
    return createHmac('sha256', this.#seed)
      .update(JSON.stringify([label, count]))
      .digest()
      .subarray(0, length)
  }
}
