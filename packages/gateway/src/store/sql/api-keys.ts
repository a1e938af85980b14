import type { Kysely } from 'kysely'
import { asClientId, asSubjectId, asTenantId, type ClientId, type TenantId } from '#core/ids.ts'
import type { ApiKeySecret, ApiKeysPort, NewApiKey, StoredApiKey } from '../ports/api-keys.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock, nextNumber } from './counters.ts'
import { endAccess } from './end-access.ts'
import { announce } from './feed.ts'
import { toGrant } from './grants.ts'
import { readCursor, rowsToFetch, toPage } from './paging.ts'
import { rollBack } from './roll-back.ts'
import type { ApiKeySecretsTable, ApiKeysTable, Database } from './schema.ts'

export function createApiKeys(db: Kysely<Database>): ApiKeysPort {
  return {
    async create(key, keysMax, audit) {
      await lock(db, key.tenant, 'apiKeys')
      const { count } = await db
        .selectFrom('api_keys')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('tenant', '=', key.tenant)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', key.createdAt)
        .executeTakeFirstOrThrow()
      if (count >= keysMax) return 'full'
      if (!(await insertGrants(db, key))) return rollBack('subjectNotActive' as const)
      await db.insertInto('api_keys').values(toRow(key)).execute()
      await insertSecret(db, key.tenant, key.keyId, key.secret)
      await addAuditEntries(db, audit)
      return 'created'
    },

    async find(tenant, keyId) {
      const row = await findRow(db, tenant, keyId)
      return row === undefined ? null : await completeOne(db, tenant, row)
    },

    async findBySecret(tenant, secretId) {
      const secret = await db
        .selectFrom('api_key_secrets')
        .select('key_id')
        .where('tenant', '=', tenant)
        .where('secret_id', '=', secretId)
        .executeTakeFirst()
      const row = secret === undefined ? undefined : await findRow(db, tenant, secret.key_id)
      return row === undefined ? null : await completeOne(db, tenant, row)
    },

    async list(tenant, filter, page) {
      const after = readCursor(page, ['number', 'string'])
      const { subject, liveAt } = filter
      const rows = await db
        .selectFrom('api_keys')
        .selectAll()
        .where('tenant', '=', tenant)
        .$if(subject !== undefined, (query) => query.where('subject', '=', subject ?? ''))
        .$if(liveAt !== undefined, (query) =>
          query.where('revoked_at', 'is', null).where('expires_at', '>', liveAt ?? 0),
        )
        .$if(after !== null, (query) =>
          query.where((eb) =>
            eb(eb.refTuple('created_at', 'key_id'), '<', eb.tuple(Number(after?.[0]), String(after?.[1]))),
          ),
        )
        .orderBy('created_at', 'desc')
        .orderBy('key_id', 'desc')
        .limit(rowsToFetch(page))
        .execute()
      const keys = await complete(db, tenant, rows)
      return toPage(
        keys,
        page,
        (key) => [key.createdAt, key.keyId],
        (key) => key,
      )
    },

    async rotate(tenant, keyId, { seen, secret, previousEndsAt, expiresAt }, now, audit) {
      const rotated = await db
        .updateTable('api_keys')
        .set({ rotations: seen + 1, expires_at: expiresAt })
        .where('tenant', '=', tenant)
        .where('key_id', '=', keyId)
        .where('rotations', '=', seen)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (rotated.numUpdatedRows !== 1n) {
        const row = await findRow(db, tenant, keyId)
        if (row === undefined) return 'unknown'
        return row.revoked_at === null && row.expires_at > now ? 'rotatedMeanwhile' : 'notLive'
      }
      // What was revoked stays so: a key is never brought back by being rotated.
      const prolonged = await db
        .updateTable('grants')
        .set({ expires_at: expiresAt })
        .where('tenant', '=', tenant)
        .where('client_id', '=', keyId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (prolonged.numUpdatedRows === 0n) return rollBack('notLive' as const)
      await endSecrets(db, tenant, keyId, previousEndsAt, now)
      await insertSecret(db, tenant, keyId, secret)
      await addAuditEntries(db, audit)
      return 'rotated'
    },

    async revoke(tenant, keyId, cause, now, audit) {
      const revoked = await db
        .updateTable('api_keys')
        .set({ revoked_at: now, revoked_cause: cause })
        .where('tenant', '=', tenant)
        .where('key_id', '=', keyId)
        .where('revoked_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (revoked.numUpdatedRows !== 1n) return (await findRow(db, tenant, keyId)) === undefined ? 'unknown' : 'notLive'
      await endAccess(db, tenant, { clientId: keyId }, cause, now)
      await addAuditEntries(db, audit)
      return 'revoked'
    },

    async noteUses(tenant, uses) {
      // In one order everywhere, so that two who note the same keys wait for each other instead of deadlocking.
      for (const { keyId, at } of uses.toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1))) {
        await db
          .updateTable('api_keys')
          .set({ last_used_at: at })
          .where('tenant', '=', tenant)
          .where('key_id', '=', keyId)
          .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', at)]))
          .execute()
      }
    },
  }
}

/** False unless the account is active at the commit: whoever disables it takes a number first, and holds its row until then. */
async function insertGrants(db: Kysely<Database>, { tenant, subject, grants }: NewApiKey): Promise<boolean> {
  const last = await nextNumber(db, tenant, 'grants', grants.length)
  const account = await db
    .selectFrom('accounts')
    .select('subject')
    .where('tenant', '=', tenant)
    .where('subject', '=', subject)
    .where('status', '=', 'active')
    .executeTakeFirst()
  if (account === undefined) return false
  const rows = grants.map((grant, index) => ({
    tenant,
    grant_id: grant.grantId,
    number: last - grants.length + 1 + index,
    subject: grant.subject,
    client_id: grant.clientId,
    server: grant.server,
    resource: grant.resource,
    scopes: JSON.stringify(grant.scopes),
    created_at: grant.createdAt,
    expires_at: grant.expiresAt,
    revoked_at: null,
    revoked_cause: null,
    client_digest: null,
    login_id: null,
  }))
  await db.insertInto('grants').values(rows).execute()
  return true
}

/**
 * The newest secret lives on until the overlap ends, and no secret longer; older ones end now. Whoever ends now is told to the door, which
 * may remember it.
 */
async function endSecrets(
  db: Kysely<Database>,
  tenant: TenantId,
  keyId: ClientId,
  previousEndsAt: number,
  now: number,
): Promise<void> {
  const living = await db
    .selectFrom('api_key_secrets')
    .select(['secret_id', 'ends_at'])
    .where('tenant', '=', tenant)
    .where('key_id', '=', keyId)
    .where('ends_at', '>', now)
    .orderBy('created_at', 'desc')
    .orderBy('ends_at', 'desc')
    .execute()
  for (const [index, { secret_id: secretId, ends_at: endsAt }] of living.entries()) {
    const end = index === 0 ? Math.min(endsAt, previousEndsAt) : now
    await db
      .updateTable('api_key_secrets')
      .set({ ends_at: end })
      .where('tenant', '=', tenant)
      .where('secret_id', '=', secretId)
      .execute()
    if (end > now) continue
    await announce(db, { tenant, kind: 'token', id: secretId, at: now, grantsBelow: null, concernsUntil: now })
  }
}

async function insertSecret(
  db: Kysely<Database>,
  tenant: TenantId,
  keyId: ClientId,
  { secretId, hash, createdAt, endsAt }: ApiKeySecret,
): Promise<void> {
  await db
    .insertInto('api_key_secrets')
    .values({ tenant, secret_id: secretId, key_id: keyId, hash, created_at: createdAt, ends_at: endsAt })
    .execute()
}

function findRow(db: Kysely<Database>, tenant: TenantId, keyId: string): Promise<ApiKeysTable | undefined> {
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('key_id', '=', keyId)
    .executeTakeFirst()
}

async function completeOne(db: Kysely<Database>, tenant: TenantId, row: ApiKeysTable): Promise<StoredApiKey | null> {
  return (await complete(db, tenant, [row]))[0] ?? null
}

/** With their secrets and grants: two questions however many keys. */
async function complete(
  db: Kysely<Database>,
  tenant: TenantId,
  rows: readonly ApiKeysTable[],
): Promise<readonly StoredApiKey[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.key_id)
  const secrets = await db
    .selectFrom('api_key_secrets')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('key_id', 'in', ids)
    .orderBy('created_at', 'desc')
    .orderBy('ends_at', 'desc')
    .execute()
  const grants = await db
    .selectFrom('grants')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('client_id', 'in', ids)
    .orderBy('number')
    .execute()
  return rows.map((row) => ({
    tenant: asTenantId(row.tenant),
    keyId: asClientId(row.key_id),
    name: row.name,
    subject: asSubjectId(row.subject),
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedCause: row.revoked_cause,
    lastUsedAt: row.last_used_at,
    rotations: row.rotations,
    secrets: secrets.filter(({ key_id: keyId }) => keyId === row.key_id).map(toSecret),
    grants: grants.filter(({ client_id: clientId }) => clientId === row.key_id).map(toGrant),
  }))
}

function toSecret(row: ApiKeySecretsTable): ApiKeySecret {
  return { secretId: row.secret_id, hash: row.hash, createdAt: row.created_at, endsAt: row.ends_at }
}

function toRow(key: NewApiKey): ApiKeysTable {
  return {
    tenant: key.tenant,
    key_id: key.keyId,
    name: key.name,
    subject: key.subject,
    created_at: key.createdAt,
    created_by: key.createdBy,
    expires_at: key.expiresAt,
    revoked_at: null,
    revoked_cause: null,
    last_used_at: null,
    rotations: 0,
  }
}
