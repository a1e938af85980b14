import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { NOW } from '../contract/samples.ts'
import { freePort } from '../e2e/support/gateway.ts'
import { createTestCli, type TestCli } from '../support/cli.ts'
import { asSuperuser, settingsOf } from '../support/postgres/connect.ts'
import { newPlace, openPlace, removePlace, storeYaml } from '../support/postgres/place.ts'

let cli: TestCli
let place: string

beforeEach(async () => {
  cli = createTestCli()
  place = await newPlace()
  configure('sallyport.yaml', '')
  configure('postgres.yaml', place)
})
afterEach(async () => {
  cli.remove()
  await removePlace(place)
})

function configure(name: string, at: string): void {
  const store = at === '' ? { yaml: '', files: {} } : storeYaml(at)
  writeFileSync(join(cli.folder, name), `version: 1\nservers: { a: { stdio: { command: node } } }\n${store.yaml}`)
  for (const [file, text] of Object.entries(store.files)) writeFileSync(join(cli.folder, file), text, { mode: 0o600 })
}

const json = (text: string) =>
  JSON.parse(text) as { migrated?: string[]; tables?: { table: string; rows: number; digest: string }[] }
const tablesOf = (text: string) => new Map(json(text).tables?.map(({ table, rows }) => [table, rows]))
const onPostgres = ['--config', 'postgres.yaml'] as const

it('migrate brings either store to this version, and says what was run', async () => {
  for (const config of ['sallyport.yaml', 'postgres.yaml']) {
    const first = await cli.run(['db', 'migrate', '--config', config, '--json'])
    expect(first, first.err).toMatchObject({ code: 0, err: '' })
    expect(json(first.out).migrated).toEqual([
      '0001-first-tables',
      '0002-replicas',
      '0003-api-keys',
      '0004-registration',
      '0005-used-proofs',
      '0006-signing-key-states',
      '0007-kept-replies',
      '0008-account-links',
      '0009-provider-logins',
      '0010-second-factors',
    ])
    const again = await cli.run(['db', 'migrate', '--config', config])
    expect(again).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('the tables are those of this version'),
    })
  }
  expect((await cli.run(['db', 'migrate', ...onPostgres])).out).not.toContain('p%40ss')
})

it('migrate refuses what a newer version wrote', async () => {
  await cli.run(['db', 'migrate'])
  const db = new DatabaseSync(join(cli.folder, 'var', 'sallyport.db'))
  db.exec("insert into schema_migrations values ('9999-from-the-future')")
  db.close()
  expect(await cli.run(['db', 'migrate'])).toMatchObject({
    code: 3,
    err: expect.stringContaining('9999-from-the-future'),
  })
})

it('copy takes everything to PostgreSQL and back, counted and compared, and the log still verifies', async () => {
  for (const name of ['ada', 'grace']) await cli.run(['user', 'add', name, '--role', 'operator'])
  await cli.run(['user', 'roles', 'ada', 'user'])
  const there = await cli.run(['db', 'copy', '--from', 'sqlite', '--to', 'postgres', ...onPostgres, '--json'])
  expect(there, there.err).toMatchObject({ code: 0, err: '' })
  expect(tablesOf(there.out).get('accounts')).toBe(2)
  expect(tablesOf(there.out).get('audit_entries')).toBeGreaterThan(2)
  expect(tablesOf(there.out).get('audit_checkpoints')).toBeGreaterThan(0)
  expect(tablesOf(there.out).get('key_claims')).toBe(2)

  // The same state folder, now with PostgreSQL: keys, leaves and checkpoints fit, and everything goes on.
  expect((await cli.run(['user', 'list', ...onPostgres, '--json'])).out).toContain('grace')
  expect(await cli.run(['user', 'disable', 'grace', ...onPostgres])).toMatchObject({ code: 0 })
  const verified = await cli.run(['log', 'verify', ...onPostgres])
  expect(verified, verified.err).toMatchObject({ code: 0, out: expect.stringContaining('The log is whole') })

  const back = await cli.run([
    'db',
    'copy',
    '--from',
    'postgres',
    '--to',
    'sqlite:back/sallyport.db',
    ...onPostgres,
    '--json',
  ])
  expect(back, back.err).toMatchObject({ code: 0, err: '' })
  writeFileSync(join(cli.folder, 'var', 'sallyport.db'), readFileSync(join(cli.folder, 'back', 'sallyport.db')))
  for (const suffix of ['-wal', '-shm']) writeFileSync(join(cli.folder, 'var', `sallyport.db${suffix}`), '')
  expect((await cli.run(['user', 'show', 'grace'])).out).toContain('disabled')
  expect(await cli.run(['log', 'verify'])).toMatchObject({ code: 0, out: expect.stringContaining('The log is whole') })
})

it('copy refuses a target that holds anything, and a source that is not there, and changes nothing', async () => {
  await cli.run(['user', 'add', 'ada', '--role', 'operator'])
  const copy = ['db', 'copy', '--from', 'sqlite', '--to', 'postgres', ...onPostgres]
  expect(await cli.run(copy)).toMatchObject({ code: 0 })
  const again = await cli.run(copy)
  expect(again).toMatchObject({ code: 1, out: '', err: expect.stringContaining('The target is not empty') })
  expect(await cli.run(['db', 'copy', '--from', 'sqlite:nowhere.db', '--to', 'sqlite:new.db'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no such SQLite store'),
  })
  expect(await cli.run(['db', 'copy', '--from', 'mysql', '--to', 'sqlite'])).toMatchObject({ code: 2 })
  expect(await cli.run(['db', 'copy', '--from', 'postgres', '--to', 'sqlite:x.db'])).toMatchObject({
    code: 4,
    err: expect.stringContaining('names no PostgreSQL server'),
  })
})

it('copy keeps nothing of what arrives otherwise than it was sent', async () => {
  await cli.run(['user', 'add', 'ada', '--role', 'operator'])
  const db = new DatabaseSync(join(cli.folder, 'var', 'sallyport.db'))
  // PostgreSQL cannot hold it, and turns it into another character.
  db.exec("update accounts set display_name = 'A' || char(0) || 'da'")
  db.close()
  const refused = await cli.run(['db', 'copy', '--from', 'sqlite', '--to', 'postgres', ...onPostgres])
  expect(refused).toMatchObject({
    code: 1,
    err: expect.stringContaining('arrived in accounts is not what was sent'),
  })
  const { schema } = settingsOf(place)
  const { rows } = await asSuperuser(place, (client) =>
    client.query(`select 1 from ${schema}.accounts union all select 1 from ${schema}.counters`),
  )
  expect(rows).toEqual([])
})

it('copy does not touch a store that a gateway uses', async () => {
  await cli.run(['user', 'add', 'ada', '--role', 'operator'])
  const store = await openPlace(place)
  await store.replicas.join(DEFAULT_TENANT, 'alive', NOW)
  const beating = setInterval(() => void store.replicas.beat(DEFAULT_TENANT, 'alive').catch(() => undefined), 500)
  const refused = await cli.run(['db', 'copy', '--from', 'postgres', '--to', 'sqlite:x.db', ...onPostgres])
  clearInterval(beating)
  await store.close()
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('A gateway runs on this store') })
})

it('copy of what a killed gateway left settles its calls on the other side', async () => {
  await cli.run(['user', 'add', 'ada', '--role', 'operator'])
  const there = await cli.run(['db', 'copy', '--from', 'sqlite', '--to', 'postgres', ...onPostgres, '--json'])
  expect(tablesOf(there.out).get('replicas')).toBe(1)
  const { schema } = settingsOf(place)
  const { rows } = await asSuperuser(place, (client) => client.query(`select id, state from ${schema}.replicas`))
  expect(rows).toEqual([{ id: '', state: 'ended' }])
})

it('serve says why it does not start: an empty store under a folder that remembers a log, a database that is not there', async () => {
  await cli.run(['user', 'add', 'ada', '--role', 'operator'])
  const forgot = await cli.run(['serve', ...onPostgres])
  expect(forgot).toMatchObject({ code: 3, err: expect.stringContaining('fill it with `sallyport db copy`') })
  // And left the store as empty as the advice needs it.
  const copied = await cli.run(['db', 'copy', '--from', 'sqlite', '--to', 'postgres', ...onPostgres])
  expect(copied, copied.err).toMatchObject({ code: 0 })
  configure('away.yaml', `postgres://sallyport:secret@127.0.0.1:${await freePort()}/postgres#away`)
  const away = await cli.run(['serve', '--config', 'away.yaml', '--state-dir', 'other'])
  expect(away).toMatchObject({ code: 3, err: expect.stringContaining('the database server cannot be reached') })
  expect(away.err).not.toContain('secret')
})
