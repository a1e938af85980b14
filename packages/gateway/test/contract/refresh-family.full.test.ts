import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import { live, STEPS, startTwo } from '../support/refresh-family.ts'
import { onEveryEngine } from './on-every-engine.ts'

onEveryEngine('refresh families, thousands', (store) => {
  it('no family forks, and no honest client is stranded in its window', async () => {
    // A list of grants is looked at after each step; families of before are in its way, so they come in portions.
    for (let portion = 0; portion < 10; portion += 1) {
      const replicas = await startTwo(store(), new AdjustableClock(Date.now()))
      try {
        await fc.assert(
          fc.asyncProperty(STEPS, (steps) => live(replicas, steps)),
          { numRuns: 150 },
        )
      } finally {
        await replicas.close()
      }
    }
    expect.hasAssertions()
  }, 900_000)
})
