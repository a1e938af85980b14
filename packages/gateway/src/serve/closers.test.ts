import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Closers } from './closers.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const quiet = () => {}
const failed: unknown[] = []
const log = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: (_message: string, fields?: object) => failed.push(fields),
}

it('closes in the opposite order, each part even if others fail or hang, and all within ten seconds', async () => {
  const closed: string[] = []
  const closers = new Closers(log)
  const part = (name: string, close: () => Promise<void> | void) =>
    closers.add(name, {
      close: () => {
        closed.push(name)
        return close()
      },
    })
  part('store', () => {})
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) part(name, () => new Promise(() => {}))
  part('g', () => {
    throw new Error('no')
  })
  expect(closers.isWhole).toBe(true)
  const done = closers.closeAll()
  await vi.advanceTimersByTimeAsync(10_000)
  await done
  expect(closed).toEqual(['g', 'f', 'e', 'd', 'c', 'b', 'a', 'store'])
  expect(failed).toHaveLength(7)
  expect(closers.isWhole).toBe(false)
})
