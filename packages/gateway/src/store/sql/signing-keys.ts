import type { Kysely } from 'kysely'
import { asTenantId, type TenantId } from '#core/ids.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { KeySuccession, SigningKeysPort, StoredSigningKey } from '../ports/signing-keys.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import { announce } from './feed.ts'
import { rollBack } from './roll-back.ts'
import type { Database, SigningKeysTable } from './schema.ts'

export function createSigningKeys(db: Kysely<Database>): SigningKeysPort {
  /** What every change ends with. */
  const told = async (tenant: TenantId, kid: string, at: number, audit: readonly AuditEntry[]) => {
    await addAuditEntries(db, audit)
    await announce(db, { tenant, kind: 'signingKeys', id: kid, at, grantsBelow: null, concernsUntil: at })
    return true
  }
  const tokenKeys = (tenant: TenantId, kid: string, status: StoredSigningKey['status']) =>
    db
      .updateTable('signing_keys')
      .where('tenant', '=', tenant)
      .where('purpose', '=', 'accessToken')
      .where('kid', '=', kid)
      .where('status', '=', status)

  /** After the active key has made room. */
  const activate = async (tenant: TenantId, { next, at }: KeySuccession, audit: readonly AuditEntry[]) => {
    const taken = await tokenKeys(tenant, next, 'next')
      .set({ status: 'active', activated_at: at, due_at: null })
      .executeTakeFirst()
    if (taken.numUpdatedRows !== 1n) rollBack(false)
    return told(tenant, next, at, audit)
  }

  return {
    list: (tenant, purpose) => list(db, tenant, purpose),

    async addFirst(key, audit) {
      await lock(db, key.tenant, 'signingKeys')
      const existing = await list(db, key.tenant, key.purpose)
      if (existing.some(({ algorithm }) => algorithm === key.algorithm)) return existing
      await db.insertInto('signing_keys').values(toRow(key)).execute()
      await told(key.tenant, key.kid, key.createdAt, audit)
      return list(db, key.tenant, key.purpose)
    },

    async addNext(key, audit) {
      await lock(db, key.tenant, 'signingKeys')
      const existing = await list(db, key.tenant, key.purpose)
      if (existing.some(({ algorithm, status }) => algorithm === key.algorithm && status === 'next')) return false
      await db
        .insertInto('signing_keys')
        .values({ ...toRow(key), status: 'next' })
        .execute()
      return told(key.tenant, key.kid, key.createdAt, audit)
    },

    async makeDue(tenant, kid, at, audit) {
      const made = await tokenKeys(tenant, kid, 'next')
        .set((eb) => ({ due_at: eb.case().when('due_at', '<', at).then(eb.ref('due_at')).else(at).end() }))
        .executeTakeFirst()
      return made.numUpdatedRows === 1n && told(tenant, kid, at, audit)
    },

    async promote(tenant, succession, audit) {
      await lock(db, tenant, 'signingKeys')
      const retired = await tokenKeys(tenant, succession.active, 'active')
        .set({ status: 'retiring', retired_at: succession.at })
        .executeTakeFirst()
      return retired.numUpdatedRows === 1n && activate(tenant, succession, audit)
    },

    async withdraw(tenant, succession, audit) {
      await lock(db, tenant, 'signingKeys')
      const withdrawn = await db
        .deleteFrom('signing_keys')
        .where('tenant', '=', tenant)
        .where('purpose', '=', 'accessToken')
        .where('kid', '=', succession.active)
        .where('status', '=', 'active')
        .executeTakeFirst()
      return withdrawn.numDeletedRows === 1n && activate(tenant, succession, audit)
    },

    async removeRetired(tenant, kid, retiredBefore, audit) {
      const removed = await db
        .deleteFrom('signing_keys')
        .where('tenant', '=', tenant)
        .where('purpose', '=', 'accessToken')
        .where('kid', '=', kid)
        .where('status', '=', 'retiring')
        .where('retired_at', '<=', retiredBefore)
        .executeTakeFirst()
      return removed.numDeletedRows === 1n && told(tenant, kid, retiredBefore, audit)
    },
  }
}

async function list(
  db: Kysely<Database>,
  tenant: TenantId,
  purpose: StoredSigningKey['purpose'],
): Promise<readonly StoredSigningKey[]> {
  const rows = await db
    .selectFrom('signing_keys')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('purpose', '=', purpose)
    .orderBy('created_at')
    .orderBy('kid')
    .execute()
  return rows.map(toKey)
}

function toRow(key: StoredSigningKey): SigningKeysTable {
  return {
    tenant: key.tenant,
    purpose: key.purpose,
    kid: key.kid,
    algorithm: key.algorithm,
    status: key.status,
    sealed: key.sealed,
    public_jwk: key.publicJwk,
    created_at: key.createdAt,
    due_at: key.dueAt,
    activated_at: key.activatedAt,
    retired_at: key.retiredAt,
  }
}

function toKey(row: SigningKeysTable): StoredSigningKey {
  return {
    tenant: asTenantId(row.tenant),
    kid: row.kid,
    purpose: row.purpose,
    algorithm: row.algorithm,
    status: row.status,
    sealed: row.sealed,
    publicJwk: row.public_jwk,
    createdAt: row.created_at,
    dueAt: row.due_at,
    activatedAt: row.activated_at,
    retiredAt: row.retired_at,
  }
}
