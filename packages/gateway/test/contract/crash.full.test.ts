import { describe, it } from 'vitest'
import { expectCrashSafe } from './crash-runs.ts'
import { ENGINES } from './engines.ts'

describe.each(ENGINES)('many crashes on $name', (engine) => {
  it('a hundred kills of the same store lose nothing that was acknowledged', async () => {
    await expectCrashSafe(engine, 100)
  }, 600_000)
})
