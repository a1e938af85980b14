import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LogTampered } from '#audit/sequencer.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { Secret } from '#core/secret.ts'
import { StoreInUse } from '#store/errors.ts'
import type { StoreSettings } from '#store/ports/settings.ts'
import { eventually } from '../../test/support/eventually.ts'
import { asSuperuser, settingsOf } from '../../test/support/postgres/connect.ts'
import { newPlace, openPlace, removePlace } from '../../test/support/postgres/place.ts'
import { smallEntry } from '../../test/support/store.ts'
import { openStore } from './open-store.ts'
import { openStateFolder, type StateFolder } from './state-folder.ts'

let folder: string
let state: StateFolder
let place: string
let warnings: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-open-store-'))
  state = await openStateFolder(folder)
  place = await newPlace()
  warnings = []
})
afterEach(async () => {
  await rm(folder, { recursive: true })
  await removePlace(place)
})

const nothing = () => undefined
const log = { debug: nothing, info: nothing, warn: (message: string) => void warnings.push(message), error: nothing }
const open = (settings: StoreSettings, at = state) => openStore(settings, at, DEFAULT_TENANT, log)
const postgres = (changes: Parameters<typeof settingsOf>[1] = {}): StoreSettings => ({
  kind: 'postgres',
  ...settingsOf(place, changes),
})

it('a state folder has one process at a time, whichever store each of them uses', async () => {
  const { store } = await open(postgres())
  await expect(open(postgres())).rejects.toThrow(StoreInUse)
  await expect(open({ kind: 'sqlite' })).rejects.toThrow(StoreInUse)
  const other = await mkdtemp(join(tmpdir(), 'sallyport-open-store-'))
  const { store: beside } = await open(postgres(), await openStateFolder(other))
  await beside.close()
  await rm(other, { recursive: true })
  await store.close()
  const { store: again } = await open({ kind: 'sqlite' })
  await expect(open(postgres())).rejects.toThrow(StoreInUse)
  await again.close()
})

it('a SQLite store that is left unused is spoken of', async () => {
  await (await open({ kind: 'sqlite' })).store.close()
  await (await open(postgres())).store.close()
  expect(warnings).toEqual([expect.stringContaining('db copy')])
})

it('a store that cannot hold the log of the folder is refused as it was, and the folder is free again', async () => {
  await writeFile(state.auditTree, Buffer.alloc(3 * 32))
  for (const settings of [postgres(), { kind: 'sqlite' } as const]) {
    await expect(open(settings)).rejects.toThrow(LogTampered)
    await expect(open(settings)).rejects.toThrow('holds 0 records but 3 were hashed before')
  }
})

it('a new password is taken up for new connections; that of another store, which waits for a restart, is not', async () => {
  await (await openPlace(place)).close()
  const role = `${settingsOf(place).schema}_role`
  const admin = (statement: string) => asSuperuser(place, (client) => client.query(statement))
  await admin(`create role ${role} superuser login password 'old'`)
  const cut = () => admin(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`)
  let count = 0
  const { store, follow } = await open(postgres({ user: role, password: new Secret('old') }))
  const append = () => {
    count += 1
    return store.audit.append([smallEntry(`e${count}`)])
  }
  try {
    await append()
    follow(postgres({ user: role, database: 'elsewhere', password: new Secret('of elsewhere') }))
    await cut()
    await eventually(append)
    await admin(`alter role ${role} password 'new'`)
    await cut()
    await eventually(() => expect(append()).rejects.toThrow())
    follow(postgres({ user: role, password: new Secret('new') }))
    await eventually(append)
  } finally {
    await store.close()
    await admin(`drop role ${role}`)
  }
})
