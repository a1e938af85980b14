import { expect, test } from 'vitest'
import { PLANS } from './plan.ts'
import { countMeasurements } from './run.ts'

test.each(Object.values(PLANS))(
  'in the mode $mode every cell has its own name, and measures what it compares with',
  ({ cells }) => {
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length)
    for (const { candidates, base } of cells) expect(candidates).toContain(base)
  },
)

test.each([
  ['full', 25],
  ['quick', 3],
  ['guard', 0.3],
] as const)('what the mode %s measures takes less than %d minutes, starting and probing apart', (mode, minutes) => {
  const plan = PLANS[mode]
  const { warmMs, firstWarmMs, measureMs, cells } = plan
  const candidates = new Set(cells.flatMap((cell) => cell.candidates))
  const plannedMs = countMeasurements(plan) * (warmMs + measureMs) + candidates.size * firstWarmMs
  expect(plannedMs).toBeLessThan(minutes * 60_000)
})
