import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '#store/ports/store.ts'
import { openPostgresStore } from '#store/postgres/open.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { asSuperuser, settingsOf } from '../support/postgres/connect.ts'
import { sharedServerUrl } from '../support/postgres/shared.ts'

/** A database engine under the ports. Every suite here runs on every engine of the list and knows nothing else about it. */
export interface Engine {
  readonly name: 'sqlite' | 'postgres'
  /** An empty place to keep a store in: a file, a schema of a database. */
  createPlace(): Promise<string>
  openStore(place: string): Promise<Store>
  removePlace(place: string): Promise<void>
}

const sqlite: Engine = {
  name: 'sqlite',
  createPlace: () => mkdtemp(join(tmpdir(), 'sallyport-contract-')),
  openStore: (place) => openSqliteStore({ file: join(place, 'store.db') }),
  removePlace: (place) => rm(place, { recursive: true, force: true }),
}

/** A place is the server's URL with the schema in its fragment. */
const postgres: Engine = {
  name: 'postgres',
  createPlace: async () => `${await sharedServerUrl()}#test_${randomBytes(8).toString('hex')}`,
  openStore: (place) => openPostgresStore({ settings: settingsOf(place) }),
  removePlace: async (place) => {
    const { schema } = settingsOf(place)
    await asSuperuser(place, (client) => client.query(`drop schema if exists ${schema} cascade`))
  },
}

export const ENGINES: readonly Engine[] = [sqlite, postgres]
