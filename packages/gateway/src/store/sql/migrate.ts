import { type Kysely, sql } from 'kysely'
import { StoreTooNew } from '../errors.ts'
import { up as firstTables } from './migrations/0001-first-tables.ts'

interface Migration {
  /** File name without extension; order is by the number in front. */
  readonly name: string
  up(db: Kysely<unknown>): Promise<void>
}

const MIGRATIONS: readonly Migration[] = [{ name: '0001-first-tables', up: firstTables }]

/**
 * Brings the schema forward to this version; there is no way back. The caller gives a transaction that nobody else can write beside
 * and commits it: either every missing migration happened or none.
 * @throws StoreTooNew when the store holds a migration this version does not know.
 */
export async function migrate(db: Kysely<unknown>, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  await sql`create table if not exists schema_migrations (name text primary key)`.execute(db)
  const { rows } = await sql<{ name: string }>`select name from schema_migrations order by name`.execute(db)
  const done = new Set(rows.map((row) => row.name))
  const known = new Set(migrations.map((migration) => migration.name))
  const unknown = [...done].find((name) => !known.has(name))
  if (unknown !== undefined) throw new StoreTooNew(unknown)
  for (const migration of migrations) {
    if (done.has(migration.name)) continue
    await migration.up(db)
    await sql`insert into schema_migrations (name) values (${migration.name})`.execute(db)
  }
}
