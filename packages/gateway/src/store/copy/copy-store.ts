import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { StoreFailure } from '../errors.ts'
import type { Database } from '../sql/schema.ts'
import type { CopySide } from './copy-side.ts'
import { TABLE_KEYS, TABLES, type TableName } from './tables.ts'

/** Rows held at once. */
const ROWS_MAX = 500
/** Few enough for every engine's bound on parameters. */
const ROWS_PER_STATEMENT_MAX = 100

type Row = Readonly<Record<string, unknown>>

export interface CopiedTable {
  readonly table: TableName
  readonly rows: number
  /** SHA-256 (hex) over all rows in order of their keys: the same on both sides. */
  readonly digest: string
}

/** The copy was refused, or what arrived is not what was sent; nothing was kept. The message is for the operator. */
export class CopyRefused extends StoreFailure {
  override readonly name = 'CopyRefused'
}

/**
 * Copies everything from one store to an empty one, reads it back there and compares, and only then commits. What is sealed stays sealed and
 * positions stay as they are, so keys and audit files of the state folder go on fitting.
 * @throws CopyRefused
 */
export async function copyStore(source: CopySide, target: CopySide): Promise<readonly CopiedTable[]> {
  for (const table of TABLES) await requireEmpty(target.db, table)
  const sent: CopiedTable[] = []
  for (const table of TABLES) sent.push(await copyTable(source, target, table))
  for (const { table, rows, digest } of sent) {
    const arrived = await digestOf(target.db, table)
    if (arrived.rows !== rows || arrived.digest !== digest)
      throw new CopyRefused(`what arrived in ${table} is not what was sent; nothing was kept`)
  }
  await target.commit()
  return sent
}

async function requireEmpty(db: Kysely<Database>, table: TableName): Promise<void> {
  const { rows } = await sql`select 1 from ${sql.table(table)} limit 1`.execute(db)
  if (rows.length > 0) throw new CopyRefused(`the target is not empty: it has rows in ${table}. Nothing was changed`)
}

async function copyTable(source: CopySide, target: CopySide, table: TableName): Promise<CopiedTable> {
  const hash = createHash('sha256')
  let rows = 0
  for await (const page of pagesOf(source.db, table)) {
    const arriving = page.map((row) => arrivingRow(table, row))
    for (const row of arriving) hash.update(printRow(row))
    rows += arriving.length
    await insert(target.db, table, arriving)
  }
  if (table === 'replicas' && source.engine === 'sqlite' && target.engine === 'postgres') {
    for (const row of await goneReplicas(source.db)) {
      hash.update(printRow(row))
      rows += 1
      await insert(target.db, table, [row])
    }
  }
  return { table, rows, digest: hash.digest('hex') }
}

/** Nobody runs on a store that is copied. Whatever calls its gateways left open are settled on the new one. */
function arrivingRow(table: TableName, row: Row): Row {
  return table === 'replicas' ? { ...row, state: 'ended' } : row
}

/**
 * The calls of a gateway that had its store to itself name no replica (NO_REPLICA in audit/settle-interrupted-calls.ts). Among several they
 * are those of one that has ended.
 */
async function goneReplicas(db: Kysely<Database>): Promise<readonly Row[]> {
  const known = await db.selectFrom('replicas').select('id').where('id', '=', '').execute()
  if (known.length > 0) return []
  const tenants = await db.selectFrom('audit_entries').select('tenant').distinct().orderBy('tenant').execute()
  return tenants.map(({ tenant }) => ({ tenant, id: '', state: 'ended', beats: 0, from_position: 0, joined_at: 0 }))
}

async function insert(db: Kysely<Database>, table: TableName, rows: readonly Row[]): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first)
  for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT_MAX) {
    const values = rows
      .slice(at, at + ROWS_PER_STATEMENT_MAX)
      .map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`)
    const names = sql.join(columns.map((column) => sql.ref(column)))
    await sql`insert into ${sql.table(table)} (${names}) values ${sql.join(values)}`.execute(db)
  }
}

async function digestOf(db: Kysely<Database>, table: TableName): Promise<{ rows: number; digest: string }> {
  const hash = createHash('sha256')
  let rows = 0
  for await (const page of pagesOf(db, table)) {
    for (const row of page) hash.update(printRow(row))
    rows += page.length
  }
  return { rows, digest: hash.digest('hex') }
}

/** In order of the primary key, a page after the other. */
async function* pagesOf(db: Kysely<Database>, table: TableName): AsyncGenerator<readonly Row[]> {
  const key: readonly string[] = TABLE_KEYS[table]
  const order = sql.join(key.map((column) => sql.ref(column)))
  for (let last: Row | null = null; ; ) {
    const after: Row | null = last
    const from: ReturnType<typeof sql> =
      after === null ? sql`` : sql`where (${order}) > (${sql.join(key.map((column) => after[column]))})`
    const { rows }: { rows: Row[] } =
      await sql<Row>`select * from ${sql.table(table)} ${from} order by ${order} limit ${sql.lit(ROWS_MAX)}`.execute(db)
    if (rows.length > 0) yield rows
    last = rows.at(-1) ?? null
    if (rows.length < ROWS_MAX) return
  }
}

/** One line, the same for the same values whatever the engine and the order of its columns. */
function printRow(row: Row): string {
  const values = Object.keys(row)
    .toSorted()
    .map((column) => {
      const value = row[column]
      return [column, value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value]
    })
  return `${JSON.stringify(values)}\n`
}
