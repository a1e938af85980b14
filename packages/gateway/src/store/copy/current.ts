import { type Kysely, sql } from 'kysely'
import { isPostgres } from '../sql/dialect.ts'
import { MIGRATION_NAMES } from '../sql/migrate.ts'
import { CopyRefused } from './copy-store.ts'

/** A source is only read, not even migrated: its tables must be those of this version. @throws CopyRefused */
export async function requireCurrent(db: Kysely<unknown>): Promise<void> {
  const { rows: found } = await (isPostgres(db)
    ? sql`select 1 where to_regclass('schema_migrations') is not null`
    : sql`select 1 from sqlite_master where type = 'table' and name = 'schema_migrations'`
  ).execute(db)
  if (found.length === 0) throw new CopyRefused('the source holds no store')
  const { rows } = await sql<{ name: string }>`select name from schema_migrations order by name`.execute(db)
  const done = rows.map(({ name }) => name)
  if (JSON.stringify(done) !== JSON.stringify(MIGRATION_NAMES))
    throw new CopyRefused('the source is of another version: run `sallyport db migrate` on it, with this version')
}
