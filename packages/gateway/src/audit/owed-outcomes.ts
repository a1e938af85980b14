import type { AuditEntry } from '#store/ports/audit.ts'

/** How often what could not be written is tried again. */
const RETRY_EVERY_MS = 1_000
/** Tried in one append. */
const BATCH_MAX = 100
/** More than this are left to the next start, which finds every intent without an outcome (settle-interrupted-calls.ts). */
const OWED_MAX = 10_000

/**
 * Outcomes of calls that were made but could not be recorded, because the disk was full for instance. Nobody got an answer to such a
 * call; the log still owes it an outcome, and gets it as soon as writing works again.
 */
export class OwedOutcomes {
  readonly #append: (entries: readonly AuditEntry[]) => Promise<void>
  #owed: AuditEntry[] = []
  #hasDropped = false
  #timer: NodeJS.Timeout | null = null
  #paying: Promise<void> | null = null

  constructor(append: (entries: readonly AuditEntry[]) => Promise<void>) {
    this.#append = append
  }

  /** True once every outcome there was to record is recorded. */
  get isSettled(): boolean {
    return this.#owed.length === 0 && !this.#hasDropped
  }

  add(entry: AuditEntry): void {
    if (this.#owed.length >= OWED_MAX) {
      this.#hasDropped = true
      return
    }
    this.#owed.push(entry)
    this.#timer ??= setInterval(() => void this.pay().catch(() => undefined), RETRY_EVERY_MS).unref()
  }

  /** Writes what is owed. Rejects when that does not work; what is left stays owed. */
  async pay(): Promise<void> {
    this.#paying ??= this.#payAll().finally(() => {
      this.#paying = null
    })
    await this.#paying
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  async #payAll(): Promise<void> {
    while (this.#owed.length > 0) {
      const batch = this.#owed.slice(0, BATCH_MAX)
      await this.#append(batch)
      this.#owed = this.#owed.slice(batch.length)
    }
    this.stop()
  }
}
