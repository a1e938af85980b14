import type { Kysely } from 'kysely'
import type { ClientId, GrantId, SubjectId, TenantId } from '#core/ids.ts'
import { asGrantId } from '#core/ids.ts'
import { nextNumber } from './counters.ts'
import { announce } from './feed.ts'
import type { Database } from './schema.ts'

type Whose = { readonly subject: SubjectId } | { readonly clientId: ClientId }

/**
 * Ends everything a subject or client holds: live grants are marked revoked, all its engine documents (login sessions, codes, refresh
 * tokens) go, and the feed says so. Answers the grants that were live. Part of the caller's transaction.
 */
export async function endAccess(
  db: Kysely<Database>,
  tenant: TenantId,
  whose: Whose,
  cause: string,
  now: number,
): Promise<readonly GrantId[]> {
  // First, and locked until commit: a grant opened meanwhile either committed below this number, and is seen by the update, or gets
  // a higher one.
  const grantsBelow = await nextNumber(db, tenant, 'grants')
  const revoked = await db
    .updateTable('grants')
    .set({ revoked_at: now, revoked_cause: cause })
    .where('tenant', '=', tenant)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .$if('subject' in whose, (query) => query.where('subject', '=', 'subject' in whose ? whose.subject : ''))
    .$if('clientId' in whose, (query) => query.where('client_id', '=', 'clientId' in whose ? whose.clientId : ''))
    .returning(['grant_id', 'number', 'expires_at'])
    .execute()
  const grants = revoked.toSorted((a, b) => a.number - b.number)
  for (const grant of grants) await deleteGrantDocuments(db, tenant, asGrantId(grant.grant_id))
  const [column, id] =
    'subject' in whose ? (['account_id', whose.subject] as const) : (['client_id', whose.clientId] as const)
  await db.deleteFrom('engine_documents').where('tenant', '=', tenant).where(column, '=', id).execute()
  // The feed last: its counter is one row for the whole installation, and whoever holds it should not wait for anybody.
  for (const grant of grants) await announceGrant(db, tenant, asGrantId(grant.grant_id), now, grant.expires_at)
  await announce(db, {
    tenant,
    kind: 'subject' in whose ? 'subject' : 'client',
    id,
    at: now,
    grantsBelow,
    concernsUntil: Math.max(now, ...grants.map((grant) => grant.expires_at)),
  })
  return grants.map((grant) => asGrantId(grant.grant_id))
}

/** The same for all subjects and clients of a tenant, with one word in the feed for all. */
export async function endEverything(
  db: Kysely<Database>,
  tenant: TenantId,
  cause: string,
  now: number,
): Promise<number> {
  const grantsBelow = await nextNumber(db, tenant, 'grants')
  const revoked = await db
    .updateTable('grants')
    .set({ revoked_at: now, revoked_cause: cause })
    .where('tenant', '=', tenant)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .executeTakeFirst()
  await db
    .updateTable('api_keys')
    .set({ revoked_at: now, revoked_cause: cause })
    .where('tenant', '=', tenant)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', now)
    .execute()
  await db.deleteFrom('engine_documents').where('tenant', '=', tenant).execute()
  await announce(db, { tenant, kind: 'tenant', id: tenant, at: now, grantsBelow, concernsUntil: now })
  return Number(revoked.numUpdatedRows)
}

/**
 * Ends one grant with everything derived from it. Answers whether it was live. An expired grant is marked too, because access tokens
 * may outlive it by minutes; one already revoked is left as it was, and the feed is not told twice.
 */
export async function endGrant(
  db: Kysely<Database>,
  tenant: TenantId,
  grantId: GrantId,
  cause: string,
  now: number,
): Promise<boolean> {
  // The grant before its documents: whoever issues one holds the grant until the commit, so none is issued behind our back.
  const revoked = await db
    .updateTable('grants')
    .set({ revoked_at: now, revoked_cause: cause })
    .where('tenant', '=', tenant)
    .where('grant_id', '=', grantId)
    .where('revoked_at', 'is', null)
    .returning('expires_at')
    .executeTakeFirst()
  await deleteGrantDocuments(db, tenant, grantId)
  if (revoked === undefined) return false
  await announceGrant(db, tenant, grantId, now, revoked.expires_at)
  return revoked.expires_at > now
}

async function deleteGrantDocuments(db: Kysely<Database>, tenant: TenantId, grantId: GrantId): Promise<void> {
  await db.deleteFrom('engine_documents').where('tenant', '=', tenant).where('grant_id', '=', grantId).execute()
  // The engine's own Grant document carries the grant id as its id, not as its grant.
  await db
    .deleteFrom('engine_documents')
    .where('tenant', '=', tenant)
    .where('model', '=', 'Grant')
    .where('id', '=', grantId)
    .execute()
}

function announceGrant(
  db: Kysely<Database>,
  tenant: TenantId,
  grantId: GrantId,
  now: number,
  expiresAt: number,
): Promise<void> {
  return announce(db, { tenant, kind: 'grant', id: grantId, at: now, grantsBelow: null, concernsUntil: expiresAt })
}
