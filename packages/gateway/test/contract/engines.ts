import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '#store/ports/store.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'

/** A database engine under the ports. Every suite here runs on every engine of the list and knows nothing else about it. */
export interface Engine {
  readonly name: string
  /** An empty place to keep a store in: a file, a database. */
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

export const ENGINES: readonly Engine[] = [sqlite]
