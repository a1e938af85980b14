import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeAll, describe, expect, it } from 'vitest'
import { asSuperuser, settingsOf } from '../../test/support/postgres/connect.ts'
import { newPlace, openPlace, removePlace } from '../../test/support/postgres/place.ts'
import { TABLE_KEYS } from './copy/tables.ts'
import { openSqliteStore } from './sqlite/open.ts'

/** Columns by table, and the columns of its primary key. */
type Schema = Readonly<Record<string, { readonly columns: readonly string[]; readonly key: readonly string[] }>>

/** Nothing about people or access is in it, and the page speaks of it above. */
const NOT_DESCRIBED = 'schema_migrations'

let documented: Schema
let kept: readonly string[]

beforeAll(async () => {
  const page = await readFile(new URL('./schema.md', import.meta.url), 'utf8')
  const tables: Record<string, { columns: string[]; key: string[] }> = {}
  const words: string[] = []
  for (const section of page.split(/^## /m).slice(1)) {
    const name = /^([a-z_]+)(?::|$)/m.exec(section)?.[1]
    const rows = [...section.matchAll(/^\| ([a-z_]+) +\| ([a-z]+) +\| (.+?) +\|$/gm)]
    if (name === undefined || rows.length === 0) continue
    expect(section, `how long ${name} is kept`).toMatch(/^(?:Kept|One row|Made)/m)
    tables[name] = {
      columns: rows.map(([, column = '']) => column),
      key: rows.filter(([, , , what = '']) => /^key\b/.test(what)).map(([, column = '']) => column),
    }
    words.push(...rows.map(([, , how = '']) => how))
  }
  documented = tables
  kept = words
})

async function sqliteSchema(): Promise<Schema> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-schema-'))
  const file = join(folder, 'store.db')
  await (await openSqliteStore({ file })).close()
  const db = new DatabaseSync(file, { readOnly: true })
  const names = db.prepare("select name from sqlite_master where type = 'table'").all()
  const schema = names.map(({ name }) => {
    const columns = db.prepare('select name, pk from pragma_table_info(?) order by cid').all(String(name))
    return [
      String(name),
      {
        columns: columns.map((column) => String(column['name'])),
        key: columns.filter((column) => Number(column['pk']) > 0).map((column) => String(column['name'])),
      },
    ] as const
  })
  db.close()
  await rm(folder, { recursive: true })
  return withoutUndescribed(schema)
}

async function postgresSchema(): Promise<Schema> {
  const place = await newPlace()
  await (await openPlace(place)).close()
  const { rows } = await asSuperuser(place, (client) =>
    client.query<{ name: string; columns: string[]; key: string[] }>(
      `select c.relname::text as name,
        array_agg(a.attname::text order by a.attnum) as columns,
        array_agg(a.attname::text order by a.attnum) filter (where a.attnum = any (i.indkey)) as key
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_index i on i.indrelid = c.oid and i.indisprimary
      where c.relnamespace = $1::regnamespace and c.relkind = 'r' group by c.relname`,
      [settingsOf(place).schema],
    ),
  )
  await removePlace(place)
  return withoutUndescribed(rows.map(({ name, columns, key }) => [name, { columns, key }] as const))
}

function withoutUndescribed(tables: readonly (readonly [string, Schema[string]])[]): Schema {
  return Object.fromEntries(tables.filter(([name]) => name !== NOT_DESCRIBED))
}

describe('schema.md', () => {
  it('describes something, and says of every value how it is kept', () => {
    expect(Object.keys(documented).length).toBeGreaterThan(10)
    expect(new Set(kept)).toEqual(new Set(['plain', 'hashed', 'sealed']))
  })

  it.each([
    ['sqlite', sqliteSchema],
    ['postgres', postgresSchema],
  ])('names every table and column of %s, in their order, with their keys, and no other', async (_, read) => {
    const actual = await read()
    expect(Object.keys(documented).toSorted()).toEqual(Object.keys(actual).toSorted())
    for (const [table, { columns, key }] of Object.entries(actual)) {
      expect([table, documented[table]?.columns]).toEqual([table, columns])
      expect([table, documented[table]?.key.toSorted()]).toEqual([table, key.toSorted()])
    }
  })

  it('has the keys that a copy goes by', () => {
    const keys = Object.fromEntries(Object.entries(TABLE_KEYS).map(([table, key]) => [table, key.toSorted()]))
    const described = Object.fromEntries(Object.entries(documented).map(([table, { key }]) => [table, key.toSorted()]))
    expect(keys).toEqual(described)
  })
})

it('on PostgreSQL every text is compared byte by byte, whatever the database', async () => {
  const place = await newPlace()
  await (await openPlace(place)).close()
  const { rows } = await asSuperuser(place, (client) =>
    client.query(
      `select a.attrelid::regclass::text as table, a.attname::text as column from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relnamespace = $1::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migrations'
        and a.atttypid = 'text'::regtype and a.attcollation <> '"C"'::regcollation`,
      [settingsOf(place).schema],
    ),
  )
  await removePlace(place)
  expect(rows).toEqual([])
})
