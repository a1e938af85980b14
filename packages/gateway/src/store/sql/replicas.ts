import type { Kysely } from 'kysely'
import type { TenantId } from '#core/ids.ts'
import { WriterEnded } from '../ports/audit.ts'
import type { ReplicasPort } from '../ports/replicas.ts'
import { addAuditEntries } from './audit-entries.ts'
import { isPostgres } from './dialect.ts'
import { placesGiven } from './places.ts'
import { rollBack } from './roll-back.ts'
import type { Database } from './schema.ts'

export function createReplicas(db: Kysely<Database>): ReplicasPort {
  return {
    async join(tenant, id, now) {
      await db
        .insertInto('replicas')
        .values({
          tenant,
          id,
          state: 'alive',
          beats: 0,
          from_position: await placesGiven(db, tenant),
          joined_at: now,
        })
        .execute()
    },

    async beat(tenant, id) {
      const result = await db
        .updateTable('replicas')
        .set((eb) => ({ beats: eb('beats', '+', 1) }))
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('state', '=', 'alive')
        .executeTakeFirst()
      return result.numUpdatedRows === 1n ? 'alive' : 'ended'
    },

    async end(tenant, id) {
      // Waits for every append that holds the row. A plain update would not: those hold it against its end alone, not against its beats.
      await db
        .selectFrom('replicas')
        .select('id')
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .$if(isPostgres(db), (query) => query.forUpdate())
        .execute()
      await db
        .updateTable('replicas')
        .set({ state: 'ended' })
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('state', '=', 'alive')
        .execute()
    },

    async list(tenant) {
      const rows = await db
        .selectFrom('replicas')
        .select(['id', 'state', 'beats', 'from_position'])
        .where('tenant', '=', tenant)
        .orderBy('id')
        .execute()
      return rows.map(({ id, state, beats, from_position }) => ({ id, state, beats, fromPosition: from_position }))
    },

    async settle(tenant, id, audit) {
      const result = await db
        .deleteFrom('replicas')
        .where('tenant', '=', tenant)
        .where('id', '=', id)
        .where('state', '=', 'ended')
        .executeTakeFirst()
      if (result.numDeletedRows !== 1n) return rollBack<'unknown'>('unknown')
      await addAuditEntries(db, audit)
      return 'settled'
    },
  }
}

/**
 * Holds the replica alive until the commit. Many hold it at once; whoever ends it waits for all of them.
 * @throws WriterEnded
 */
export async function requireAlive(db: Kysely<Database>, tenant: TenantId, id: string): Promise<void> {
  const row = await db
    .selectFrom('replicas')
    .select('id')
    .where('tenant', '=', tenant)
    .where('id', '=', id)
    .where('state', '=', 'alive')
    // SQLite has one writer at a time, so there is nothing to hold.
    .$if(isPostgres(db), (query) => query.forKeyShare())
    .executeTakeFirst()
  if (row === undefined) throw new WriterEnded()
}
