import { StoreFailure, StoreUnavailable, WriterEnded } from '../errors.ts'
import type { AuditEntry } from '../ports/audit.ts'

type Append = (entries: readonly AuditEntry[], writer?: string) => Promise<void>

/** Calls that share one transaction. More wait for the next. */
const CALLS_TOGETHER_MAX = 256
/** Calls that wait while others are written; beyond it they are refused, so that a slow server cannot fill the memory. */
const CALLS_WAITING_MAX = 4_096

interface Waiting {
  readonly entries: readonly AuditEntry[]
  readonly writer: string | undefined
  resolve(): void
  reject(cause: unknown): void
}

/**
 * Appends to the log say nothing to each other, and under load they are most of what is written: while some are on their way, the next ones
 * gather and go together, with one commit. Each is answered after that commit. Where one of them is to blame for a failure, each goes alone;
 * where it is not known what became of them (a lost connection), all are told so.
 */
export function appendTogether(append: Append): { readonly append: Append; close(): Promise<void> } {
  const waiting: Waiting[] = []
  let working: Promise<void> | null = null
  let isClosed = false

  const work = async () => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const { writer } = first
      const end = waiting.findIndex((one) => one.writer !== writer)
      await writeAll(waiting.splice(0, Math.min(CALLS_TOGETHER_MAX, end === -1 ? CALLS_TOGETHER_MAX : end)), writer)
    }
    working = null
  }
  const writeAll = async (calls: readonly Waiting[], writer: string | undefined): Promise<void> => {
    try {
      await append(
        calls.flatMap(({ entries }) => entries),
        writer,
      )
      for (const call of calls) call.resolve()
    } catch (cause) {
      const isOnesFault = calls.length > 1 && !(cause instanceof StoreUnavailable) && !(cause instanceof WriterEnded)
      if (!isOnesFault) for (const call of calls) call.reject(cause)
      else for (const call of calls) await writeAll([call], writer)
    }
  }
  return {
    append: (entries, writer) => {
      if (isClosed) return Promise.reject(new StoreFailure('the store is closed'))
      if (waiting.length >= CALLS_WAITING_MAX)
        return Promise.reject(new StoreUnavailable('the store has too many calls under way to take audit.append'))
      return new Promise((resolve, reject) => {
        waiting.push({ entries, writer, resolve, reject })
        working ??= work()
      })
    },
    /** Resolves once what was asked for is answered; later calls are refused. */
    close: async () => {
      isClosed = true
      await working
    },
  }
}
