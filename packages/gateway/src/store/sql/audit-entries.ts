import { CompiledQuery, type Kysely } from 'kysely'
import type { AuditEntry } from '../ports/audit.ts'
import type { Database } from './schema.ts'

/** Rows of one statement: few enough for every engine's bound on parameters, and for few different statements. */
const ROWS_PER_STATEMENT_MAX = 64

/**
 * Adds entries to the log in the transaction of what they record.
 * `arrival` only orders: whoever starts after an earlier append was acknowledged gets a higher one; entries of transactions that
 * overlap may share one, and then time and id decide. A counter would make every transaction wait for every other.
 */
export async function addAuditEntries(db: Kysely<Database>, entries: readonly AuditEntry[]): Promise<void> {
  for (let at = 0; at < entries.length; ) {
    const rows = entries.slice(at, at + rowsTogether(entries.length - at))
    at += rows.length
    const parameters = rows.flatMap(({ tenant, id, timeMs, requestId, body }) => [
      tenant,
      id,
      tenant,
      timeMs,
      requestId,
      body,
    ])
    await db.executeQuery(CompiledQuery.raw(statementFor(db, rows.length), parameters))
  }
  for (const { tenant, id, personal } of entries) {
    if (personal !== null) await db.insertInto('audit_personal').values({ tenant, id, sealed: personal }).execute()
  }
}

/** A power of two, so that a store keeps a handful of prepared statements and not one for every number of rows. */
function rowsTogether(left: number): number {
  let rows = 1
  while (rows * 2 <= left && rows < ROWS_PER_STATEMENT_MAX) rows *= 2
  return rows
}

const statements = new WeakMap<object, Map<number, string>>()

/** Every call leaves a record, and building this query costs more than running it: its text is kept for each dialect. */
function statementFor(db: Kysely<Database>, rows: number): string {
  const { adapter } = db.getExecutor()
  const kept = statements.get(adapter) ?? new Map<number, string>()
  statements.set(adapter, kept)
  const text = kept.get(rows) ?? compile(db, rows)
  kept.set(rows, text)
  return text
}

function compile(db: Kysely<Database>, rows: number): string {
  const { sql, parameters } = db
    .insertInto('audit_entries')
    .values((eb) =>
      Array.from({ length: rows }, (_, row) => ({
        tenant: '',
        id: '',
        arrival: eb
          .selectFrom('audit_entries as before')
          .select((s) => s(s.fn.coalesce(s.fn.max('before.arrival'), s.lit(0)), '+', s.lit(row + 1)).as('next'))
          .where('before.tenant', '=', ''),
        position: eb.lit(null),
        time_ms: 0,
        request_id: '',
        body: '',
      })),
    )
    .compile()
  if (parameters.length !== rows * PARAMETERS_PER_ROW) throw new Error('the statement takes other parameters')
  return sql
}

const PARAMETERS_PER_ROW = 6
