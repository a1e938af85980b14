import type { Principal } from '#identity/principal.ts'

/** About 200 bytes each. Beyond it the oldest are forgotten, and recorded once more when they come again. */
const TOKENS_MAX = 120_000

/**
 * Which tokens have been seen at the door. A token that is accepted for the first time since the start leaves a record before anything is
 * done for it; what it does afterwards leaves records of its own. So every authentication is in the log, and a busy agent does not write
 * the same sentence with every call.
 */
export class FirstUses {
  readonly #tokensMax: number
  readonly #recorded = new Map<string, { readonly expiresAt: number; readonly record: Promise<void> }>()

  constructor(tokensMax: number = TOKENS_MAX) {
    this.#tokensMax = tokensMax
  }

  get size(): number {
    return this.#recorded.size
  }

  /** Resolves once the first use of this token is durable, at once if it is already. Rejects when it could not be written. */
  async note(principal: Principal, nowSeconds: number, write: () => Promise<void>): Promise<void> {
    // Neither part can hold a space. The token is bound to one server, so it names the door as well.
    const key = `${principal.tenant} ${principal.tokenId}`
    const known = this.#recorded.get(key)
    if (known !== undefined) return await known.record
    this.#makeRoom(nowSeconds)
    const record = write()
    this.#recorded.set(key, { expiresAt: principal.expiresAt, record })
    try {
      await record
    } catch (cause) {
      this.#recorded.delete(key)
      throw cause
    }
  }

  #makeRoom(nowSeconds: number): void {
    for (const [key, { expiresAt }] of this.#recorded) {
      if (expiresAt > nowSeconds && this.#recorded.size < this.#tokensMax) return
      this.#recorded.delete(key)
    }
  }
}
