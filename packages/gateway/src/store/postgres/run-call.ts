import type { ClientBase } from 'pg'
import { StoreFailure } from '../errors.ts'
import { RollBack } from '../sql/roll-back.ts'
import type { Connections, Session } from './connections.ts'
import { isConnectionSound, mayRepeat, toStoreError } from './failures.ts'

/** How often a call is begun whose transaction could not go on beside others. */
const ATTEMPTS_MAX = 6

/** Only looks: every statement sees what was committed when it began. */
export function look<T>(connections: Connections, what: string, method: (session: Session) => Promise<T>): Promise<T> {
  return repeated(connections, what, method)
}

/** In a transaction of its own, committed and durable when this resolves; `RollBack` resolves with its outcome and leaves nothing. */
export function write<T>(connections: Connections, what: string, method: (session: Session) => Promise<T>): Promise<T> {
  return repeated(connections, what, (session, attempts) =>
    inTransaction(session.client, async () => {
      // Those that lost go on one after another: beside each other they would only meet again.
      if (attempts > 1) await session.client.query('select pg_advisory_xact_lock($1::bigint)', [connections.losersLock])
      return method(session)
    }),
  )
}

/**
 * Read committed: every port method is made of conditional changes that hold their rows to the end, and what must be counted first is held
 * by a counter row. A stricter level would refuse what merely waited for such a row.
 */
export async function inTransaction<T>(client: ClientBase, method: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level read committed read write')
  let value: T
  try {
    value = await method()
  } catch (cause) {
    await rollBack(client, cause)
    if (cause instanceof RollBack) return cause.outcome as T // rollBack<T> in the method itself sees to that.
    throw cause
  }
  const { command } = await client.query('commit')
  // A transaction that failed inside answers a commit by rolling back.
  if (command !== 'COMMIT') throw new StoreFailure('the transaction was rolled back')
  return value
}

/** After any other error the connection is thrown away, and the server rolls back when it ends. */
async function rollBack(client: ClientBase, cause: unknown): Promise<void> {
  if (cause instanceof RollBack || isConnectionSound(cause)) await client.query('rollback')
}

/** Port methods use nothing but the database and their arguments, so an attempt that left nothing may be made again. */
async function repeated<T>(
  connections: Connections,
  what: string,
  attempt: (session: Session, attempts: number) => Promise<T>,
): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await connections.use((session) => attempt(session, attempts))
    } catch (cause) {
      if (attempts >= ATTEMPTS_MAX || !mayRepeat(cause)) throw toStoreError(cause, what)
    }
  }
}
