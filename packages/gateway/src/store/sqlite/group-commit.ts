import type { DatabaseSync } from 'node:sqlite'
import { RollBack } from '../sql/roll-back.ts'

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/**
 * Runs calls that wait at the same time in one transaction, each in a savepoint of its own, and commits once: many callers share one
 * fsync. A call that fails takes only its own writes back. Nothing is answered before the commit; if that fails, none of them happened.
 */
export async function commitTogether(
  db: DatabaseSync,
  calls: readonly (() => Promise<unknown>)[],
): Promise<readonly Outcome[]> {
  try {
    db.exec('begin immediate')
    const outcomes: Outcome[] = []
    for (const call of calls) outcomes.push(await runInSavepoint(db, call))
    db.exec('commit')
    return outcomes
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    if (error instanceof Abandoned && calls.length > 1) return oneByOne(db, calls)
    return calls.map(() => ({ ok: false, error: error instanceof Abandoned ? error.cause : error }))
  }
}

/** So that a call too large for the disk fails alone. None was answered yet, and all their writes are undone: they may run again. */
async function oneByOne(db: DatabaseSync, calls: readonly (() => Promise<unknown>)[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const call of calls) outcomes.push(...(await commitTogether(db, [call])))
  return outcomes
}

/** SQLite has rolled back the whole transaction by itself, the earlier calls' writes included. */
class Abandoned extends Error {}

async function runInSavepoint(db: DatabaseSync, call: () => Promise<unknown>): Promise<Outcome> {
  db.exec('savepoint call')
  try {
    const value = await call()
    db.exec('release call')
    return { ok: true, value }
  } catch (error) {
    // It does so on a full disk in the midst of a large row, and on some I/O errors.
    if (!db.isTransaction) throw new Abandoned('transaction abandoned', { cause: error })
    db.exec('rollback to call; release call')
    return error instanceof RollBack ? { ok: true, value: error.outcome } : { ok: false, error }
  }
}
