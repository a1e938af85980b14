import { DatabaseError } from 'pg'
import { CursorInvalid, StoreFailure, StoreUnavailable, WriterEnded } from '../errors.ts'

/** Two transactions waited for each other, or the isolation level could not be kept: nothing happened, and it may be done again. */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01'])
/**
 * Connections lost or refused (class 08), shutting down and starting up (57P0x), too many connections, a standby (25006), out of time or
 * out of memory, lock not available: it may work in a moment.
 */
const FOR_NOW = /^(?:08...|57P0.|57014|53200|53300|53400|25006|55P03)$/
/** A prepared statement does not fit the tables any more, because somebody migrated them. A new connection prepares it anew. */
const OUTDATED = /^(?:26000|0A000)$/

/** Whether the same connection can go on after this error: the server answered it and is still there, or was not asked at all. */
export function isConnectionSound(cause: unknown): boolean {
  if (isOfCaller(cause)) return true
  return isFromServer(cause) && cause.severity === 'ERROR' && !isOutdated(cause)
}

/** Whether nothing happened and doing it again may work. What was lost with a connection is not among them: it may have happened. */
export function mayRepeat(cause: unknown): boolean {
  return isFromServer(cause) && (CONFLICTS.has(cause.code ?? '') || isOutdated(cause))
}

/**
 * As callers learn of it. `what` was being done; the driver's words, which can name tables and addresses but no credential, ride along as
 * the cause, for the log.
 */
export function toStoreError(cause: unknown, what: string): Error {
  if (cause instanceof Error && (isOfCaller(cause) || cause instanceof StoreFailure)) return cause
  const message = `the store could not complete ${what}`
  const isForNow = isFromServer(cause) ? FOR_NOW.test(cause.code ?? '') || mayRepeat(cause) : isOfConnection(cause)
  return isForNow ? new StoreUnavailable(message, { cause }) : new StoreFailure(message, { cause })
}

/** Refusals of the ports themselves. */
function isOfCaller(cause: unknown): boolean {
  return cause instanceof CursorInvalid || cause instanceof WriterEnded
}

function isOutdated(cause: DatabaseError): boolean {
  return OUTDATED.test(cause.code ?? '') && (cause.code === '26000' || cause.routine === 'RevalidateCachedQuery')
}

function isFromServer(cause: unknown): cause is DatabaseError {
  return cause instanceof DatabaseError
}

/** The driver's own errors are plain ones; a bug of ours in a port method is a TypeError or RangeError. */
function isOfConnection(cause: unknown): boolean {
  return cause instanceof Error && !(cause instanceof TypeError) && !(cause instanceof RangeError)
}
