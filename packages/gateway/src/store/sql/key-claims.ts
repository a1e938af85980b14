import type { Kysely } from 'kysely'
import type { KeyClaimsPort, KeyPurpose } from '../ports/key-claims.ts'
import { WHOLE_INSTALLATION } from './counters.ts'
import type { Database } from './schema.ts'

export function createKeyClaims(db: Kysely<Database>): KeyClaimsPort {
  return {
    async claim(purpose, keyId, now) {
      await db
        .insertInto('key_claims')
        .values({ tenant: WHOLE_INSTALLATION, purpose, key_id: keyId, claimed_at: now })
        .onConflict((conflict) => conflict.columns(['tenant', 'purpose']).doNothing())
        .execute()
      return (await find(db, purpose)) ?? keyId
    },
    find: (purpose) => find(db, purpose),
  }
}

async function find(db: Kysely<Database>, purpose: KeyPurpose): Promise<string | null> {
  const row = await db
    .selectFrom('key_claims')
    .select('key_id')
    .where('tenant', '=', WHOLE_INSTALLATION)
    .where('purpose', '=', purpose)
    .executeTakeFirst()
  return row?.key_id ?? null
}
