import type { Kysely } from 'kysely'

/** Who let a client in, what its name resembles and why it went; tokens that let clients in; what a person consented to a client as. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('initial_access_tokens')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('token_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('uses', 'bigint', (c) => c.notNull())
    .addColumn('uses_max', 'bigint', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('revoked_at', 'bigint')
    .addPrimaryKeyConstraint('initial_access_tokens_key', ['tenant', 'token_id'])
    .execute()
  await db.schema
    .createIndex('initial_access_tokens_by_time')
    .on('initial_access_tokens')
    .columns(['tenant', 'created_at', 'token_id'])
    .execute()
  await db.schema.alterTable('clients').addColumn('admitted_by', 'text').execute()
  await db.schema
    .alterTable('clients')
    .addColumn('lookalikes', 'text', (c) => c.notNull().defaultTo('[]'))
    .execute()
  await db.schema.alterTable('clients').addColumn('removed_cause', 'text').execute()
  await db.schema.alterTable('grants').addColumn('client_digest', 'text').execute()
}
