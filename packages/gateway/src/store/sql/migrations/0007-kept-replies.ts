import type { Kysely } from 'kysely'

/** What the use of a refresh token was answered, sealed under that token, for as long as the use may be repeated. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('engine_documents').addColumn('reply', 'text').execute()
  await db.schema.alterTable('engine_documents').addColumn('reply_until', 'bigint').execute()
  await db.schema
    .createIndex('engine_documents_by_reply')
    .on('engine_documents')
    .column('reply_until')
    .where('reply_until', 'is not', null)
    .execute()
}
