import type { Kysely } from 'kysely'
import type { UsedProofsPort } from '../ports/used-proofs.ts'
import type { Database } from './schema.ts'

export function createUsedProofs(db: Kysely<Database>): UsedProofsPort {
  return {
    async use(tenant, id, expiresAt) {
      const result = await db
        .insertInto('used_proofs')
        .values({ tenant, id, expires_at: expiresAt })
        .onConflict((conflict) => conflict.columns(['tenant', 'id']).doNothing())
        .executeTakeFirst()
      return result.numInsertedOrUpdatedRows === 1n ? 'fresh' : 'used'
    },

    async collectExpired(now, max) {
      const result = await db
        .deleteFrom('used_proofs')
        .where((eb) =>
          eb(
            eb.refTuple('tenant', 'id'),
            'in',
            eb
              .selectFrom('used_proofs')
              .select(['tenant', 'id'])
              .where('expires_at', '<', now)
              .limit(max)
              .$asTuple('tenant', 'id'),
          ),
        )
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },
  }
}
