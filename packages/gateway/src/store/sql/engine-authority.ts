import type { Kysely } from 'kysely'
import type { SubjectId, TenantId } from '#core/ids.ts'
import type { EngineCommit } from '../ports/engine.ts'
import type { NewGrant } from '../ports/grants.ts'
import { nextNumber } from './counters.ts'
import { requireLogin } from './provider-logins.ts'
import { rollBack } from './roll-back.ts'
import type { Database } from './schema.ts'

/** A grant may not appear for a subject disabled or a client removed while its request was under way. */
export async function openGrant(db: Kysely<Database>, tenant: TenantId, grant: NewGrant): Promise<void> {
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
  if (barred !== undefined) rollBack<EngineCommit>({ outcome: 'grantNotLive', grantId: grant.grantId })
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
      client_digest: grant.clientDigest ?? null,
      login_id: grant.loginId ?? null,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'grant_id']).doNothing())
    .executeTakeFirst()
  if (result.numInsertedOrUpdatedRows !== 1n)
    rollBack<EngineCommit>({ outcome: 'duplicate', model: 'Grant', id: grant.grantId })
}

/** Holds the grant until the commit; rolls everything back where it is not live then. */
export async function requireLiveGrant(
  db: Kysely<Database>,
  tenant: TenantId,
  grantId: NewGrant['grantId'],
  at: number,
  clientDigest: string | null,
): Promise<void> {
  // An update that changes nothing holds the row until the commit, so that the grant is live then and not only now.
  const result = await db
    .updateTable('grants')
    .set({ revoked_at: null })
    .where('tenant', '=', tenant)
    .where('grant_id', '=', grantId)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', at)
    .returning('client_digest')
    .executeTakeFirst()
  if (result === undefined) return rollBack<EngineCommit>({ outcome: 'grantNotLive', grantId })
  // The person consented to another client than the one that this id means now.
  if (result.client_digest !== null && result.client_digest !== clientDigest)
    return rollBack<EngineCommit>({ outcome: 'clientChanged', grantId })
}

/** The same for an account: active, and with the password it had. */
export async function requireAccount(
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
  if (result.numUpdatedRows !== 1n) rollBack<EngineCommit>({ outcome: 'accountChanged', subject })
}

/** The same for a login at an identity provider: not ended, and not over. */
export async function requireLiveLogin(
  db: Kysely<Database>,
  tenant: TenantId,
  loginId: string,
  at: number,
): Promise<void> {
  if (!(await requireLogin(db, tenant, loginId, at))) rollBack<EngineCommit>({ outcome: 'loginEnded', loginId })
}
