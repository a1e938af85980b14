import type { Kysely } from 'kysely'
import { asTenantId, type TenantId } from '#core/ids.ts'
import type { SigningKeysPort, StoredSigningKey } from '../ports/signing-keys.ts'
import { addAuditEntries } from './audit-entries.ts'
import { lock } from './counters.ts'
import type { Database, SigningKeysTable } from './schema.ts'

export function createSigningKeys(db: Kysely<Database>): SigningKeysPort {
  return {
    list: (tenant, purpose) => list(db, tenant, purpose),

    async addFirst(key, audit) {
      await lock(db, key.tenant, 'signingKeys')
      const existing = await list(db, key.tenant, key.purpose)
      if (existing.length > 0) return existing
      await db
        .insertInto('signing_keys')
        .values({
          tenant: key.tenant,
          purpose: key.purpose,
          kid: key.kid,
          algorithm: key.algorithm,
          status: key.status,
          sealed: key.sealed,
          public_jwk: key.publicJwk,
          created_at: key.createdAt,
        })
        .execute()
      await addAuditEntries(db, audit)
      return list(db, key.tenant, key.purpose)
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
  }
}
