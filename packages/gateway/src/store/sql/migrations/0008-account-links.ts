import type { Kysely } from 'kysely'

/** Who an account is at identity providers. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('account_links')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('external_subject', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('linked_at', 'bigint', (c) => c.notNull())
    .addColumn('linked_by', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('account_links_key', ['tenant', 'issuer', 'external_subject'])
    .execute()
  await db.schema.createIndex('account_links_by_subject').on('account_links').columns(['tenant', 'subject']).execute()
}
