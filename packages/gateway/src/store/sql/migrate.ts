import { type Kysely, sql } from 'kysely'
import { StoreTooNew } from '../errors.ts'
import { isPostgres } from './dialect.ts'
import { up as firstTables } from './migrations/0001-first-tables.ts'
import { up as replicas } from './migrations/0002-replicas.ts'
import { up as apiKeys } from './migrations/0003-api-keys.ts'
import { up as registration } from './migrations/0004-registration.ts'
import { up as usedProofs } from './migrations/0005-used-proofs.ts'
import { up as signingKeyStates } from './migrations/0006-signing-key-states.ts'
import { up as keptReplies } from './migrations/0007-kept-replies.ts'
import { up as accountLinks } from './migrations/0008-account-links.ts'
import { up as providerLogins } from './migrations/0009-provider-logins.ts'
import { up as secondFactors } from './migrations/0010-second-factors.ts'

interface Migration {
  /** File name without extension; order is by the number in front. */
  readonly name: string
  up(db: Kysely<unknown>): Promise<void>
}

const MIGRATIONS: readonly Migration[] = [
  { name: '0001-first-tables', up: firstTables },
  { name: '0002-replicas', up: replicas },
  { name: '0003-api-keys', up: apiKeys },
  { name: '0004-registration', up: registration },
  { name: '0005-used-proofs', up: usedProofs },
  { name: '0006-signing-key-states', up: signingKeyStates },
  { name: '0007-kept-replies', up: keptReplies },
  { name: '0008-account-links', up: accountLinks },
  { name: '0009-provider-logins', up: providerLogins },
  { name: '0010-second-factors', up: secondFactors },
]

export const MIGRATION_NAMES: readonly string[] = MIGRATIONS.map(({ name }) => name)

/**
 * Brings the schema forward to this version; there is no way back. The caller gives a transaction that nobody else can write beside
 * and commits it: either every missing migration happened or none. Answers which were run.
 * @throws StoreTooNew when the store holds a migration this version does not know.
 */
export async function migrate(
  db: Kysely<unknown>,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<readonly string[]> {
  const done = await namesDone(db)
  const known = new Set(migrations.map((migration) => migration.name))
  const unknown = [...done].find((name) => !known.has(name))
  if (unknown !== undefined) throw new StoreTooNew(unknown)
  const missing = migrations.filter(({ name }) => !done.has(name))
  for (const migration of missing) {
    await migration.up(db)
    await sql`insert into schema_migrations (name) values (${migration.name})`.execute(db)
  }
  return missing.map(({ name }) => name)
}

async function namesDone(db: Kysely<unknown>): Promise<ReadonlySet<string>> {
  // Asked for and not just created if it is missing: a role that may only use the tables must be able to start.
  const { rows: found } = await (isPostgres(db)
    ? sql`select 1 where to_regclass('schema_migrations') is not null`
    : sql`select 1 from sqlite_master where type = 'table' and name = 'schema_migrations'`
  ).execute(db)
  if (found.length === 0) await sql`create table schema_migrations (name text primary key)`.execute(db)
  const { rows } = await sql<{ name: string }>`select name from schema_migrations order by name`.execute(db)
  return new Set(rows.map((row) => row.name))
}
