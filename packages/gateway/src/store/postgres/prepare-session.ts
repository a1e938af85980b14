import type { ClientBase } from 'pg'
import type { PostgresSettings } from '../ports/settings.ts'
import { judgeServer, type ServerFacts } from './judge-server.ts'

const IN_TRANSACTION_IDLE_MS = 30_000

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
  const { rows } = await client.query<ServerFacts>(
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
  for (const warning of judgeServer(rows[0])) warn(warning)
}
