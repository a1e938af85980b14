import type { Kysely } from 'kysely'

/** DPoP proofs that have been used, until their age alone refuses them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('used_proofs')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('used_proofs_key', ['tenant', 'id'])
    .execute()
  await db.schema.createIndex('used_proofs_by_expiry').on('used_proofs').column('expires_at').execute()
}
