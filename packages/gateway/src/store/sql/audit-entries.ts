import type { Kysely } from 'kysely'
import type { AuditEntry } from '../ports/audit.ts'
import type { Database } from './schema.ts'

/**
 * Adds entries to the log in the transaction of what they record.
 * `arrival` only orders: whoever starts after an earlier append was acknowledged gets a higher one; entries of transactions that
 * overlap may share one, and then time and id decide. A counter would make every transaction wait for every other.
 */
export async function addAuditEntries(db: Kysely<Database>, entries: readonly AuditEntry[]): Promise<void> {
  for (const entry of entries) {
    await db
      .insertInto('audit_entries')
      .values((eb) => ({
        tenant: entry.tenant,
        id: entry.id,
        arrival: eb
          .selectFrom('audit_entries as before')
          .select((s) => s(s.fn.coalesce(s.fn.max('before.arrival'), s.lit(0)), '+', s.lit(1)).as('next'))
          .where('before.tenant', '=', entry.tenant),
        position: null,
        time_ms: entry.timeMs,
        request_id: entry.requestId,
        body: entry.body,
      }))
      .execute()
    if (entry.personal !== null) {
      await db
        .insertInto('audit_personal')
        .values({ tenant: entry.tenant, id: entry.id, sealed: entry.personal })
        .execute()
    }
  }
}
