import { DatabaseSync } from 'node:sqlite'
import { StoreInUse } from '../errors.ts'

const SQLITE_BUSY = 5

/**
 * Takes the store for this connection until it is closed or its process dies. The lock is the operating system's, on a small database
 * of its own that is held in an exclusive transaction: `kill -9` releases it, no stale file can block a start, and a second opener in
 * the same process is refused like one in another.
 * @throws StoreInUse when somebody holds it.
 */
export function lockStore(file: string): DatabaseSync {
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    lock.exec('begin exclusive')
    return lock
  } catch (error) {
    lock.close()
    if (isBusy(error)) throw new StoreInUse()
    throw error
  }
}

function isBusy(error: unknown): boolean {
  // The low byte is the primary code; the rest says what kind of busy.
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}
