import fc from 'fast-check'
import { expect, it } from 'vitest'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, NOW, OTHER, race } from './samples.ts'

const T = NOW * 1000
const three = { key: 'login:ada', burst: 3, periodSeconds: 60 }

onEveryEngine('limits', (store) => {
  const draw = async (ms: number, ...draws: (typeof three)[]) => store().limits.draw(ACME, draws, T + ms)

  it('a burst passes, the next is told when to come back, and that is when it passes', async () => {
    for (let i = 0; i < 3; i += 1) expect(await draw(0, three)).toEqual({ kind: 'allowed' })
    expect(await draw(0, three)).toEqual({ kind: 'exceeded', key: 'login:ada', retryAfterSeconds: 20 })
    expect(await draw(19_999, three)).toEqual({ kind: 'exceeded', key: 'login:ada', retryAfterSeconds: 1 })
    expect(await draw(20_000, three)).toEqual({ kind: 'allowed' })
    expect((await draw(20_000, three)).kind).toBe('exceeded')
  })

  it('a full burst returns after the period and never more than that', async () => {
    for (let i = 0; i < 3; i += 1) await draw(0, three)
    for (let i = 0; i < 3; i += 1) expect((await draw(1e9, three)).kind).toBe('allowed')
    expect((await draw(1e9, three)).kind).toBe('exceeded')
  })

  it.each([2, 8])('%i callers at once get no more than the burst', async (callers) => {
    const one = { ...three, burst: 1 }
    const outcomes = await race(async () => (await draw(0, one)).kind, callers)
    expect(outcomes).toEqual(
      new Map([
        ['allowed', 1],
        ['exceeded', callers - 1],
      ]),
    )
  })

  it('several buckets are drawn from together or not at all; the longest wait is told', async () => {
    const wide = { key: 'address', burst: 10, periodSeconds: 60 }
    const tight = { key: 'account', burst: 1, periodSeconds: 600 }
    expect(await draw(0, wide, tight)).toEqual({ kind: 'allowed' })
    for (let i = 0; i < 50; i += 1) {
      expect(await draw(0, wide, tight)).toEqual({ kind: 'exceeded', key: 'account', retryAfterSeconds: 600 })
    }
    for (let i = 0; i < 9; i += 1) expect((await draw(0, wide)).kind).toBe('allowed')
    expect(await draw(0, wide)).toEqual({ kind: 'exceeded', key: 'address', retryAfterSeconds: 6 })
  })

  it('a refused draw costs nothing: waiting as told is enough', async () => {
    await draw(0, { ...three, burst: 1 })
    for (let i = 0; i < 20; i += 1) await draw(30_000, { ...three, burst: 1 })
    expect((await draw(60_000, { ...three, burst: 1 })).kind).toBe('allowed')
  })

  it('tenants do not share buckets; a reset empties only what it names', async () => {
    const one = { ...three, burst: 1 }
    const two = { ...one, key: 'login:bo' }
    await draw(0, one, two)
    expect((await store().limits.draw(OTHER, [one], T)).kind).toBe('allowed')
    await store().limits.reset(ACME, ['login:ada'])
    expect((await draw(0, one)).kind).toBe('allowed')
    expect((await draw(0, two)).kind).toBe('exceeded')
    expect((await store().limits.draw(OTHER, [one], T)).kind).toBe('exceeded')
  })

  it('a clock that ran a year fast for a moment locks nobody out for longer than a period', async () => {
    const one = { ...three, burst: 1 }
    await draw(365 * 86_400_000, one)
    const refused = await draw(0, one)
    expect(refused).toEqual({ kind: 'exceeded', key: 'login:ada', retryAfterSeconds: 60 })
  })

  it('idle buckets are collected, at most so many at a time; others are not', async () => {
    for (let i = 0; i < 5; i += 1) await draw(0, { ...three, burst: 1, key: `idle-${i}` })
    const busy = { key: 'busy', burst: 1, periodSeconds: 600 }
    await draw(0, busy)
    expect(await store().limits.collectIdle(T + 60_000, 3)).toBe(3)
    expect(await store().limits.collectIdle(T + 60_000, 100)).toBe(2)
    expect(await store().limits.collectIdle(T + 60_000, 100)).toBe(0)
    expect((await draw(60_000, busy)).kind).toBe('exceeded')
  })

  it('over any period at most twice the burst passes, and in the long run the rate', async () => {
    let key = 0
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 90 }),
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 40 }),
        async (burst, periodSeconds, waits) => {
          key += 1
          const bucket = { key: `property-${key}`, burst, periodSeconds }
          const allowedAt: number[] = []
          let now = 0
          for (const wait of waits) {
            now += wait
            if ((await draw(now, bucket)).kind === 'allowed') allowedAt.push(now)
          }
          // Any window of length w holds at most burst + w / interval draws.
          for (const [i, from] of allowedAt.entries()) {
            for (const [j, to] of allowedAt.entries()) {
              if (j < i) continue
              expect(j - i + 1).toBeLessThanOrEqual(burst + ((to - from) * burst) / (periodSeconds * 1000) + 1e-3)
            }
          }
        },
      ),
      { numRuns: 25 },
    )
  })
})
