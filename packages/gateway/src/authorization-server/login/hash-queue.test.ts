import { describe, expect, test } from 'vitest'
import { createHashQueue } from './hash-queue.ts'

describe('the hash queue', () => {
  test('runs only so many at once, lets only so many wait, and serves them in order', async () => {
    const queue = createHashQueue({ runningMax: 2, waitingMax: 3 })
    const order: number[] = []
    const gates: (() => void)[] = []
    let running = 0
    let runningMost = 0
    const results = [0, 1, 2, 3, 4, 5, 6].map((index) =>
      queue.run(async () => {
        running += 1
        runningMost = Math.max(runningMost, running)
        order.push(index)
        await new Promise<void>((resolve) => gates.push(resolve))
        running -= 1
        return index
      }),
    )
    expect(await results[5]).toEqual({ ok: false, refusal: 'busy' })
    expect(await results[6]).toEqual({ ok: false, refusal: 'busy' })
    for (let index = 0; index < 5; index += 1) {
      gates[index]?.()
      expect(await results[index]).toEqual({ ok: true, value: index })
      await new Promise(setImmediate)
    }
    expect(order).toEqual([0, 1, 2, 3, 4])
    expect(runningMost).toBe(2)
  })

  test('work that fails frees its place', async () => {
    const queue = createHashQueue({ runningMax: 1, waitingMax: 1 })
    const failed = queue.run(() => Promise.reject(new Error('broken')))
    const next = queue.run(async () => 'done')
    await expect(failed).rejects.toThrow('broken')
    expect(await next).toEqual({ ok: true, value: 'done' })
    expect(await queue.run(async () => 'again')).toEqual({ ok: true, value: 'again' })
  })
})
