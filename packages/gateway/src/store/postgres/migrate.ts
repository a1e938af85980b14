import { Client, type ClientBase, type ClientConfig } from 'pg'
import type { PostgresSettings } from '../ports/settings.ts'
import { migrate } from '../sql/migrate.ts'
import { endClient } from './end-client.ts'
import { explainOpening } from './explain-opening.ts'
import { lockKey } from './lock-key.ts'
import { prepareSession } from './prepare-session.ts'
import { queriesOver } from './queries.ts'
import { inTransaction } from './run-call.ts'

/** For all migrations together, the wait for another process that migrates included. */
const MIGRATION_MS_MAX = 10 * 60_000

/**
 * Brings the schema to this version, in one transaction under an advisory lock, so that of many processes one does it and the others wait.
 * Where nothing is to be done nothing is changed, and a role that may only read and write rows is enough. Answers what was run.
 * @throws StoreTooNew, StoreUnsafe, StoreUnavailable, StoreFailure
 */
export async function migratePostgres(
  config: ClientConfig,
  settings: PostgresSettings,
  warn: (message: string) => void,
): Promise<readonly string[]> {
  const client = new Client({ ...config, query_timeout: MIGRATION_MS_MAX })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await prepareSession(client, settings, { statementTimeoutMs: MIGRATION_MS_MAX }, warn)
    return await inTransaction(client, async () => {
      await client.query('select pg_advisory_xact_lock($1::bigint)', [lockKey(settings, 'migrate')])
      await makeSchema(client, settings)
      return migrate(queriesOver<unknown>(client, null))
    })
  } catch (cause) {
    throw explainOpening(cause)
  } finally {
    await endClient(client)
  }
}

/** Asked for first: the right to create one is only needed where it is missing. */
async function makeSchema(client: ClientBase, { schema }: PostgresSettings): Promise<void> {
  const { rows } = await client.query('select 1 where to_regnamespace($1) is not null', [schema])
  if (rows.length === 0) await client.query(`create schema ${client.escapeIdentifier(schema)}`)
}
