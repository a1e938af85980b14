import { type Kysely, PostgresAdapter } from 'kysely'

/** For the few things that the engines say differently. */
export function isPostgres<Tables>(db: Kysely<Tables>): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter
}
