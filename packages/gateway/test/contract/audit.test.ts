import fc from 'fast-check'
import { expect, it } from 'vitest'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, entry, NOW, OTHER } from './samples.ts'

onEveryEngine('audit', (store) => {
  it('entries come back as they went in, byte for byte', async () => {
    const kept = [
      entry({ requestId: 'r1', personal: new Uint8Array([0, 128, 255]) }),
      entry({ body: '{"text":"\u2028 \u{1F6AA} \\u0000"}' }),
    ]
    await store().audit.append(kept)
    expect(await store().audit.latest(ACME, 10)).toEqual(kept.map((one) => ({ ...one, position: null })).reverse())
  })

  it('places follow the order of arrival, not of time or id', async () => {
    const [late, early] = [entry({ id: 'zzz', timeMs: 9 }), entry({ id: 'aaa', timeMs: 1 })]
    await store().audit.append([late])
    await store().audit.append([early])
    const both = [entry({ id: 'yyy', timeMs: 5 }), entry({ id: 'bbb', timeMs: 2 })]
    await store().audit.append(both)
    const placed = await store().audit.sequence(ACME, 100)
    expect(placed.map((one) => [one.position, one.id])).toEqual([
      [0, 'zzz'],
      [1, 'aaa'],
      [2, 'yyy'],
      [3, 'bbb'],
    ])
  })

  it('entries of a port’s own transaction stand in the same line', async () => {
    const [before, within, after] = [entry(), entry(), entry()]
    await store().audit.append([before])
    await store().grants.revokeToken(ACME, 'jti', NOW + 1, NOW, [within])
    await store().audit.append([after])
    expect((await store().audit.sequence(ACME, 9)).map((one) => one.id)).toEqual([before.id, within.id, after.id])
  })

  it('places are consecutive per tenant, whatever the steps, and never change', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 5 })), { maxLength: 8 }),
        async (steps) => {
          const size = await store().audit.size(ACME)
          const expected: string[] = []
          for (const [count, max] of steps) {
            const added = Array.from({ length: count }, () => entry())
            await store().audit.append(added)
            await store().audit.append([entry({ tenant: OTHER })])
            expected.push(...added.map((one) => one.id))
            await store().audit.sequence(ACME, max)
          }
          while ((await store().audit.sequence(ACME, 3)).length > 0);
          const read = await store().audit.read(ACME, size, 1000)
          expect(read.map((one) => one.id)).toEqual(expected)
          expect(read.map((one) => one.position)).toEqual(expected.map((_, i) => size + i))
          expect(await store().audit.size(ACME)).toBe(size + expected.length)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('eight sequencers at once give every entry one place', async () => {
    await store().audit.append(Array.from({ length: 30 }, () => entry()))
    const placed = (await Promise.all(Array.from({ length: 8 }, () => store().audit.sequence(ACME, 7)))).flat()
    expect(placed.map((one) => one.position).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i))
    expect(new Set(placed.map((one) => one.id)).size).toBe(30)
  })

  it('an id can be recorded only once, and a list with one known id is refused whole', async () => {
    const known = entry()
    await store().audit.append([known])
    await expect(store().audit.append([entry(), known])).rejects.toThrow('audit.append')
    expect(await store().audit.latest(ACME, 10)).toHaveLength(1)
    await store().audit.append([{ ...known, tenant: OTHER }])
    expect(await store().audit.latest(OTHER, 10)).toHaveLength(1)
  })

  it('what may have been written before is written once', async () => {
    const [written, unsure, other] = [entry(), entry(), entry()]
    await store().audit.append([written])
    await store().audit.appendAgain([written, unsure])
    await store().audit.appendAgain([written, unsure, other])
    expect((await store().audit.latest(ACME, 10)).map((one) => one.id).toSorted()).toEqual(
      [written.id, unsure.id, other.id].toSorted(),
    )
    await store().audit.appendAgain([{ ...written, tenant: OTHER }])
    expect(await store().audit.latest(OTHER, 10)).toHaveLength(1)
  })

  it('tells how far giving places has come', async () => {
    const progress = () => store().audit.progress(ACME)
    expect(await progress()).toEqual({ newest: 0, unplaced: null })
    await store().audit.append([entry(), entry()])
    const { newest, unplaced } = await progress()
    expect(unplaced).not.toBeNull()
    await store().audit.append([entry({ tenant: OTHER })])
    expect(await progress()).toEqual({ newest, unplaced })
    await store().audit.sequence(ACME, 1)
    expect((await progress()).unplaced).toBe(newest)
    await store().audit.append([entry()])
    await store().audit.sequence(ACME, 1)
    const after = await progress()
    expect(after.unplaced).toBe(after.newest)
    expect(after.newest).toBeGreaterThan(newest)
    await store().audit.sequence(ACME, 1)
    expect(await progress()).toEqual({ newest: after.newest, unplaced: null })
  })

  it('finds the entries of one request in order, sequenced or not', async () => {
    const [one, two] = [entry({ requestId: 'r1' }), entry({ requestId: 'r1' })]
    await store().audit.append([one, entry({ requestId: 'r2' })])
    await store().audit.sequence(ACME, 10)
    await store().audit.append([two, entry({ requestId: 'r1', tenant: OTHER })])
    const found = await store().audit.byRequest(ACME, 'r1')
    expect(found.map((entryFound) => [entryFound.id, entryFound.position])).toEqual([
      [one.id, 0],
      [two.id, null],
    ])
  })

  it('reads from a place on and no more than asked', async () => {
    await store().audit.append(Array.from({ length: 5 }, () => entry()))
    await store().audit.sequence(ACME, 4)
    expect((await store().audit.read(ACME, 1, 2)).map((one) => one.position)).toEqual([1, 2])
    expect((await store().audit.read(ACME, 3, 9)).map((one) => one.position)).toEqual([3])
    expect(await store().audit.read(OTHER, 0, 9)).toEqual([])
    expect(await store().audit.latest(ACME, 2)).toHaveLength(2)
  })

  it('erasing takes the personal side alone, and says how many had one', async () => {
    const kept = [entry({ personal: new Uint8Array([1]) }), entry({ personal: new Uint8Array([2]) }), entry()]
    await store().audit.append(kept)
    const [first, second, third] = await store().audit.sequence(ACME, 10)
    const ids = [first?.id ?? '', third?.id ?? '', 'unknown']
    expect(await store().audit.erasePersonal(OTHER, ids)).toBe(0)
    expect(await store().audit.erasePersonal(ACME, ids)).toBe(1)
    expect(await store().audit.erasePersonal(ACME, [])).toBe(0)
    expect(await store().audit.read(ACME, 0, 10)).toEqual([{ ...first, personal: null }, second, third])
  })

  it('keeps checkpoints by size; the first note of a size stays', async () => {
    const note = (size: number, text: string) => ({ tenant: ACME, size, note: text, timeMs: NOW })
    expect(await store().audit.latestCheckpoint(ACME)).toBeNull()
    for (const size of [3, 7, 5]) await store().audit.addCheckpoint(note(size, `note ${size}`))
    await store().audit.addCheckpoint(note(7, 'another'))
    expect(await store().audit.latestCheckpoint(ACME)).toEqual(note(7, 'note 7'))
    expect(await store().audit.checkpoints(ACME, 4, 10)).toEqual([note(5, 'note 5'), note(7, 'note 7')])
    expect(await store().audit.checkpoints(ACME, 0, 1)).toEqual([note(3, 'note 3')])
    expect(await store().audit.latestCheckpoint(OTHER)).toBeNull()
  })
})
