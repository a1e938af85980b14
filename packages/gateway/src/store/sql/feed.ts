import type { Kysely } from 'kysely'
import { asTenantId } from '#core/ids.ts'
import type { FeedEntry, FeedPort } from '../ports/feed.ts'
import { lastNumber, nextNumber, WHOLE_INSTALLATION } from './counters.ts'
import type { Database } from './schema.ts'

/** Kept beyond the expiry of what an entry speaks of: clock differences, and access tokens that end a little after their grant. */
const FEED_KEPT_SECONDS = 24 * 60 * 60

export function createFeed(db: Kysely<Database>): FeedPort {
  return {
    // The counter, not the newest row: entries that no longer concern anyone are gone, but their numbers were given.
    head: () => lastNumber(db, WHOLE_INSTALLATION, 'feed'),
    async since(number, max) {
      const rows = await db
        .selectFrom('feed')
        .selectAll()
        .where('number', '>', number)
        .orderBy('number')
        .limit(max)
        .execute()
      return rows.map((row) => ({
        number: row.number,
        tenant: asTenantId(row.tenant),
        kind: row.kind,
        id: row.id,
        at: row.at,
        grantsBelow: row.grants_below,
      }))
    },
  }
}

/**
 * Announces a change in the transaction that makes it. `concernsUntil`: when the last thing the entry speaks of expires (seconds);
 * it is kept a day longer.
 */
export async function announce(
  db: Kysely<Database>,
  entry: Omit<FeedEntry, 'number'> & { readonly concernsUntil: number },
): Promise<void> {
  await db
    .insertInto('feed')
    .values({
      tenant: entry.tenant,
      number: await nextNumber(db, WHOLE_INSTALLATION, 'feed'),
      kind: entry.kind,
      id: entry.id,
      at: entry.at,
      grants_below: entry.grantsBelow,
      lapses_at: Math.max(entry.at, entry.concernsUntil) + FEED_KEPT_SECONDS,
    })
    .execute()
}
