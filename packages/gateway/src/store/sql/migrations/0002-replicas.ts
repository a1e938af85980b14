import { type Kysely, sql } from 'kysely'
import { isPostgres } from '../dialect.ts'

/** What several gateways on one store need to know of each other. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('replicas')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull().check(sql`state in ('alive', 'ended')`))
    .addColumn('beats', 'bigint', (c) => c.notNull())
    .addColumn('from_position', 'bigint', (c) => c.notNull())
    .addColumn('joined_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('replicas_key', ['tenant', 'id'])
    .execute()
  await db.schema
    .createTable('key_claims')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('purpose', 'text', (c) => c.notNull().check(sql`purpose in ('sealing', 'checkpoint')`))
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('claimed_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('key_claims_key', ['tenant', 'purpose'])
    .execute()
  if (isPostgres(db)) await tellListeners(db)
}

/** A change of the feed is told to whoever listens, when its transaction commits. SQLite has one process, which knows. */
async function tellListeners(db: Kysely<unknown>): Promise<void> {
  await sql`create function tell_feed() returns trigger language plpgsql as $$
    begin
      perform pg_catalog.pg_notify(tg_table_schema || '.feed', '');
      return null;
    end
  $$`.execute(db)
  await sql`create trigger feed_told after insert on feed for each statement execute function tell_feed()`.execute(db)
}
