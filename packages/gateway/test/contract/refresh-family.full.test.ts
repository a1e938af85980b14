import fc from 'fast-check'
import { expect, it } from 'vitest'
import { live, STEPS, startTwo } from '../support/refresh-family.ts'
import { onEveryEngine } from './on-every-engine.ts'

onEveryEngine('refresh families, thousands', (store) => {
  it('no family forks, and no honest client is stranded in its window', async () => {
    const replicas = await startTwo(store())
    try {
      await fc.assert(
        fc.asyncProperty(STEPS, (steps) => live(replicas, steps)),
        { numRuns: 2_000 },
      )
    } finally {
      await replicas.close()
    }
    expect.hasAssertions()
  }, 900_000)
})
