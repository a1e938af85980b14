import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '#store/ports/store.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { newPlace, openPlace, removePlace } from '../support/postgres/place.ts'

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

const postgres: Engine = {
  name: 'postgres',
  createPlace: () => newPlace(),
  openStore: (place) => openPlace(place),
  removePlace,
}

export const ENGINES: readonly Engine[] = [sqlite, postgres]
