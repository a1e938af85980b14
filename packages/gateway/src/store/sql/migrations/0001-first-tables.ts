import { type Kysely, sql } from 'kysely'

/** Every table of the first version. Migrations are never edited once released; a change is a new file. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await createPeople(db)
  await createGrants(db)
  await createEngine(db)
  await createAudit(db)
}

async function createPeople(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('accounts')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('username', 'text', (c) => c.notNull())
    .addColumn('display_name', 'text', (c) => c.notNull())
    .addColumn('password_hash', 'text', (c) => c.notNull())
    .addColumn('roles', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull().check(sql`status in ('active', 'disabled')`))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('password_changed_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('accounts_key', ['tenant', 'subject'])
    .addUniqueConstraint('accounts_username', ['tenant', 'username'])
    .execute()
  await db.schema
    .createTable('setup_links')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('link_hash', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint')
    .addPrimaryKeyConstraint('setup_links_key', ['tenant'])
    .execute()
  await db.schema
    .createTable('limits')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('full_at_us', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('limits_key', ['tenant', 'key'])
    .execute()
  await db.schema.createIndex('limits_by_time').on('limits').column('full_at_us').execute()
}

async function createGrants(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('clients')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('client_id', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull().check(sql`kind in ('dynamic', 'metadataDocument', 'preregistered')`))
    .addColumn('status', 'text', (c) => c.notNull().check(sql`status in ('pending', 'active', 'removed')`))
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('sealed_secret', 'blob')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('approved_at', 'bigint')
    .addColumn('approved_by', 'text')
    .addPrimaryKeyConstraint('clients_key', ['tenant', 'client_id'])
    .execute()
  await db.schema.createIndex('clients_by_time').on('clients').columns(['tenant', 'created_at', 'client_id']).execute()
  await db.schema
    .createTable('grants')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('grant_id', 'text', (c) => c.notNull())
    .addColumn('number', 'bigint', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('client_id', 'text', (c) => c.notNull())
    .addColumn('server', 'text', (c) => c.notNull())
    .addColumn('resource', 'text', (c) => c.notNull())
    .addColumn('scopes', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('revoked_at', 'bigint')
    .addColumn('revoked_cause', 'text')
    .addPrimaryKeyConstraint('grants_key', ['tenant', 'grant_id'])
    .addUniqueConstraint('grants_number', ['tenant', 'number'])
    .execute()
  await db.schema.createIndex('grants_by_subject').on('grants').columns(['tenant', 'subject', 'number']).execute()
  await db.schema.createIndex('grants_by_client').on('grants').columns(['tenant', 'client_id', 'number']).execute()
  await db.schema
    .createTable('feed')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('number', 'bigint', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('grants_below', 'bigint')
    .addColumn('lapses_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('feed_key', ['number', 'tenant'])
    .execute()
  await db.schema.createIndex('feed_by_lapse').on('feed').column('lapses_at').execute()
  await db.schema
    .createTable('counters')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('value', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('counters_key', ['tenant', 'name'])
    .execute()
}

async function createEngine(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('engine_documents')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('payload', 'text', (c) => c.notNull())
    .addColumn('grant_id', 'text')
    .addColumn('uid', 'text')
    .addColumn('user_code', 'text')
    .addColumn('account_id', 'text')
    .addColumn('client_id', 'text')
    .addColumn('expires_at', 'bigint')
    .addColumn('consumed_at', 'bigint')
    .addPrimaryKeyConstraint('engine_documents_key', ['tenant', 'model', 'id'])
    .execute()
  for (const columns of [['grant_id'], ['uid', 'model'], ['user_code', 'model'], ['account_id'], ['client_id']]) {
    const [first = ''] = columns
    // Most documents lack most of these, so the indexes hold only the rows that have one.
    await db.schema
      .createIndex(`engine_documents_by_${first}`)
      .on('engine_documents')
      .columns(['tenant', ...columns])
      .where(sql.ref(first), 'is not', null)
      .execute()
  }
  await db.schema
    .createIndex('engine_documents_by_expiry')
    .on('engine_documents')
    .column('expires_at')
    .where(sql.ref('expires_at'), 'is not', null)
    .execute()
  await db.schema
    .createTable('signing_keys')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('purpose', 'text', (c) => c.notNull().check(sql`purpose in ('accessToken', 'cookie')`))
    .addColumn('kid', 'text', (c) => c.notNull())
    .addColumn('algorithm', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull().check(sql`status in ('next', 'active', 'retiring')`))
    .addColumn('sealed', 'blob', (c) => c.notNull())
    .addColumn('public_jwk', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('signing_keys_key', ['tenant', 'purpose', 'kid'])
    .execute()
}

async function createAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit_entries')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('arrival', 'bigint', (c) => c.notNull())
    .addColumn('position', 'bigint')
    .addColumn('time_ms', 'bigint', (c) => c.notNull())
    .addColumn('request_id', 'text')
    .addColumn('body', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('audit_entries_key', ['tenant', 'id'])
    .execute()
  await db.schema.createIndex('audit_by_arrival').on('audit_entries').columns(['tenant', 'arrival']).execute()
  // Partial: an entry is in exactly one of these two, so giving places never scans the whole log.
  await db.schema
    .createIndex('audit_unsequenced')
    .on('audit_entries')
    .columns(['tenant', 'arrival'])
    .where(sql.ref('position'), 'is', null)
    .execute()
  await db.schema
    .createIndex('audit_by_position')
    .unique()
    .on('audit_entries')
    .columns(['tenant', 'position'])
    .where(sql.ref('position'), 'is not', null)
    .execute()
  await db.schema
    .createIndex('audit_by_request')
    .on('audit_entries')
    .columns(['tenant', 'request_id'])
    .where(sql.ref('request_id'), 'is not', null)
    .execute()
  await db.schema
    .createTable('audit_personal')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('sealed', 'blob', (c) => c.notNull())
    .addPrimaryKeyConstraint('audit_personal_key', ['tenant', 'id'])
    .execute()
  await db.schema
    .createTable('audit_checkpoints')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('size', 'bigint', (c) => c.notNull())
    .addColumn('note', 'text', (c) => c.notNull())
    .addColumn('time_ms', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('audit_checkpoints_key', ['tenant', 'size'])
    .execute()
}
