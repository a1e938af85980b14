import type { ExpressionBuilder, Kysely } from 'kysely'
import type { TenantId } from '#core/ids.ts'
import type { EngineCommit, EngineDocument, KeptReply, NewEngineDocument } from '../ports/engine.ts'
import { rollBack } from './roll-back.ts'
import type { Database, EngineDocumentsTable } from './schema.ts'

/** Writes all but `consumed_at`: saving a document again must not make a used one fresh. */
export async function upsertDocument(
  db: Kysely<Database>,
  tenant: TenantId,
  document: NewEngineDocument,
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

/** Rolls everything back where the document is there already. */
export async function insertDocument(
  db: Kysely<Database>,
  tenant: TenantId,
  document: NewEngineDocument,
): Promise<void> {
  const result = await db
    .insertInto('engine_documents')
    .values(toRow(tenant, document))
    .onConflict((conflict) => conflict.columns(['tenant', 'model', 'id']).doNothing())
    .executeTakeFirst()
  if (result.numInsertedOrUpdatedRows !== 1n)
    rollBack<EngineCommit>({ outcome: 'duplicate', model: document.model, id: document.id })
}

/** Marks the document used, once; rolls everything back where somebody else was first. */
export async function consumeDocument(
  db: Kysely<Database>,
  tenant: TenantId,
  model: string,
  id: string,
  at: number,
  reply: KeptReply | null,
): Promise<void> {
  const result = await db
    .updateTable('engine_documents')
    .set({ consumed_at: at, reply: reply?.sealed ?? null, reply_until: reply?.until ?? null })
    .where('tenant', '=', tenant)
    .where('model', '=', model)
    .where('id', '=', id)
    .where('consumed_at', 'is', null)
    .where(isUnexpired(at))
    .executeTakeFirst()
  // Unknown, expired and used look alike to whoever lost: nothing may be issued for it.
  if (result.numUpdatedRows !== 1n) rollBack<EngineCommit>({ outcome: 'alreadyConsumed', model, id })
}

/** Holds the document until the commit; rolls everything back where it is gone by then. */
export async function requireDocument(
  db: Kysely<Database>,
  tenant: TenantId,
  model: string,
  id: string,
  at: number,
): Promise<void> {
  // As for grants: an update that changes nothing, so that nobody deletes the row before the commit.
  const result = await db
    .updateTable('engine_documents')
    .set((eb) => ({ consumed_at: eb.ref('consumed_at') }))
    .where('tenant', '=', tenant)
    .where('model', '=', model)
    .where('id', '=', id)
    .where(isUnexpired(at))
    .executeTakeFirst()
  if (result.numUpdatedRows !== 1n) rollBack<EngineCommit>({ outcome: 'documentGone', model, id })
}

/** A document without an end, or whose end is still to come; `at` in seconds. */
export function isUnexpired(at: number) {
  return (eb: ExpressionBuilder<Database, 'engine_documents'>) =>
    eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', at)])
}

function toRow(tenant: TenantId, document: NewEngineDocument): EngineDocumentsTable {
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
    reply: null,
    reply_until: null,
  }
}

export function toDocument(row: EngineDocumentsTable | undefined): EngineDocument | null {
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
    reply: row.reply === null || row.reply_until === null ? null : { sealed: row.reply, until: row.reply_until },
  }
}
