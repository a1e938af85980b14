import type { Kysely } from 'kysely'
import type { TenantId } from '#core/ids.ts'
import type { Database } from './schema.ts'

/** How many records of the log have a place; the next one gets this number. */
export async function placesGiven(db: Kysely<Database>, tenant: TenantId): Promise<number> {
  const row = await db
    .selectFrom('audit_entries')
    .select((eb) => eb.fn.max('position').as('last'))
    .where('tenant', '=', tenant)
    .where('position', 'is not', null)
    .executeTakeFirst()
  return (row?.last ?? -1) + 1
}
