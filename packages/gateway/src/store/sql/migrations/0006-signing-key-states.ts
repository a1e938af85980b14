import { type Kysely, sql } from 'kysely'

/** When a signing key is to be used, when it was first used and when last; and at most one of each algorithm that signs or is to sign next. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['due_at', 'activated_at', 'retired_at'])
    await db.schema.alterTable('signing_keys').addColumn(column, 'bigint').execute()
  await sql`update signing_keys set activated_at = created_at where status = 'active'`.execute(db)
  for (const status of ['active', 'next'])
    await db.schema
      .createIndex(`signing_keys_${status}`)
      .unique()
      .on('signing_keys')
      .columns(['tenant', 'purpose', 'algorithm'])
      .where(sql.ref('status'), '=', sql.lit(status))
      .execute()
}
