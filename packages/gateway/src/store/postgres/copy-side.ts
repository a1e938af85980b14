import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import type { CopySide } from '../copy/copy-side.ts'
import { CopyRefused } from '../copy/copy-store.ts'
import { requireCurrent } from '../copy/current.ts'
import type { PostgresSettings } from '../ports/settings.ts'
import { clientConfig } from './client-config.ts'
import { endClient } from './end-client.ts'
import { explainOpening } from './explain-opening.ts'
import { migratePostgres } from './migrate.ts'
import { prepareSession } from './prepare-session.ts'
import { queriesOver } from './queries.ts'

/** A copy takes as long as it takes; a single statement of it does not. */
const STATEMENT_MS_MAX = 10 * 60_000
/** Gateways that live beat more often than this. */
const BEAT_MS_MAX = 5_000

/**
 * A schema for `db copy`. No gateway may run on it, and none can start before this is closed.
 * @throws CopyRefused, StoreTooNew, StoreUnsafe, StoreUnavailable, StoreFailure
 */
export async function openPostgresSide(
  settings: PostgresSettings,
  role: 'source' | 'target',
  warn: (message: string) => void,
): Promise<CopySide> {
  const config = clientConfig(settings, () => settings.password)
  if (role === 'target') await migratePostgres(config, settings, warn)
  const client = new Client({ ...config, query_timeout: STATEMENT_MS_MAX })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await prepareSession(client, settings, { statementTimeoutMs: STATEMENT_MS_MAX }, warn)
    // The pauses of reading the other side are ours.
    await client.query('set idle_in_transaction_session_timeout to 0')
    if (role === 'source') await requireCurrent(queriesOver<unknown>(client, null))
    await requireNobody(client)
    // Of one moment, from first to last.
    await client.query('begin isolation level repeatable read read write')
    // Whoever would start a gateway here waits for this row lock's table.
    await client.query('lock table replicas in share row exclusive mode')
    return {
      engine: 'postgres',
      db: queriesOver(client, null),
      commit: async () => {
        const { command } = await client.query('commit')
        if (command !== 'COMMIT') throw new CopyRefused('the database server took everything back')
      },
      close: () => endClient(client),
    }
  } catch (cause) {
    await endClient(client)
    throw explainOpening(cause)
  }
}

/** One that was killed stays in the list, but its beats stand still. */
async function requireNobody(client: Client): Promise<void> {
  const beats = async () => {
    const { rows } = await client.query(
      "select tenant, id, beats from replicas where state = 'alive' order by tenant, id",
    )
    return JSON.stringify(rows)
  }
  const before = await beats()
  if (before === '[]') return
  await wait(BEAT_MS_MAX)
  if ((await beats()) !== before) throw new CopyRefused('a gateway runs on this store: stop it first')
}
