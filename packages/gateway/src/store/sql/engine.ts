import type { Kysely } from 'kysely'
import type { SubjectId, TenantId } from '#core/ids.ts'
import type { EngineCommit, EngineDocument, EngineOperation, EnginePort } from '../ports/engine.ts'
import type { NewGrant } from '../ports/grants.ts'
import { addAuditEntries } from './audit-entries.ts'
import { nextNumber } from './counters.ts'
import { endGrant } from './end-access.ts'
import { rollBack } from './roll-back.ts'
import type { Database, EngineDocumentsTable } from './schema.ts'

export function createEngine(db: Kysely<Database>): EnginePort {
  const unexpired = (tenant: TenantId, model: string, now: number) =>
    db
      .selectFrom('engine_documents')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('model', '=', model)
      .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))

  return {
    async find(tenant, model, id, now) {
      return toDocument(await unexpired(tenant, model, now).where('id', '=', id).executeTakeFirst())
    },
    async findByUid(tenant, model, uid, now) {
      return toDocument(await unexpired(tenant, model, now).where('uid', '=', uid).limit(1).executeTakeFirst())
    },
    async findByUserCode(tenant, model, code, now) {
      return toDocument(await unexpired(tenant, model, now).where('user_code', '=', code).limit(1).executeTakeFirst())
    },
    async commit(tenant, operations, audit) {
      for (const operation of operations) await apply(db, tenant, operation)
      await addAuditEntries(db, audit)
      return { outcome: 'committed' }
    },
    collectExpired: (now, max) => collectExpired(db, now, max),
  }
}

async function apply(db: Kysely<Database>, tenant: TenantId, operation: EngineOperation): Promise<void> {
  switch (operation.kind) {
    case 'upsert':
      return upsert(db, tenant, operation.document)
    case 'insert':
      return insert(db, tenant, operation.document)
    case 'consume':
      return consume(db, tenant, operation.model, operation.id, operation.at)
    case 'destroy':
      await db
        .deleteFrom('engine_documents')
        .where('tenant', '=', tenant)
        .where('model', '=', operation.model)
        .where('id', '=', operation.id)
        .execute()
      return
    case 'revokeGrant':
      await endGrant(db, tenant, operation.grantId, operation.cause, operation.at)
      return
    case 'openGrant':
      return openGrant(db, tenant, operation.grant)
    case 'requireLiveGrant':
      return requireLiveGrant(db, tenant, operation.grantId, operation.at)
    case 'requireDocument':
      return requireDocument(db, tenant, operation.model, operation.id, operation.at)
    case 'requireAccount':
      return requireAccount(db, tenant, operation.subject, operation.passwordHash)
  }
}

/** Writes all but `consumed_at`: saving a document again must not make a used one fresh. */
async function upsert(
  db: Kysely<Database>,
  tenant: TenantId,
  document: Omit<EngineDocument, 'consumedAt'>,
): Promise<void> {
  const row = toRow(tenant, document)
  await db
    .insertInto('engine_documents')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'model', 'id']).doUpdateSet({
        payload: row.payload,
        grant_id: row.grant_id,
        uid: row.uid,
        user_code: row.user_code,
        account_id: row.account_id,
        client_id: row.client_id,
        expires_at: row.expires_at,
      }),
    )
    .execute()
}

async function insert(
  db: Kysely<Database>,
  tenant: TenantId,
  document: Omit<EngineDocument, 'consumedAt'>,
): Promise<void> {
  const result = await db
    .insertInto('engine_documents')
    .values(toRow(tenant, document))
    .onConflict((conflict) => conflict.columns(['tenant', 'model', 'id']).doNothing())
    .executeTakeFirst()
  if (result.numInsertedOrUpdatedRows !== 1n) fail({ outcome: 'duplicate', model: document.model, id: document.id })
}

async function consume(db: Kysely<Database>, tenant: TenantId, model: string, id: string, at: number): Promise<void> {
  const result = await db
    .updateTable('engine_documents')
    .set({ consumed_at: at })
    .where('tenant', '=', tenant)
    .where('model', '=', model)
    .where('id', '=', id)
    .where('consumed_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at)]))
    .executeTakeFirst()
  // Unknown, expired and used look alike to whoever lost: nothing may be issued for it.
  if (result.numUpdatedRows !== 1n) fail({ outcome: 'alreadyConsumed', model, id })
}

/** A grant may not appear for a subject disabled or a client removed while its request was under way. */
async function openGrant(db: Kysely<Database>, tenant: TenantId, grant: NewGrant): Promise<void> {
  // Taken first: whoever disables the subject or removes the client holds this number's row until it commits.
  const number = await nextNumber(db, tenant, 'grants')
  const barred = await db
    .selectFrom('accounts')
    .select('subject as id')
    .where('tenant', '=', tenant)
    .where('subject', '=', grant.subject)
    .where('status', '!=', 'active')
    .union(
      db
        .selectFrom('clients')
        .select('client_id as id')
        .where('tenant', '=', tenant)
        .where('client_id', '=', grant.clientId)
        .where('status', '=', 'removed'),
    )
    .executeTakeFirst()
  if (barred !== undefined) fail({ outcome: 'grantNotLive', grantId: grant.grantId })
  const result = await db
    .insertInto('grants')
    .values({
      tenant,
      grant_id: grant.grantId,
      number,
      subject: grant.subject,
      client_id: grant.clientId,
      server: grant.server,
      resource: grant.resource,
      scopes: JSON.stringify(grant.scopes),
      created_at: grant.createdAt,
      expires_at: grant.expiresAt,
      revoked_at: null,
      revoked_cause: null,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'grant_id']).doNothing())
    .executeTakeFirst()
  if (result.numInsertedOrUpdatedRows !== 1n) fail({ outcome: 'duplicate', model: 'Grant', id: grant.grantId })
}

async function requireLiveGrant(
  db: Kysely<Database>,
  tenant: TenantId,
  grantId: NewGrant['grantId'],
  at: number,
): Promise<void> {
  // An update that changes nothing holds the row until the commit, so that the grant is live then and not only now.
  const result = await db
    .updateTable('grants')
    .set({ revoked_at: null })
    .where('tenant', '=', tenant)
    .where('grant_id', '=', grantId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', at)
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) fail({ outcome: 'grantNotLive', grantId })
}

async function requireDocument(
  db: Kysely<Database>,
  tenant: TenantId,
  model: string,
  id: string,
  at: number,
): Promise<void> {
  // Like above: an update that changes nothing, so that nobody deletes the row before the commit.
  const result = await db
    .updateTable('engine_documents')
    .set((eb) => ({ consumed_at: eb.ref('consumed_at') }))
    .where('tenant', '=', tenant)
    .where('model', '=', model)
    .where('id', '=', id)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at)]))
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) fail({ outcome: 'documentGone', model, id })
}

async function requireAccount(
  db: Kysely<Database>,
  tenant: TenantId,
  subject: SubjectId,
  passwordHash: string,
): Promise<void> {
  const result = await db
    .updateTable('accounts')
    .set({ status: 'active' })
    .where('tenant', '=', tenant)
    .where('subject', '=', subject)
    .where('status', '=', 'active')
    .where('password_hash', '=', passwordHash)
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) fail({ outcome: 'accountChanged', subject })
}

function fail(outcome: EngineCommit): never {
  rollBack<EngineCommit>(outcome)
}

/** Expired documents first, then feed entries that can no longer concern anyone; `max` rows together. */
async function collectExpired(db: Kysely<Database>, now: number, max: number): Promise<number> {
  const documents = await db
    .deleteFrom('engine_documents')
    .where((eb) =>
      eb(
        eb.refTuple('tenant', 'model', 'id'),
        'in',
        eb
          .selectFrom('engine_documents')
          .select(['tenant', 'model', 'id'])
          .where('expires_at', '<', now)
          .limit(max)
          .$asTuple('tenant', 'model', 'id'),
      ),
    )
    .executeTakeFirst()
  const collected = Number(documents.numDeletedRows)
  await db
    .deleteFrom('feed')
    .where('number', 'in', (eb) =>
      eb
        .selectFrom('feed')
        .select('number')
        .where('lapses_at', '<', now)
        .limit(max - collected),
    )
    .execute()
  return collected
}

function toRow(tenant: TenantId, document: Omit<EngineDocument, 'consumedAt'>): EngineDocumentsTable {
  return {
    tenant,
    model: document.model,
    id: document.id,
    payload: document.payload,
    grant_id: document.grantId,
    uid: document.uid,
    user_code: document.userCode,
    account_id: document.accountId,
    client_id: document.clientId,
    expires_at: document.expiresAt,
    consumed_at: null,
  }
}

function toDocument(row: EngineDocumentsTable | undefined): EngineDocument | null {
  if (row === undefined) return null
  return {
    model: row.model,
    id: row.id,
    payload: row.payload,
    grantId: row.grant_id,
    uid: row.uid,
    userCode: row.user_code,
    accountId: row.account_id,
    clientId: row.client_id,
    expiresAt: row.expires_at,
    consumedAt: row.consumed_at,
  }
}
