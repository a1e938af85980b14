import type { Kysely } from 'kysely'

/** Keys for programs, each with its secrets. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('api_keys')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('revoked_at', 'bigint')
    .addColumn('revoked_cause', 'text')
    .addColumn('last_used_at', 'bigint')
    .addColumn('rotations', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('api_keys_key', ['tenant', 'key_id'])
    .execute()
  await db.schema.createIndex('api_keys_by_time').on('api_keys').columns(['tenant', 'created_at', 'key_id']).execute()
  await db.schema
    .createTable('api_key_secrets')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('secret_id', 'text', (c) => c.notNull())
    .addColumn('key_id', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('ends_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('api_key_secrets_key', ['tenant', 'secret_id'])
    .execute()
  await db.schema.createIndex('api_key_secrets_by_key').on('api_key_secrets').columns(['tenant', 'key_id']).execute()
}
