import { describe, it } from 'vitest'
import { expectCrashSafe } from './crash-runs.ts'
import { ENGINES } from './engines.ts'

describe.each(ENGINES)('crash on $name', (engine) => {
  it('kill -9 at any moment loses nothing that was acknowledged, and leaves nothing half done', async () => {
    await expectCrashSafe(engine, 5)
  }, 60_000)
})
