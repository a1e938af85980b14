import { expect, it } from 'vitest'
import type { EngineOperation } from '#store/ports/engine.ts'
import { onEveryEngine } from './on-every-engine.ts'
import {
  ACME,
  account,
  auditIds,
  document,
  entry,
  feedOf,
  grant,
  NOW,
  newGrantId,
  OTHER,
  openGrant,
  race,
} from './samples.ts'

onEveryEngine('engine', (store) => {
  it('a document comes back by id, uid and user code, each within its model', async () => {
    const kept = document({ uid: 'uid-1', userCode: 'CODE', accountId: 'a', clientId: 'c', grantId: 'g' })
    await store().engine.commit(ACME, [{ kind: 'upsert', document: kept }], [])
    const found = { ...kept, consumedAt: null, reply: null }
    expect(await store().engine.find(ACME, 'RefreshToken', kept.id, NOW)).toEqual(found)
    expect(await store().engine.findByUid(ACME, 'RefreshToken', 'uid-1', NOW)).toEqual(found)
    expect(await store().engine.findByUserCode(ACME, 'RefreshToken', 'CODE', NOW)).toEqual(found)
    expect(await store().engine.find(ACME, 'AuthorizationCode', kept.id, NOW)).toBeNull()
    expect(await store().engine.findByUid(ACME, 'Session', 'uid-1', NOW)).toBeNull()
    expect(await store().engine.findByUserCode(ACME, 'Session', 'CODE', NOW)).toBeNull()
  })

  it('a document is gone from the second it expires, by every way of looking', async () => {
    const kept = document({ uid: 'u', userCode: 'c', expiresAt: NOW + 10 })
    await store().engine.commit(ACME, [{ kind: 'upsert', document: kept }], [])
    for (const [now, isThere] of [
      [NOW + 9, true],
      [NOW + 10, false],
      [NOW + 11, false],
    ] as const) {
      expect((await store().engine.find(ACME, kept.model, kept.id, now)) !== null).toBe(isThere)
      expect((await store().engine.findByUid(ACME, kept.model, 'u', now)) !== null).toBe(isThere)
      expect((await store().engine.findByUserCode(ACME, kept.model, 'c', now)) !== null).toBe(isThere)
    }
  })

  it('a document without expiry stays', async () => {
    const kept = document({ expiresAt: null })
    await store().engine.commit(ACME, [{ kind: 'upsert', document: kept }], [])
    expect(await store().engine.collectExpired(NOW * 2, 100)).toBe(0)
    expect(await store().engine.find(ACME, kept.model, kept.id, NOW * 2)).toEqual({
      ...kept,
      consumedAt: null,
      reply: null,
    })
  })

  it('saving again replaces everything but the fact that it was used', async () => {
    const kept = document({ uid: 'old' })
    await store().engine.commit(ACME, [{ kind: 'upsert', document: kept }], [])
    await store().engine.commit(ACME, [{ kind: 'consume', model: kept.model, id: kept.id, at: NOW }], [])
    const changed = { ...kept, payload: '{"new":true}', uid: null, expiresAt: NOW + 900, accountId: 'a' }
    await store().engine.commit(ACME, [{ kind: 'upsert', document: changed }], [])
    expect(await store().engine.find(ACME, kept.model, kept.id, NOW)).toEqual({
      ...changed,
      consumedAt: NOW,
      reply: null,
    })
    expect(await store().engine.findByUid(ACME, kept.model, 'old', NOW)).toBeNull()
  })

  it.each([2, 8, 20])(
    'of %i callers who use a document at once, one may; the others change and record nothing',
    async (callers) => {
      const used = document()
      await store().engine.commit(ACME, [{ kind: 'upsert', document: used }], [])
      const issued = Array.from({ length: callers }, () => document())
      const outcomes = await race(async (caller) => {
        const next = issued[caller] ?? document()
        const { outcome } = await store().engine.commit(
          ACME,
          [
            { kind: 'upsert', document: next },
            { kind: 'consume', model: used.model, id: used.id, at: NOW },
          ],
          [entry()],
        )
        return outcome
      }, callers)
      expect(outcomes).toEqual(
        new Map([
          ['committed', 1],
          ['alreadyConsumed', callers - 1],
        ]),
      )
      const found = await Promise.all(issued.map((next) => store().engine.find(ACME, next.model, next.id, NOW)))
      expect(found.filter((next) => next !== null)).toHaveLength(1)
      expect(await auditIds(store())).toHaveLength(1)
      expect((await store().engine.find(ACME, used.model, used.id, NOW))?.consumedAt).toBe(NOW)
    },
  )

  it('neither an unknown, a foreign nor an expired document can be used', async () => {
    const expired = document({ expiresAt: NOW })
    const foreign = document()
    await store().engine.commit(ACME, [{ kind: 'upsert', document: expired }], [])
    await store().engine.commit(OTHER, [{ kind: 'upsert', document: foreign }], [])
    for (const id of [expired.id, foreign.id, 'unknown']) {
      expect(await store().engine.commit(ACME, [{ kind: 'consume', model: expired.model, id, at: NOW }], [])).toEqual({
        outcome: 'alreadyConsumed',
        model: expired.model,
        id,
      })
    }
    expect((await store().engine.find(OTHER, foreign.model, foreign.id, NOW))?.consumedAt).toBeNull()
  })

  it.each([2, 8])('of %i inserts of the same id at once, one succeeds (a replayed jti)', async (callers) => {
    const jti = document({ model: 'ReplayDetection' })
    const outcomes = await race(
      async () => (await store().engine.commit(ACME, [{ kind: 'insert', document: jti }], [entry()])).outcome,
      callers,
    )
    expect(outcomes).toEqual(
      new Map([
        ['committed', 1],
        ['duplicate', callers - 1],
      ]),
    )
    expect(await auditIds(store())).toHaveLength(1)
    expect((await store().engine.commit(OTHER, [{ kind: 'insert', document: jti }], [])).outcome).toBe('committed')
  })

  it('a failing batch changes nothing at all, whichever operation fails and wherever it stands', async () => {
    const existing = document()
    const live = await openGrant(store())
    const dead = newGrantId()
    await store().engine.commit(ACME, [{ kind: 'upsert', document: existing }], [])
    const failing: readonly [EngineOperation, object][] = [
      [
        { kind: 'consume', model: 'RefreshToken', id: 'unknown', at: NOW },
        { outcome: 'alreadyConsumed', model: 'RefreshToken', id: 'unknown' },
      ],
      [
        { kind: 'insert', document: existing },
        { outcome: 'duplicate', model: existing.model, id: existing.id },
      ],
      [
        { kind: 'requireLiveGrant', grantId: dead, at: NOW },
        { outcome: 'grantNotLive', grantId: dead },
      ],
      [
        { kind: 'openGrant', grant: { ...grant(), grantId: live.grantId } },
        { outcome: 'duplicate', model: 'Grant', id: live.grantId },
      ],
    ]
    for (const [operation, outcome] of failing) {
      const added = document()
      const opened = grant()
      const others: EngineOperation[] = [
        { kind: 'upsert', document: added },
        { kind: 'openGrant', grant: opened },
        { kind: 'destroy', model: existing.model, id: 'nothing' },
        { kind: 'revokeGrant', grantId: live.grantId, cause: 'test', at: NOW },
      ]
      for (let place = 0; place <= others.length; place += 1) {
        const batch = others.toSpliced(place, 0, operation)
        expect(await store().engine.commit(ACME, batch, [entry()])).toEqual(outcome)
        expect(await store().engine.find(ACME, added.model, added.id, NOW)).toBeNull()
        expect(await store().grants.find(ACME, opened.grantId)).toBeNull()
        expect((await store().grants.find(ACME, live.grantId))?.revokedAt).toBeNull()
      }
    }
    expect(await feedOf(store())).toEqual([])
    expect(await auditIds(store())).toEqual([])
  })

  it('operations take effect in order', async () => {
    const one = document()
    const { outcome } = await store().engine.commit(
      ACME,
      [
        { kind: 'insert', document: one },
        { kind: 'consume', model: one.model, id: one.id, at: NOW },
        { kind: 'destroy', model: one.model, id: one.id },
        { kind: 'insert', document: one },
      ],
      [],
    )
    expect(outcome).toBe('committed')
    expect((await store().engine.find(ACME, one.model, one.id, NOW))?.consumedAt).toBeNull()
  })

  it('revoking a grant removes every document of it, the engine’s own Grant included, and tells the feed once', async () => {
    const live = await openGrant(store())
    const foreign = await openGrant(store(), { ...live, tenant: OTHER })
    const documents = [
      document({ grantId: live.grantId }),
      document({ model: 'AuthorizationCode', grantId: live.grantId }),
      document({ model: 'Grant', id: live.grantId }),
    ]
    const kept = document({ grantId: newGrantId() })
    const operations = [...documents, kept].map((saved) => ({ kind: 'upsert', document: saved }) as const)
    await store().engine.commit(ACME, operations, [])
    await store().engine.commit(OTHER, operations, [])
    const revoke = { kind: 'revokeGrant', grantId: live.grantId, cause: 'refreshTokenReused', at: NOW } as const

    await race(async () => (await store().engine.commit(ACME, [revoke], [])).outcome)

    for (const saved of documents) {
      expect(await store().engine.find(ACME, saved.model, saved.id, NOW)).toBeNull()
      expect(await store().engine.find(OTHER, saved.model, saved.id, NOW)).not.toBeNull()
    }
    expect(await store().engine.find(ACME, kept.model, kept.id, NOW)).not.toBeNull()
    const revoked = await store().grants.find(ACME, live.grantId)
    expect([revoked?.revokedAt, revoked?.revokedCause]).toEqual([NOW, 'refreshTokenReused'])
    expect((await store().grants.find(OTHER, foreign.grantId))?.revokedAt).toBeNull()
    expect(await feedOf(store())).toEqual([`acme grant ${live.grantId}`])
  })

  it.each([
    ['revoked', { at: NOW, revoke: true }],
    ['expired', { at: NOW + 14_400, revoke: false }],
  ])('nothing is issued under a grant that is %s', async (_, { at, revoke }) => {
    const live = await openGrant(store())
    const require = { kind: 'requireLiveGrant', grantId: live.grantId, at } as const
    if (revoke) await store().grants.revoke(ACME, { grantId: live.grantId }, 'test', NOW, [])
    else expect((await store().engine.commit(ACME, [{ ...require, at: at - 1 }], [])).outcome).toBe('committed')
    const issued = document()
    const outcome = await store().engine.commit(ACME, [{ kind: 'upsert', document: issued }, require], [entry()])
    expect(outcome).toEqual({ outcome: 'grantNotLive', grantId: live.grantId })
    expect(await store().engine.find(ACME, issued.model, issued.id, NOW)).toBeNull()
  })

  it.each([
    ['never stored', { stored: false, at: NOW, tenant: ACME }],
    ['expired', { stored: true, at: NOW + 900, tenant: ACME }],
    ['of another tenant', { stored: true, at: NOW, tenant: OTHER }],
  ])('nothing is written by whoever read a document that is now %s', async (_, { stored, at, tenant }) => {
    const read = document({ expiresAt: NOW + 900 })
    if (stored) await store().engine.commit(ACME, [{ kind: 'upsert', document: read }], [])
    const written = document()
    const operations = [
      { kind: 'upsert', document: written },
      { kind: 'requireDocument', model: read.model, id: read.id, at },
    ] as const
    const outcome = await store().engine.commit(tenant, operations, [{ ...entry(), tenant }])
    expect(outcome).toEqual({ outcome: 'documentGone', model: read.model, id: read.id })
    expect(await store().engine.find(tenant, written.model, written.id, NOW)).toBeNull()
  })

  it('a document that is required is left as it was', async () => {
    const read = document()
    await store().engine.commit(ACME, [{ kind: 'upsert', document: read }], [])
    const require = { kind: 'requireDocument', model: read.model, id: read.id, at: NOW } as const
    for (const consumedAt of [null, NOW]) {
      expect(await store().engine.commit(ACME, [require], [])).toEqual({ outcome: 'committed' })
      expect(await store().engine.find(ACME, read.model, read.id, NOW)).toEqual({ ...read, consumedAt, reply: null })
      if (consumedAt === null)
        await store().engine.commit(ACME, [{ kind: 'consume', model: read.model, id: read.id, at: NOW }], [])
    }
  })

  it('a login session that was read while its subject was ended does not come back', async () => {
    for (let round = 0; round < 20; round += 1) {
      const owner = account()
      await store().accounts.create(owner, [])
      const session = document({ model: 'Session', accountId: owner.subject })
      await store().engine.commit(ACME, [{ kind: 'insert', document: session }], [])
      await Promise.all([
        store().engine.commit(
          ACME,
          [
            { kind: 'requireDocument', model: 'Session', id: session.id, at: NOW },
            { kind: 'upsert', document: session },
          ],
          [],
        ),
        store().accounts.setPassword(ACME, owner.subject, 'new', NOW, []),
      ])
      expect(await store().engine.find(ACME, 'Session', session.id, NOW)).toBeNull()
    }
  })

  it.each(['password', 'status', 'unknown'] as const)(
    'a login counts only for the account as checked: %s',
    async (what) => {
      const checked = account()
      if (what !== 'unknown') await store().accounts.create(checked, [])
      const require = { kind: 'requireAccount', subject: checked.subject, passwordHash: checked.passwordHash } as const
      if (what !== 'unknown') expect(await store().engine.commit(ACME, [require], [])).toEqual({ outcome: 'committed' })
      if (what === 'password') await store().accounts.setPassword(ACME, checked.subject, 'other', NOW, [])
      if (what === 'status') await store().accounts.setStatus(ACME, checked.subject, 'disabled', NOW, [])
      const login = document()
      const outcome = await store().engine.commit(ACME, [{ kind: 'upsert', document: login }, require], [entry()])
      expect(outcome).toEqual({ outcome: 'accountChanged', subject: checked.subject })
      expect(await store().engine.find(ACME, login.model, login.id, NOW)).toBeNull()
    },
  )

  it('a token issued while its grant is revoked is gone either way', async () => {
    for (let round = 0; round < 20; round += 1) {
      const live = await openGrant(store())
      const issued = document({ grantId: live.grantId })
      await Promise.all([
        store().engine.commit(
          ACME,
          [
            { kind: 'upsert', document: issued },
            { kind: 'requireLiveGrant', grantId: live.grantId, at: NOW },
          ],
          [],
        ),
        store().grants.revoke(ACME, { grantId: live.grantId }, 'test', NOW, []),
      ])
      expect(await store().engine.find(ACME, issued.model, issued.id, NOW)).toBeNull()
    }
  })

  it('collects what expired, at most so many at a time, and nothing else', async () => {
    const expired = Array.from({ length: 5 }, (_, i) => document({ expiresAt: NOW - 1 - i }))
    const fresh = document({ expiresAt: NOW })
    const operations = [...expired, fresh].map((saved) => ({ kind: 'upsert', document: saved }) as const)
    await store().engine.commit(ACME, operations, [])
    await store().engine.commit(OTHER, operations, [])
    expect(await store().engine.collectExpired(NOW, 4)).toBe(4)
    expect(await store().engine.collectExpired(NOW, 100)).toBe(6)
    expect(await store().engine.collectExpired(NOW, 100)).toBe(0)
    expect(await store().engine.find(OTHER, fresh.model, fresh.id, NOW - 1)).not.toBeNull()
  })
})
