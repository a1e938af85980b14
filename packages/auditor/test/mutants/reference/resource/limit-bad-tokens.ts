/** Answers whether an address may show another token: so many bad ones at once, and so many more each second. Good ones cost nothing. */
export class BadTokenLimit {
  static readonly BURST = 40
  static readonly PER_SECOND = 20
  #left = BadTokenLimit.BURST
  readonly #nowMs: () => number
  #atMs: number

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
    this.#atMs = nowMs()
  }

  isReached(): boolean {
    this.#refill()
    return this.#left < 1
  }

  count(): void {
    this.#refill()
    this.#left = Math.max(0, this.#left - 1)
  }

  #refill(): void {
    const now = this.#nowMs()
    this.#left = Math.min(BadTokenLimit.BURST, this.#left + ((now - this.#atMs) / 1000) * BadTokenLimit.PER_SECOND)
    this.#atMs = now
  }
}
