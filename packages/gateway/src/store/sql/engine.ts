import type { Kysely } from 'kysely'
import type { TenantId } from '#core/ids.ts'
import type { EngineOperation, EnginePort } from '../ports/engine.ts'
import { addAuditEntries } from './audit-entries.ts'
import { endGrant } from './end-access.ts'
import { openGrant, requireAccount, requireLiveGrant, requireLiveLogin } from './engine-authority.ts'
import {
  consumeDocument,
  insertDocument,
  isUnexpired,
  requireDocument,
  toDocument,
  upsertDocument,
} from './engine-documents.ts'
import type { Database } from './schema.ts'

export function createEngine(db: Kysely<Database>): EnginePort {
  const unexpired = (tenant: TenantId, model: string, now: number) =>
    db
      .selectFrom('engine_documents')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('model', '=', model)
      .where(isUnexpired(now))

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
      return upsertDocument(db, tenant, operation.document)
    case 'insert':
      return insertDocument(db, tenant, operation.document)
    case 'consume':
      return consumeDocument(db, tenant, operation.model, operation.id, operation.at, operation.reply ?? null)
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
      return requireLiveGrant(db, tenant, operation.grantId, operation.at, operation.clientDigest ?? null)
    case 'requireDocument':
      return requireDocument(db, tenant, operation.model, operation.id, operation.at)
    case 'requireLogin':
      return requireLiveLogin(db, tenant, operation.loginId, operation.at)
    case 'requireAccount':
      return requireAccount(db, tenant, operation.subject, operation.passwordHash)
  }
}

/** Expired documents first, then replies that are over, then feed entries that can no longer concern anyone. */
async function collectExpired(db: Kysely<Database>, now: number, max: number): Promise<number> {
  const documents = await db
    .deleteFrom('engine_documents')
    // Once more here: a document saved anew since it was chosen is looked at again, and lives.
    .where('expires_at', '<', now)
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
    .updateTable('engine_documents')
    .set({ reply: null, reply_until: null })
    .where('reply_until', '<', now)
    .where((eb) =>
      eb(
        eb.refTuple('tenant', 'model', 'id'),
        'in',
        eb
          .selectFrom('engine_documents')
          .select(['tenant', 'model', 'id'])
          .where('reply_until', '<', now)
          .limit(max)
          .$asTuple('tenant', 'model', 'id'),
      ),
    )
    .execute()
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
