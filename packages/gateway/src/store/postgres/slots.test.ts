import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { StoreUnavailable } from '../errors.ts'
import { Slots } from './slots.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** Work that lasts until it is told to end. */
function lasting() {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { work: () => promise, end: resolve }
}

it('so many work at once, the others in their order', async () => {
  const slots = new Slots({ slots: 2, waitingMax: 10, waitMs: 1000 })
  const works = Array.from({ length: 5 }, lasting)
  const begun: number[] = []
  const done = works.map((one, i) =>
    slots.in(() => {
      begun.push(i)
      return one.work()
    }),
  )
  await vi.advanceTimersByTimeAsync(10)
  expect(begun).toEqual([0, 1])
  works[1]?.end()
  await vi.advanceTimersByTimeAsync(10)
  expect(begun).toEqual([0, 1, 2])
  for (const one of works) one.end()
  await Promise.all(done)
  expect(begun).toEqual([0, 1, 2, 3, 4])
})

it('a slot is free again after work that fails', async () => {
  const slots = new Slots({ slots: 1, waitingMax: 1, waitMs: 1000 })
  await expect(slots.in(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await slots.in(async () => 'yes')).toBe('yes')
})

it('whoever waits too long, or finds the line full, is refused and takes nothing', async () => {
  const slots = new Slots({ slots: 1, waitingMax: 2, waitMs: 1000 })
  const long = lasting()
  const working = slots.in(long.work)
  const [second, third] = [slots.in(async () => 'second'), slots.in(async () => 'third')]
  const refusals = Promise.all([second, third].map((one) => one.catch((cause: unknown) => cause)))
  await expect(slots.in(async () => 'fourth')).rejects.toThrow(StoreUnavailable)
  await vi.advanceTimersByTimeAsync(1000)
  for (const refusal of await refusals) expect(refusal).toBeInstanceOf(StoreUnavailable)
  long.end()
  await working
  expect(await slots.in(async () => 'fifth')).toBe('fifth')
})

it('idle is when nobody works or waits', async () => {
  const slots = new Slots({ slots: 1, waitingMax: 2, waitMs: 1000 })
  await slots.idle()
  const [first, second] = [lasting(), lasting()]
  const done = [slots.in(first.work), slots.in(second.work)]
  let isIdle = false
  const idle = slots.idle().then(() => (isIdle = true))
  first.end()
  await vi.advanceTimersByTimeAsync(10)
  expect(isIdle).toBe(false)
  second.end()
  await Promise.all([...done, idle])
  expect(isIdle).toBe(true)
})
