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
    return calls.map(() => ({ ok: false, error }))
  }
}

async function runInSavepoint(db: DatabaseSync, call: () => Promise<unknown>): Promise<Outcome> {
  db.exec('savepoint call')
  try {
    const value = await call()
    db.exec('release call')
    return { ok: true, value }
  } catch (error) {
    // On a full disk or an I/O error SQLite may give up the whole transaction, and then the earlier calls are undone as well.
    if (!db.isTransaction) throw error
    db.exec('rollback to call; release call')
    return error instanceof RollBack ? { ok: true, value: error.outcome } : { ok: false, error }
  }
}
