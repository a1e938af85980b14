import { expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import type { EnginePort } from '#store/ports/engine.ts'
import { collectExpired } from './collect-expired.ts'

it('collects in bounded batches, and leaves the rest to the next round', async () => {
  const asked: number[] = []
  let left = 1_200
  const port = {
    collectExpired: async (_: number, max: number) => {
      asked.push(max)
      const deleted = Math.min(left, max)
      left -= deleted
      return deleted
    },
  } as unknown as EnginePort // Only this method is called.
  expect(await collectExpired(port, systemClock)).toBe(1_200)
  expect(asked).toEqual([500, 500, 500])
  left = 1_000_000
  expect(await collectExpired(port, systemClock)).toBe(10_000)
})
