import type { ClientBase } from 'pg'
import { StoreUnavailable, StoreUnsafe } from '../errors.ts'
import type { PostgresSettings } from '../ports/settings.ts'

/** What `on duplicate`, `for key share` and identity of sessions need; older ones are not maintained any more. */
const VERSION_MIN = 140_000
const IN_TRANSACTION_IDLE_MS = 30_000

interface SessionFacts {
  readonly version: number
  readonly encoding: string
  readonly fsync: string
  readonly full_page_writes: string
  readonly commit_before: string
  readonly commit: string
  readonly is_standby: boolean
}

export interface SessionLimits {
  readonly statementTimeoutMs: number
  /** The server ends the session after this long without a word from us; 0: never. */
  readonly idleTimeoutMs?: number
}

/**
 * Makes a new connection one that our statements mean the same on, whatever server, database or role are set to, and refuses a server that
 * would forget what it acknowledged. One round trip. `warn` is told what the operator should change.
 * @throws StoreUnsafe, StoreUnavailable for a standby
 */
export async function prepareSession(
  client: ClientBase,
  { schema }: PostgresSettings,
  { statementTimeoutMs, idleTimeoutMs = 0 }: SessionLimits,
  warn: (message: string) => void,
): Promise<void> {
  const settings = {
    // Names are looked up in our schema alone: nobody can plant a function or table before it.
    search_path: `${schema}, pg_temp`,
    default_transaction_isolation: 'read committed',
    default_transaction_read_only: 'off',
    default_transaction_deferrable: 'off',
    standard_conforming_strings: 'on',
    bytea_output: 'hex',
    statement_timeout: String(statementTimeoutMs),
    lock_timeout: '0',
    idle_in_transaction_session_timeout: String(IN_TRANSACTION_IDLE_MS),
    idle_session_timeout: String(idleTimeoutMs),
    // A machine of ours that vanished must not hold its locks for hours.
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
  }
  const names = Object.keys(settings)
  const { rows } = await client.query<SessionFacts>(
    `with before as materialized (select current_setting('synchronous_commit') as value),
      done as materialized (
        select set_config('synchronous_commit', case value when 'off' then 'on' else value end, false) as value from before
      ),
      given as materialized (${names.map((_, at) => `select set_config($${2 * at + 1}, $${2 * at + 2}, false)`).join(' union all ')})
    select
      current_setting('server_version_num')::int as version,
      current_setting('server_encoding') as encoding,
      current_setting('fsync') as fsync,
      current_setting('full_page_writes') as full_page_writes,
      before.value as commit_before,
      done.value as commit,
      pg_is_in_recovery() as is_standby
    from before, done, (select count(*) from given) as settled`,
    Object.entries(settings).flat(),
  )
  judge(rows[0], warn)
}

function judge(facts: SessionFacts | undefined, warn: (message: string) => void): void {
  if (facts === undefined) throw new StoreUnavailable('the database server did not describe itself')
  if (facts.version < VERSION_MIN) throw new StoreUnsafe('the database server is older than PostgreSQL 14')
  if (facts.encoding !== 'UTF8') throw new StoreUnsafe('the database is not in UTF8: create it with encoding UTF8')
  if (facts.is_standby) throw new StoreUnavailable('the database server is a standby: nothing can be written there')
  // Nothing below the server can make up for it.
  if (facts.fsync !== 'on') throw new StoreUnsafe('the database server runs with fsync off and would forget commits')
  if (facts.commit === 'off') throw new StoreUnsafe('synchronous_commit cannot be switched on')
  if (facts.commit_before === 'off')
    warn('the database server has synchronous_commit off; our own sessions switch it on')
  if (facts.full_page_writes !== 'on')
    warn('the database server has full_page_writes off; a power cut may damage it unless its disk writes whole pages')
}
