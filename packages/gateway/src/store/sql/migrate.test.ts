import { DatabaseSync } from 'node:sqlite'
import { type Kysely, sql } from 'kysely'
import { expect, it } from 'vitest'
import { StoreTooNew } from '../errors.ts'
import { queriesOver } from '../sqlite/database.ts'
import { migrate } from './migrate.ts'

const step = (name: string, text: string) => ({
  name,
  up: async (db: Kysely<unknown>) => {
    await sql.raw(text).execute(db)
  },
})
const one = step('0001-one', 'create table one (a text)')
const two = step('0002-two', 'create table two (a text)')

function tables(db: DatabaseSync): unknown[] {
  return db
    .prepare("select name from sqlite_master where type = 'table' order by name")
    .all()
    .map(({ name }) => name)
}

it('runs what is missing, in order, once', async () => {
  const db = new DatabaseSync(':memory:')
  await migrate(queriesOver<unknown>(db), [one])
  expect(tables(db)).toEqual(['one', 'schema_migrations'])
  await migrate(queriesOver<unknown>(db), [one, two])
  await migrate(queriesOver<unknown>(db), [one, two])
  expect(tables(db)).toEqual(['one', 'schema_migrations', 'two'])
  db.close()
})

it('refuses a schema it does not know before touching it', async () => {
  const db = new DatabaseSync(':memory:')
  await migrate(queriesOver<unknown>(db), [one, two])
  await expect(
    migrate(queriesOver<unknown>(db), [one, step('0003-three', 'create table three (a text)')]),
  ).rejects.toThrow(StoreTooNew)
  expect(tables(db)).not.toContain('three')
  db.close()
})

it('every primary key has the tenant in it', async () => {
  const db = new DatabaseSync(':memory:')
  await migrate(queriesOver<unknown>(db))
  const names = tables(db).filter((name) => name !== 'schema_migrations')
  expect(names.length).toBeGreaterThan(10)
  for (const name of names) {
    const columns = db.prepare('select name from pragma_table_info(?) where pk > 0').all(String(name))
    expect(
      columns.map((column) => column['name']),
      String(name),
    ).toContain('tenant')
  }
  db.close()
})
