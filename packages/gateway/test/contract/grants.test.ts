import { expect, it } from 'vitest'
import { asServerId } from '#core/ids.ts'
import type { NewGrant } from '#store/ports/grants.ts'
import { onEveryEngine } from './on-every-engine.ts'
import {
  ACME,
  auditIds,
  document,
  entry,
  FIRST_PAGE,
  feedOf,
  NOW,
  newClientId,
  newGrantId,
  newSubject,
  OTHER,
  openGrant,
  race,
  readPages,
} from './samples.ts'

onEveryEngine('grants', (store) => {
  it('a grant comes back as it was opened, numbered from 1 per tenant in order of commit', async () => {
    const [first, second, foreign] = [
      await openGrant(store()),
      await openGrant(store()),
      await openGrant(store(), { tenant: OTHER }),
    ]
    const unrevoked = { revokedAt: null, revokedCause: null }
    expect(await store().grants.find(ACME, first.grantId)).toEqual({ ...first, number: 1, ...unrevoked })
    expect((await store().grants.find(ACME, second.grantId))?.number).toBe(2)
    expect((await store().grants.find(OTHER, foreign.grantId))?.number).toBe(1)
    expect(await store().grants.find(OTHER, first.grantId)).toBeNull()
  })

  it('grants opened at once get numbers of their own, without a gap', async () => {
    await Promise.all(Array.from({ length: 20 }, () => openGrant(store())))
    const { items } = await store().grants.list(ACME, {}, FIRST_PAGE)
    expect(items.map((one) => one.number)).toEqual(Array.from({ length: 20 }, (_, i) => 20 - i))
  })

  it('those at one server are found among the others', async () => {
    const subject = newSubject()
    const [here] = [
      await openGrant(store(), { subject, server: asServerId('here') }),
      await openGrant(store(), { subject, server: asServerId('there') }),
      await openGrant(store(), { server: asServerId('here') }),
    ]
    const { items } = await store().grants.list(ACME, { subject, server: asServerId('here') }, FIRST_PAGE)
    expect(items.map(({ grantId }) => grantId)).toEqual([here?.grantId])
  })

  it('of eight who revoke the same grant at once, one ended it', async () => {
    const one = await openGrant(store())
    const outcomes = await race(async () => {
      const ended = await store().grants.revoke(ACME, { grantId: one.grantId }, 'test', NOW, [entry()])
      return ended.length
    })
    expect(outcomes).toEqual(
      new Map([
        [1, 1],
        [0, 7],
      ]),
    )
    expect(await feedOf(store())).toEqual([`acme grant ${one.grantId}`])
    expect(await auditIds(store())).toHaveLength(8)
  })

  it('the first cause and time of a revocation stay', async () => {
    const one = await openGrant(store())
    await store().grants.revoke(ACME, { grantId: one.grantId }, 'first', NOW, [])
    await store().grants.revoke(ACME, { grantId: one.grantId }, 'second', NOW + 9, [])
    await store().grants.revoke(ACME, { subject: one.subject }, 'third', NOW + 10, [])
    const revoked = await store().grants.find(ACME, one.grantId)
    expect([revoked?.revokedAt, revoked?.revokedCause]).toEqual([NOW, 'first'])
  })

  it.each(['subject', 'clientId'] as const)(
    'revoking by %s ends its live grants and documents, and no others',
    async (by) => {
      const [subject, clientId] = [newSubject(), newClientId()]
      const whose = by === 'subject' ? { subject } : { clientId }
      const [one, two, past, foreign, another] = [
        await openGrant(store(), whose),
        await openGrant(store(), whose),
        await openGrant(store(), { ...whose, expiresAt: NOW }),
        await openGrant(store(), { ...whose, tenant: OTHER }),
        await openGrant(store()),
      ]
      const token = document({ grantId: one.grantId })
      const loose = document({ accountId: subject, clientId })
      const kept = document({ grantId: another.grantId })
      const operations = [token, loose, kept].map((saved) => ({ kind: 'upsert', document: saved }) as const)
      await store().engine.commit(ACME, operations, [])

      const ended = await store().grants.revoke(ACME, whose, 'test', NOW, [entry()])

      expect([...ended]).toEqual([one.grantId, two.grantId])
      expect((await store().grants.find(ACME, past.grantId))?.revokedAt).toBeNull()
      expect((await store().grants.find(OTHER, foreign.grantId))?.revokedAt).toBeNull()
      expect((await store().grants.find(ACME, another.grantId))?.revokedAt).toBeNull()
      for (const gone of [token, loose]) expect(await store().engine.find(ACME, gone.model, gone.id, NOW)).toBeNull()
      expect(await store().engine.find(ACME, kept.model, kept.id, NOW)).not.toBeNull()
      const [kind, id] = by === 'subject' ? ['subject', subject] : ['client', clientId]
      expect(await feedOf(store())).toEqual([
        `acme grant ${one.grantId}`,
        `acme grant ${two.grantId}`,
        `acme ${kind} ${id}`,
      ])
    },
  )

  it('a subject’s epoch lies above every grant there was and below every later one', async () => {
    const subject = newSubject()
    const before = await openGrant(store(), { subject })
    await store().grants.revoke(ACME, { subject }, 'test', NOW, [])
    const after = await openGrant(store(), { subject })
    const epoch = (await store().feed.since(0, 10)).find((told) => told.kind === 'subject')?.grantsBelow ?? Number.NaN
    expect((await store().grants.find(ACME, before.grantId))?.number).toBeLessThan(epoch)
    expect((await store().grants.find(ACME, after.grantId))?.number).toBeGreaterThanOrEqual(epoch)
  })

  it('revoking an expired grant still tells the feed, for access tokens that outlive it, but it was not live', async () => {
    const past = await openGrant(store(), { expiresAt: NOW - 1 })
    expect(await store().grants.revoke(ACME, { grantId: past.grantId }, 'test', NOW, [])).toEqual([])
    expect(await feedOf(store())).toEqual([`acme grant ${past.grantId}`])
  })

  it('revoking what does not exist, or exists in another tenant, ends nothing', async () => {
    const foreign = await openGrant(store(), { tenant: OTHER })
    for (const grantId of [foreign.grantId, newGrantId()]) {
      expect(await store().grants.revoke(ACME, { grantId }, 'test', NOW, [])).toEqual([])
    }
    expect((await store().grants.find(OTHER, foreign.grantId))?.revokedAt).toBeNull()
    expect(await feedOf(store())).toEqual([])
  })

  it('denying one token tells the feed and records it', async () => {
    const record = entry()
    await store().grants.revokeToken(ACME, 'jti-1', NOW + 600, NOW, [record])
    expect(await store().feed.since(0, 10)).toEqual([
      { number: 1, tenant: ACME, kind: 'token', id: 'jti-1', at: NOW, grantsBelow: null },
    ])
    expect(await auditIds(store())).toEqual([record.id])
  })

  it('lists newest first in pages, filtered by subject, client and liveness', async () => {
    const [subject, clientId] = [newSubject(), newClientId()]
    const made: NewGrant[] = []
    for (let i = 0; i < 6; i += 1) {
      made.push(
        await openGrant(store(), {
          ...(i % 2 === 0 ? { subject } : {}),
          ...(i < 3 ? { clientId } : {}),
          expiresAt: NOW + i,
        }),
      )
    }
    await openGrant(store(), { subject, clientId, tenant: OTHER })
    const ids = async (filter: object, size: number) =>
      (await readPages(size, (page) => store().grants.list(ACME, filter, page))).map((one) =>
        made.findIndex((opened) => opened.grantId === one.grantId),
      )
    for (const size of [1, 2, 200]) {
      expect(await ids({}, size)).toEqual([5, 4, 3, 2, 1, 0])
      expect(await ids({ subject }, size)).toEqual([4, 2, 0])
      expect(await ids({ clientId }, size)).toEqual([2, 1, 0])
      expect(await ids({ subject, clientId, liveAt: NOW + 1 }, size)).toEqual([2])
    }
  })

  it('revoking everything ends every live grant and document of the tenant, with one word in the feed, and nobody else’s', async () => {
    const [one, two, foreign] = [
      await openGrant(store()),
      await openGrant(store()),
      await openGrant(store(), { tenant: OTHER }),
    ]
    const kept = document({ grantId: one.grantId })
    const login = document({ model: 'Session', accountId: one.subject })
    await store().engine.commit(
      ACME,
      [
        { kind: 'insert', document: kept },
        { kind: 'insert', document: login },
      ],
      [],
    )
    const before = await store().feed.head()
    expect(await store().grants.revokeAll(ACME, 'operator', NOW, [entry()])).toBe(2)
    for (const { grantId } of [one, two])
      expect(await store().grants.find(ACME, grantId)).toMatchObject({ revokedAt: NOW, revokedCause: 'operator' })
    expect((await store().grants.find(OTHER, foreign.grantId))?.revokedAt).toBeNull()
    for (const { model, id } of [kept, login]) expect(await store().engine.find(ACME, model, id, NOW)).toBeNull()
    const [told, ...more] = await store().feed.since(before, 10)
    expect([told?.kind, told?.id, (told?.grantsBelow ?? 0) > 2, more]).toEqual(['tenant', ACME, true, []])
    // A grant of afterwards lives.
    const after = await openGrant(store())
    expect((await store().grants.find(ACME, after.grantId))?.number).toBeGreaterThanOrEqual(told?.grantsBelow ?? 0)
    expect(await store().grants.revokeAll(OTHER, 'operator', NOW, [])).toBe(1)
  })
})
