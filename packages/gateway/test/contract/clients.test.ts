import { expect, it } from 'vitest'
import { onEveryEngine } from './on-every-engine.ts'
import {
  ACME,
  auditIds,
  client,
  document,
  entry,
  FIRST_PAGE,
  feedOf,
  NOW,
  newClientId,
  OTHER,
  openGrant,
  race,
  readPages,
} from './samples.ts'

onEveryEngine('clients', (store) => {
  it('a client comes back as it went in', async () => {
    const one = client()
    expect(await store().clients.register(one, 10, [])).toBe('registered')
    expect(await store().clients.find(ACME, one.clientId)).toEqual(one)
    expect(await store().clients.find(OTHER, one.clientId)).toBeNull()
  })

  it.each([2, 8])('%i registrations at once never exceed the maximum', async (callers) => {
    const outcomes = await race(() => store().clients.register(client(), 1, [entry()]), callers)
    expect(outcomes).toEqual(
      new Map([
        ['registered', 1],
        ['full', callers - 1],
      ]),
    )
    expect(await auditIds(store())).toHaveLength(1)
  })

  it.each([2, 8])('of %i registrations of the same id at once, one is made', async (callers) => {
    const one = client()
    const outcomes = await race(() => store().clients.register(one, 10, [entry()]), callers)
    expect(outcomes).toEqual(
      new Map([
        ['registered', 1],
        ['exists', callers - 1],
      ]),
    )
    expect(await auditIds(store())).toHaveLength(1)
  })

  it('the maximum is per tenant, and removed clients do not count', async () => {
    const [one, two] = [client(), client()]
    await store().clients.register(one, 1, [])
    expect(await store().clients.register(client({ tenant: OTHER }), 1, [])).toBe('registered')
    expect(await store().clients.register(two, 1, [])).toBe('full')
    await store().clients.remove(ACME, one.clientId, NOW, [])
    expect(await store().clients.register(two, 1, [])).toBe('registered')
    expect(await store().clients.register(one, 9, [])).toBe('exists')
  })

  it.each([2, 8])('of %i approvals at once, one counts', async (callers) => {
    const one = client()
    await store().clients.register(one, 10, [])
    const outcomes = await race(
      (caller) => store().clients.approve(ACME, one.clientId, `operator ${caller}`, NOW + 1, [entry()]),
      callers,
    )
    expect(outcomes).toEqual(
      new Map([
        ['approved', 1],
        ['notPending', callers - 1],
      ]),
    )
    const approved = await store().clients.find(ACME, one.clientId)
    expect([approved?.status, approved?.approvedAt]).toEqual(['active', NOW + 1])
    expect(await auditIds(store())).toHaveLength(1)
  })

  it('neither an unknown, a foreign nor a removed client can be approved', async () => {
    const one = client({ tenant: OTHER })
    const gone = client()
    await store().clients.register(one, 10, [])
    await store().clients.register(gone, 10, [])
    await store().clients.remove(ACME, gone.clientId, NOW, [])
    expect(await store().clients.approve(ACME, newClientId(), 'x', NOW, [entry()])).toBe('unknown')
    expect(await store().clients.approve(ACME, one.clientId, 'x', NOW, [entry()])).toBe('unknown')
    expect(await store().clients.approve(ACME, gone.clientId, 'x', NOW, [entry()])).toBe('notPending')
    expect((await store().clients.find(ACME, gone.clientId))?.status).toBe('removed')
    expect(await auditIds(store())).toEqual([])
  })

  it('removing ends every grant and document of the client, and leaves a tombstone without its secret', async () => {
    const one = client({ status: 'active' })
    await store().clients.register(one, 10, [])
    const its = await openGrant(store(), { clientId: one.clientId })
    const foreign = await openGrant(store(), { clientId: one.clientId, tenant: OTHER })
    const another = await openGrant(store())
    const [token, code, other] = [
      document({ grantId: its.grantId }),
      document({ model: 'AuthorizationCode', clientId: one.clientId }),
      document({ clientId: another.clientId }),
    ]
    const documents = [token, code, other].map((kept) => ({ kind: 'upsert', document: kept }) as const)
    await store().engine.commit(ACME, documents, [])
    const record = entry()

    expect(await store().clients.remove(ACME, one.clientId, NOW, [record])).toBe('removed')

    expect(await store().clients.find(ACME, one.clientId)).toEqual({
      ...one,
      status: 'removed',
      sealedSecret: null,
      removedCause: 'operator',
    })
    expect((await store().grants.find(ACME, its.grantId))?.revokedCause).toBe('clientRemoved')
    expect((await store().grants.find(OTHER, foreign.grantId))?.revokedAt).toBeNull()
    expect((await store().grants.find(ACME, another.grantId))?.revokedAt).toBeNull()
    expect(await store().engine.find(ACME, 'RefreshToken', token.id, NOW)).toBeNull()
    expect(await store().engine.find(ACME, 'AuthorizationCode', code.id, NOW)).toBeNull()
    expect(await store().engine.find(ACME, 'RefreshToken', other.id, NOW)).not.toBeNull()
    expect(await feedOf(store())).toEqual([`acme grant ${its.grantId}`, `acme client ${one.clientId}`])
    expect(await auditIds(store())).toEqual([record.id])
    const late = await openGrant(store(), { clientId: one.clientId })
    expect(await store().grants.find(ACME, late.grantId)).toBeNull()
  })

  it('of eight removals at once, one counts', async () => {
    const one = client()
    await store().clients.register(one, 10, [])
    const outcomes = await race(() => store().clients.remove(ACME, one.clientId, NOW, [entry()]))
    expect(outcomes).toEqual(
      new Map([
        ['removed', 1],
        ['unknown', 7],
      ]),
    )
    expect(await feedOf(store())).toEqual([`acme client ${one.clientId}`])
    expect(await auditIds(store())).toHaveLength(1)
  })

  it('forgets the oldest of those that nobody approved in time, and no others', async () => {
    const made = [
      client({ status: 'pending', createdAt: NOW - 30 }),
      client({ status: 'pending', createdAt: NOW - 20 }),
      client({ status: 'pending', createdAt: NOW - 10 }),
      client({ status: 'active', createdAt: NOW - 30 }),
      client({ status: 'removed', createdAt: NOW - 30 }),
      client({ status: 'pending', createdAt: NOW - 30, tenant: OTHER }),
    ]
    for (const one of made) await store().clients.register(one, 10, [])
    const left = async () =>
      await Promise.all(
        made.map(async ({ tenant, clientId }) => (await store().clients.find(tenant, clientId)) !== null),
      )
    expect(await store().clients.collectPending(ACME, NOW - 10, 1)).toBe(1)
    expect(await left()).toEqual([false, true, true, true, true, true])
    expect(await store().clients.collectPending(ACME, NOW - 10, 9)).toBe(1)
    expect(await store().clients.collectPending(ACME, NOW - 10, 9)).toBe(0)
    expect(await left()).toEqual([false, false, true, true, true, true])
  })

  it('lists newest first, in pages, also when many came in the same second', async () => {
    const made = Array.from({ length: 7 }, (_, i) => client({ createdAt: NOW + (i % 2) }))
    for (const one of made) await store().clients.register(one, 10, [])
    await store().clients.register(client({ tenant: OTHER }), 10, [])
    for (const size of [1, 3, 7, 200]) {
      const listed = await readPages(size, (page) => store().clients.list(ACME, {}, page))
      expect(listed.map((one) => one.clientId).sort()).toEqual(made.map((one) => one.clientId).sort())
      expect(listed.map((one) => one.createdAt - NOW)).toEqual([1, 1, 1, 0, 0, 0, 0])
    }
  })

  it('lists one status alone', async () => {
    const [one, two] = [client(), client({ status: 'active' })]
    for (const made of [one, two]) await store().clients.register(made, 10, [])
    const active = await store().clients.list(ACME, { status: 'active' }, FIRST_PAGE)
    expect(active.items).toEqual([two])
    expect((await store().clients.list(ACME, { status: 'removed' }, FIRST_PAGE)).items).toEqual([])
  })
})
