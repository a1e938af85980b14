import { type Kysely, sql } from 'kysely'
import { asTenantId, type TenantId } from '#core/ids.ts'
import type { AuditEntry, AuditPort, SequencedEntry, StoredCheckpoint } from '../ports/audit.ts'
import { addAuditEntries } from './audit-entries.ts'
import { nextNumber } from './counters.ts'
import { placesGiven } from './places.ts'
import { requireAlive } from './replicas.ts'
import type { AuditCheckpointsTable, AuditEntriesTable, Database } from './schema.ts'

type EntryRow = AuditEntriesTable & { sealed: Uint8Array | null }

export function createAudit(db: Kysely<Database>): AuditPort {
  const entries = (tenant: TenantId) => entriesOf(db, tenant)

  return {
    async append(added, writer) {
      await requireWriter(db, added, writer)
      await addAuditEntries(db, added)
    },

    async appendAgain(added, writer) {
      await requireWriter(db, added, writer)
      await addAuditEntries(db, await withoutKnown(db, added))
    },

    sequence: (tenant, max) => sequence(db, tenant, max),

    async read(tenant, fromPosition, max) {
      const rows = await entries(tenant)
        .where('e.position', '>=', fromPosition)
        .orderBy('e.position')
        .limit(max)
        .execute()
      return rows.map((row) => sequenced(row, row.position ?? 0))
    },

    async latest(tenant, max) {
      const rows = await entries(tenant).orderBy('e.arrival', 'desc').orderBy('e.id', 'desc').limit(max).execute()
      return rows.map(placed)
    },

    async byRequest(tenant, requestId) {
      const rows = await entries(tenant)
        .where('e.request_id', '=', requestId)
        .orderBy('e.arrival')
        .orderBy('e.id')
        .execute()
      return rows.map(placed)
    },

    size: (tenant) => placesGiven(db, tenant),

    async progress(tenant) {
      const newest = await db
        .selectFrom('audit_entries')
        .select((eb) => eb.fn.max('arrival').as('arrival'))
        .where('tenant', '=', tenant)
        .executeTakeFirst()
      const oldest = await db
        .selectFrom('audit_entries')
        .select((eb) => eb.fn.min('arrival').as('arrival'))
        .where('tenant', '=', tenant)
        .where('position', 'is', null)
        .executeTakeFirst()
      return { newest: newest?.arrival ?? 0, unplaced: oldest?.arrival ?? null }
    },

    async addCheckpoint(checkpoint) {
      await db
        .insertInto('audit_checkpoints')
        .values({
          tenant: checkpoint.tenant,
          size: checkpoint.size,
          note: checkpoint.note,
          time_ms: checkpoint.timeMs,
        })
        // The same size has the same root: a second note for it says nothing new, and the first may already be elsewhere.
        .onConflict((conflict) => conflict.columns(['tenant', 'size']).doNothing())
        .execute()
    },

    async latestCheckpoint(tenant) {
      const row = await db
        .selectFrom('audit_checkpoints')
        .selectAll()
        .where('tenant', '=', tenant)
        .orderBy('size', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row === undefined ? null : toCheckpoint(row)
    },

    async checkpoints(tenant, fromSize, max) {
      const rows = await db
        .selectFrom('audit_checkpoints')
        .selectAll()
        .where('tenant', '=', tenant)
        .where('size', '>=', fromSize)
        .orderBy('size')
        .limit(max)
        .execute()
      return rows.map(toCheckpoint)
    },

    async erasePersonal(tenant, ids) {
      if (ids.length === 0) return 0
      const result = await db
        .deleteFrom('audit_personal')
        .where('tenant', '=', tenant)
        .where('id', 'in', ids)
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },
  }
}

async function requireWriter(
  db: Kysely<Database>,
  entries: readonly AuditEntry[],
  writer: string | undefined,
): Promise<void> {
  if (writer === undefined) return
  for (const tenant of new Set(entries.map((entry) => entry.tenant))) await requireAlive(db, tenant, writer)
}

async function withoutKnown(db: Kysely<Database>, entries: readonly AuditEntry[]): Promise<readonly AuditEntry[]> {
  const known = new Set<string>()
  for (const { tenant, id } of entries) {
    const row = await db
      .selectFrom('audit_entries')
      .select('id')
      .where('tenant', '=', tenant)
      .where('id', '=', id)
      .executeTakeFirst()
    if (row !== undefined) known.add(`${tenant} ${id}`)
  }
  return entries.filter(({ tenant, id }) => !known.has(`${tenant} ${id}`))
}

/** Places and counter move in one transaction, so a crash leaves either all of these entries placed or none, and no gap. */
async function sequence(db: Kysely<Database>, tenant: TenantId, max: number): Promise<readonly SequencedEntry[]> {
  // Locks the counter before looking, so that a second sequencer waits instead of placing the same entries.
  const first = await nextNumber(db, tenant, 'audit', 0)
  const { numUpdatedRows } = await db
    .updateTable('audit_entries')
    .from((eb) =>
      eb
        .selectFrom('audit_entries as e')
        .select(['e.id as placed', sql<number>`row_number() over (order by e.arrival, e.time_ms, e.id)`.as('place')])
        .where('e.tenant', '=', tenant)
        .where('e.position', 'is', null)
        .orderBy('e.arrival')
        .orderBy('e.time_ms')
        .orderBy('e.id')
        .limit(max)
        .as('oldest'),
    )
    .set({ position: sql<number>`cast(${first - 1} as bigint) + oldest.place` })
    // By the key alone. That they have no place yet is said above and held by the counter; said again here, it would lead a planner to look
    // through all that have none, once for each.
    .where('audit_entries.tenant', '=', tenant)
    .whereRef('audit_entries.id', '=', 'oldest.placed')
    .executeTakeFirstOrThrow()
  const count = Number(numUpdatedRows)
  if (count === 0) return []
  await nextNumber(db, tenant, 'audit', count)
  const rows = await entriesOf(db, tenant).where('e.position', '>=', first).orderBy('e.position').execute()
  return rows.map((row) => sequenced(row, row.position ?? first))
}

/** Entries with their personal side, as far as that was not erased. */
function entriesOf(db: Kysely<Database>, tenant: TenantId) {
  return db
    .selectFrom('audit_entries as e')
    .leftJoin('audit_personal as p', (join) => join.onRef('p.tenant', '=', 'e.tenant').onRef('p.id', '=', 'e.id'))
    .selectAll('e')
    .select('p.sealed')
    .where('e.tenant', '=', tenant)
}

function toEntry(row: EntryRow): AuditEntry {
  return {
    id: row.id,
    tenant: asTenantId(row.tenant),
    timeMs: row.time_ms,
    requestId: row.request_id,
    body: row.body,
    personal: row.sealed,
  }
}

function sequenced(row: EntryRow, position: number): SequencedEntry {
  return { ...toEntry(row), position }
}

function placed(row: EntryRow): AuditEntry & { readonly position: number | null } {
  return { ...toEntry(row), position: row.position }
}

function toCheckpoint(row: AuditCheckpointsTable): StoredCheckpoint {
  return { tenant: asTenantId(row.tenant), size: row.size, note: row.note, timeMs: row.time_ms }
}
