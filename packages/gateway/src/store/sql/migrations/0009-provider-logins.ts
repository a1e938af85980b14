import type { Kysely } from 'kysely'

/** Logins at identity providers, so that what was opened by one ends with it; and which login a grant came from. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('provider_logins')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('login_id', 'text', (c) => c.notNull())
    .addColumn('provider', 'text', (c) => c.notNull())
    .addColumn('issuer', 'text', (c) => c.notNull())
    .addColumn('external_subject', 'text')
    .addColumn('sid', 'text')
    .addColumn('subject', 'text')
    .addColumn('authenticated_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('refresh_token', 'text')
    .addColumn('checked_at', 'bigint', (c) => c.notNull())
    .addColumn('check_due_at', 'bigint')
    .addColumn('suspended_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addColumn('ended_cause', 'text')
    .addPrimaryKeyConstraint('provider_logins_key', ['tenant', 'login_id'])
    .execute()
  const index = (name: string, columns: string[]) =>
    db.schema.createIndex(name).on('provider_logins').columns(columns).execute()
  await index('provider_logins_by_sid', ['tenant', 'issuer', 'sid'])
  await index('provider_logins_by_person', ['tenant', 'issuer', 'external_subject'])
  await index('provider_logins_by_subject', ['tenant', 'subject'])
  await index('provider_logins_by_due', ['tenant', 'check_due_at'])
  await index('provider_logins_by_end', ['expires_at'])
  await db.schema.alterTable('grants').addColumn('login_id', 'text').execute()
  await db.schema
    .createIndex('grants_by_login')
    .on('grants')
    .columns(['tenant', 'login_id'])
    .where('login_id', 'is not', null)
    .execute()
}
