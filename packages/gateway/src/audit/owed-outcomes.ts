import { WriterEnded } from '#store/errors.ts'
import type { AuditEntry } from '#store/ports/audit.ts'

/** How often what could not be written is tried again. */
const RETRY_EVERY_MS = 1_000
/** Tried in one append. */
const BATCH_MAX = 100
/** More than this are left to the next start, which finds every intent without an outcome (settle-interrupted-calls.ts). */
const OWED_MAX = 10_000

interface Debt {
  readonly entries: readonly AuditEntry[]
  readonly writer: string | null
}

/**
 * Outcomes of calls that were made but could not be recorded, because the disk was full for instance. Nobody got an answer to such a
 * call; the log still owes it an outcome, and gets it as soon as writing works again. Some of them may be there already, where only the
 * answer to the write was lost.
 */
export class OwedOutcomes {
  readonly #appendAgain: (entries: readonly AuditEntry[], writer: string | null) => Promise<void>
  #owed: Debt[] = []
  #hasDropped = false
  #timer: NodeJS.Timeout | null = null
  #paying: Promise<void> | null = null

  constructor(appendAgain: (entries: readonly AuditEntry[], writer: string | null) => Promise<void>) {
    this.#appendAgain = appendAgain
  }

  /** True once every outcome there was to record is recorded. */
  get isSettled(): boolean {
    return this.#owed.length === 0 && !this.#hasDropped
  }

  /** Entries that are written together or not at all. */
  add(entries: readonly AuditEntry[], writer: string | null): void {
    if (this.#owed.length >= OWED_MAX) {
      this.#hasDropped = true
      return
    }
    this.#owed.push({ entries, writer })
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
    for (let first = this.#owed[0]; first !== undefined; first = this.#owed[0]) {
      const { writer } = first
      const end = this.#owed.findIndex((debt) => debt.writer !== writer)
      const batch = this.#owed.slice(0, Math.min(BATCH_MAX, end === -1 ? BATCH_MAX : end))
      try {
        await this.#appendAgain(
          batch.flatMap((debt) => debt.entries),
          writer,
        )
      } catch (cause) {
        // Whoever ended that writer has settled its calls, or will.
        if (!(cause instanceof WriterEnded)) throw cause
      }
      this.#owed = this.#owed.slice(batch.length)
    }
    this.stop()
  }
}
