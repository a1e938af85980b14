import { afterEach, beforeEach, describe } from 'vitest'
import type { Store } from '#store/ports/store.ts'
import { ENGINES, type Engine } from './engines.ts'

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
