import { CursorInvalid, StoreFailure, StoreInUse, StoreTooNew, WriterEnded } from '../errors.ts'
import type { Failure } from './messages.ts'

export function toFailure(error: unknown): Failure {
  const detail = error instanceof Error ? error.message : String(error)
  if (error instanceof StoreInUse) return { kind: 'inUse', detail }
  if (error instanceof StoreTooNew) return { kind: 'tooNew', detail: error.migration }
  if (error instanceof CursorInvalid) return { kind: 'cursorInvalid', detail }
  if (error instanceof WriterEnded) return { kind: 'writerEnded', detail }
  return { kind: 'broken', detail }
}

/** `message` is what a caller may read; SQLite's words, which can name files and columns, ride along as the cause. */
export function toError(failure: Failure, message: string): Error {
  switch (failure.kind) {
    case 'inUse':
      return new StoreInUse()
    case 'tooNew':
      return new StoreTooNew(failure.detail)
    case 'cursorInvalid':
      return new CursorInvalid()
    case 'writerEnded':
      return new WriterEnded()
    case 'broken':
      return new StoreFailure(message, { cause: new Error(failure.detail) })
  }
}
