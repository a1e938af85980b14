import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { AdjustableClock } from '../../../test/support/adjustable-clock.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { type ParkedKey, ParkedOutcomes } from './parked-outcomes.ts'

type Run = () => Promise<{ text: string }>

const clock = () => new AdjustableClock()
const LIVE = new AbortController().signal

function parked(time: AdjustableClock, limits: { states?: number; perOwner?: number; bytes?: number } = {}) {
  return new ParkedOutcomes<{ text: string }>({
    clock: time,
    statesMax: limits.states ?? 100,
    statesPerOwnerMax: limits.perOwner ?? 10,
    keptBytesMax: limits.bytes ?? 1000,
    keepMs: 60_000,
    sizeOf: ({ text }) => text.length,
  })
}

function keyOf(time: AdjustableClock, change: Partial<ParkedKey> = {}): ParkedKey {
  return {
    owner: 'alice',
    argumentDigest: 'd',
    parkedId: 'p',
    answersDigest: 'a',
    expiresAt: time.nowSeconds() + 600,
    ...change,
  }
}

describe('the outcome of a parked request', () => {
  test('two callers at once run it once and get the same', async () => {
    const time = clock()
    const outcomes = parked(time)
    const end = Promise.withResolvers<{ text: string }>()
    const run = vi.fn<Run>(() => end.promise)
    const both = Promise.all([outcomes.once(keyOf(time), LIVE, run), outcomes.once(keyOf(time), LIVE, run)])
    await eventually(() => expect(run).toHaveBeenCalled())
    end.resolve({ text: 'done' })
    expect(await both).toEqual([
      { ok: true, value: { text: 'done' } },
      { ok: true, value: { text: 'done' } },
    ])
    expect(run).toHaveBeenCalledTimes(1)
  })

  test('is given again for 60 seconds, and the state is spent from then on', async () => {
    const time = clock()
    const outcomes = parked(time)
    const key = keyOf(time)
    const run = vi.fn<Run>(async () => ({ text: 'done' }))
    await outcomes.once(key, LIVE, run)
    time.forward(59)
    expect(await outcomes.once(key, LIVE, run)).toEqual({ ok: true, value: { text: 'done' } })
    time.forward(1)
    expect(await outcomes.once(key, LIVE, run)).toEqual({ ok: false, refusal: 'spent' })
    expect(run).toHaveBeenCalledTimes(1)
  })

  test.each([
    ['other answers', { answersDigest: 'b' }],
    ['other arguments', { argumentDigest: 'e' }],
  ])('is not given to %s, neither while it runs nor after', async (_what, change) => {
    const time = clock()
    const outcomes = parked(time)
    const end = Promise.withResolvers<{ text: string }>()
    const first = outcomes.once(keyOf(time), LIVE, () => end.promise)
    const other = vi.fn<Run>(async () => ({ text: 'other' }))
    expect(await outcomes.once(keyOf(time, change), LIVE, other)).toEqual({ ok: false, refusal: 'spent' })
    end.resolve({ text: 'done' })
    await first
    expect(await outcomes.once(keyOf(time, change), LIVE, other)).toEqual({ ok: false, refusal: 'spent' })
    expect(other).not.toHaveBeenCalled()
  })

  test('is not another owner’s', async () => {
    const time = clock()
    const outcomes = parked(time)
    await outcomes.once(keyOf(time), LIVE, async () => ({ text: 'of alice' }))
    const mallory = await outcomes.once(keyOf(time, { owner: 'mallory' }), LIVE, async () => ({ text: 'own' }))
    expect(mallory).toEqual({ ok: true, value: { text: 'own' } })
  })

  test('a run that failed is not run again', async () => {
    const time = clock()
    const outcomes = parked(time)
    const fail = async () => {
      throw new Error('broken')
    }
    await expect(outcomes.once(keyOf(time), LIVE, fail)).rejects.toThrow('broken')
    const run = vi.fn<Run>(async () => ({ text: 'again' }))
    expect(await outcomes.once(keyOf(time), LIVE, run)).toEqual({ ok: false, refusal: 'spent' })
    expect(run).not.toHaveBeenCalled()
  })

  test('goes on while one caller waits, and is cancelled when the last is gone', async () => {
    const time = clock()
    const outcomes = parked(time)
    const [one, two] = [new AbortController(), new AbortController()]
    const seen: { signal: AbortSignal | null } = { signal: null }
    const run = (signal: AbortSignal) => {
      seen.signal = signal
      return new Promise<{ text: string }>((resolve) => {
        signal.addEventListener('abort', () => resolve({ text: 'cancelled' }))
      })
    }
    const both = [outcomes.once(keyOf(time), one.signal, run), outcomes.once(keyOf(time), two.signal, run)]
    await eventually(() => expect(seen.signal).not.toBeNull())
    one.abort()
    expect(seen.signal?.aborted).toBe(false)
    two.abort()
    expect(seen.signal?.aborted).toBe(true)
    await Promise.all(both)
    // How far it came is not known: nobody else gets it, and it does not run again.
    expect(await outcomes.once(keyOf(time), LIVE, run)).toEqual({ ok: false, refusal: 'spent' })
  })

  test('no place to remember means no run; another owner still finds one', async () => {
    const time = clock()
    const outcomes = parked(time, { perOwner: 2, states: 3 })
    const run = vi.fn<Run>(async () => ({ text: 'x' }))
    const ask = (owner: string, parkedId: string) => outcomes.once(keyOf(time, { owner, parkedId }), LIVE, run)
    await ask('alice', '1')
    await ask('alice', '2')
    expect(await ask('alice', '3')).toEqual({ ok: false, refusal: 'exhausted' })
    expect((await ask('bob', '1')).ok).toBe(true)
    expect(await ask('carol', '1')).toEqual({ ok: false, refusal: 'exhausted' })
    expect(run).toHaveBeenCalledTimes(3)
    time.forward(600)
    expect((await outcomes.once(keyOf(time, { parkedId: '3' }), LIVE, run)).ok).toBe(true)
    expect(outcomes.size).toBe(1)
  })

  test('too much kept: the oldest outcome is forgotten and its state is spent', async () => {
    const time = clock()
    const outcomes = parked(time, { bytes: 10 })
    const ask = (parkedId: string) => outcomes.once(keyOf(time, { parkedId }), LIVE, async () => ({ text: 'sixxxx' }))
    await ask('1')
    await ask('2')
    expect(await ask('1')).toEqual({ ok: false, refusal: 'spent' })
    expect((await ask('2')).ok).toBe(true)
  })

  test('whatever is asked in whatever order, no state runs twice', async () => {
    const step = fc.record({ owner: fc.nat(2), id: fc.nat(3), answers: fc.nat(1), seconds: fc.nat(90) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const time = clock()
        const expiresAt = time.nowSeconds() + 600
        const outcomes = parked(time, { bytes: 12 })
        const runs = new Map<string, number>()
        const asked = steps.map(({ owner, id, answers, seconds }) => {
          time.forward(time.nowSeconds() + seconds < expiresAt ? seconds : 0)
          const place = `${owner}/${id}`
          const key = { owner: `${owner}`, parkedId: `${id}`, answersDigest: `${answers}`, expiresAt }
          return outcomes.once(keyOf(time, key), LIVE, async () => {
            runs.set(place, (runs.get(place) ?? 0) + 1)
            return { text: 'sixxxx' }
          })
        })
        await Promise.all(asked)
        expect([...runs.values()].every((count) => count === 1)).toBe(true)
      }),
    )
  })
})
