import { expect, it } from 'vitest'
import { WriterEnded } from '#store/errors.ts'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, auditIds, entry, NOW, OTHER, race } from './samples.ts'

onEveryEngine('replicas', (store) => {
  it('one that joins is alive, and knows where the log stood', async () => {
    await store().audit.append([entry(), entry(), entry()])
    await store().audit.sequence(ACME, 2)
    await store().replicas.join(ACME, 'one', NOW)
    await store().replicas.join(OTHER, 'one', NOW)
    expect(await store().replicas.list(ACME)).toEqual([{ id: 'one', state: 'alive', beats: 0, fromPosition: 2 }])
    expect(await store().replicas.list(OTHER)).toEqual([{ id: 'one', state: 'alive', beats: 0, fromPosition: 0 }])
  })

  it('an id is used once', async () => {
    await store().replicas.join(ACME, 'one', NOW)
    await expect(store().replicas.join(ACME, 'one', NOW)).rejects.toThrow('replicas.join')
  })

  it('beats are counted until it is ended, and then it is told', async () => {
    await store().replicas.join(ACME, 'one', NOW)
    expect(await race(() => store().replicas.beat(ACME, 'one'))).toEqual(new Map([['alive', 8]]))
    expect((await store().replicas.list(ACME))[0]?.beats).toBe(8)
    await store().replicas.end(ACME, 'one')
    expect(await store().replicas.beat(ACME, 'one')).toBe('ended')
    expect(await store().replicas.beat(ACME, 'unknown')).toBe('ended')
    expect(await store().replicas.list(ACME)).toEqual([{ id: 'one', state: 'ended', beats: 8, fromPosition: 0 }])
  })

  it('records by one that was ended, or never joined, are refused whole; others go on', async () => {
    await store().replicas.join(ACME, 'one', NOW)
    await store().replicas.join(ACME, 'two', NOW)
    await store().audit.append([entry({ id: 'before' })], 'one')
    await store().replicas.end(ACME, 'one')
    for (const writer of ['one', 'never']) {
      await expect(store().audit.append([entry(), entry()], writer)).rejects.toThrow(WriterEnded)
      await expect(store().audit.appendAgain([entry()], writer)).rejects.toThrow(WriterEnded)
    }
    await store().audit.append([entry({ id: 'two' })], 'two')
    await store().audit.append([entry({ id: 'nobody' })])
    expect((await auditIds(store())).toSorted()).toEqual(['before', 'nobody', 'two'])
  })

  it('whatever was recorded beside its end is there when the end is acknowledged, and nothing comes after', async () => {
    for (let round = 0; round < 10; round += 1) {
      const id = `replica-${round}`
      await store().replicas.join(ACME, id, NOW)
      const records = Array.from({ length: 8 }, (_, i) => entry({ id: `${id}-${i}` }))
      const appended = records.map((record) => store().audit.append([record], id))
      const outcomes = Promise.allSettled(appended)
      await store().replicas.end(ACME, id)
      const there = (await auditIds(store())).filter((one) => one.startsWith(`${id}-`))
      const kept = (await outcomes).flatMap(({ status }, i) => (status === 'fulfilled' ? [`${id}-${i}`] : []))
      expect(there.toSorted()).toEqual(kept.toSorted())
    }
  })

  it('of eight who settle one that ended, one does, with its records; one that lives is not settled', async () => {
    await store().replicas.join(ACME, 'one', NOW)
    expect(await store().replicas.settle(ACME, 'one', [entry()])).toBe('unknown')
    await race(() => store().replicas.end(ACME, 'one'))
    const outcomes = await race(() => store().replicas.settle(ACME, 'one', [entry()]))
    expect(outcomes).toEqual(
      new Map([
        ['settled', 1],
        ['unknown', 7],
      ]),
    )
    expect(await auditIds(store())).toHaveLength(1)
    expect(await store().replicas.list(ACME)).toEqual([])
  })
})

onEveryEngine('key claims', (store) => {
  it('the first id of a purpose stays, whoever comes later', async () => {
    expect(await store().keyClaims.find('sealing')).toBeNull()
    const claimed = await race((caller) => store().keyClaims.claim('sealing', `key-${caller}`, NOW))
    expect(claimed.size).toBe(1)
    const [first] = claimed.keys()
    expect(await store().keyClaims.find('sealing')).toBe(first)
    expect(await store().keyClaims.claim('sealing', 'another', NOW)).toBe(first)
    expect(await store().keyClaims.find('checkpoint')).toBeNull()
    expect(await store().keyClaims.claim('checkpoint', 'another', NOW)).toBe('another')
  })
})
