import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe } from 'vitest'
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

/** Runs the suite once per engine. `store()` is the running test's own, empty at its start. */
export function onEveryEngine(port: string, suite: (store: () => Store, engine: Engine) => void): void {
  describe.each(ENGINES)(`${port} on $name`, (engine) => {
    let place: string
    let store: Store
    beforeEach(async () => {
      place = await engine.createPlace()
      store = await engine.openStore(place)
    })
    afterEach(async () => {
      await store.close()
      await engine.removePlace(place)
    })
    suite(() => store, engine)
  })
}
