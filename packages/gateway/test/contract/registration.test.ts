import { describe, expect, it } from 'vitest'
import { asClientId, type ClientId } from '#core/ids.ts'
import type { ClientAdmission } from '#store/ports/clients.ts'
import type { InitialAccessToken } from '#store/ports/initial-access-tokens.ts'
import { onEveryEngine } from './on-every-engine.ts'
import {
  ACME,
  auditIds,
  client,
  document,
  entry,
  FIRST_PAGE,
  feedOf,
  grant,
  NOW,
  newInitialAccessToken,
  OTHER,
  readPages,
} from './samples.ts'

const TOKEN = 'token-1'
const DAY = 86_400

const shown = (changes: Partial<Extract<ClientAdmission, { kind: 'token' }>> = {}) =>
  ({ kind: 'token', tokenId: TOKEN, hash: `hash of ${TOKEN}`, now: NOW, ...changes }) as const

onEveryEngine('registration', (store) => {
  const create = (changes: Partial<InitialAccessToken> = {}, max = 10) =>
    store().initialAccessTokens.create(newInitialAccessToken({ tokenId: TOKEN, ...changes }), max, [entry()])
  const register = (admission?: ClientAdmission, changes = {}) =>
    store().clients.register(client(changes), 100, [], admission)
  const usesOf = async (tokenId = TOKEN) => (await store().initialAccessTokens.find(ACME, tokenId))?.uses

  describe('initial access tokens', () => {
    it('come back as they were made', async () => {
      expect(await create({ usesMax: 3 })).toBe('created')
      expect(await store().initialAccessTokens.find(ACME, TOKEN)).toEqual(
        newInitialAccessToken({ tokenId: TOKEN, usesMax: 3 }),
      )
      expect(await store().initialAccessTokens.find(OTHER, TOKEN)).toBeNull()
      expect(await auditIds(store())).toHaveLength(1)
    })

    it('let in as many clients as they are good for, and then none', async () => {
      await create({ usesMax: 2 })
      expect([await register(shown()), await register(shown()), await register(shown())]).toEqual([
        'registered',
        'registered',
        'tokenNotUsable',
      ])
      expect(await usesOf()).toBe(2)
      expect((await store().clients.list(ACME, {}, FIRST_PAGE)).items).toHaveLength(2)
    })

    it.each([
      ['of another text', shown({ hash: 'x' })],
      ['unknown', shown({ tokenId: 'token-2' })],
      ['expired', shown({ now: NOW + 3600 })],
    ])('%s let nobody in, and count nothing', async (_what, admission) => {
      await create()
      expect(await register(admission)).toBe('tokenNotUsable')
      expect(await usesOf()).toBe(0)
      expect((await store().clients.list(ACME, {}, FIRST_PAGE)).items).toEqual([])
    })

    it('of another tenant let nobody in', async () => {
      await create()
      expect(await register(shown(), { tenant: OTHER })).toBe('tokenNotUsable')
      expect(await usesOf()).toBe(0)
    })

    it('are not used up by a registration that finds no room, or an id that is taken', async () => {
      await create()
      const taken = client()
      await store().clients.register(taken, 1, [])
      expect(await store().clients.register(client(), 1, [], shown())).toBe('full')
      expect(await store().clients.register(taken, 10, [], shown())).toBe('exists')
      expect(await usesOf()).toBe(0)
    })

    it('let nobody in once revoked; who was let in stays', async () => {
      await create({ usesMax: 5 })
      await register(shown())
      expect(await store().initialAccessTokens.revoke(OTHER, TOKEN, NOW, [])).toBe('unknown')
      expect(await store().initialAccessTokens.revoke(ACME, TOKEN, NOW + 5, [entry()])).toBe('revoked')
      expect(await store().initialAccessTokens.revoke(ACME, TOKEN, NOW + 6, [entry()])).toBe('notLive')
      expect(await register(shown())).toBe('tokenNotUsable')
      expect(await store().initialAccessTokens.find(ACME, TOKEN)).toMatchObject({ uses: 1, revokedAt: NOW + 5 })
      expect((await store().clients.list(ACME, {}, FIRST_PAGE)).items).toHaveLength(1)
      expect(await auditIds(store())).toHaveLength(2)
    })

    it('are as many as may live; those that are over make room', async () => {
      expect(await create({ tokenId: 'a' }, 2)).toBe('created')
      expect(await create({ tokenId: 'b', usesMax: 1 }, 2)).toBe('created')
      expect(await create({ tokenId: 'c' }, 2)).toBe('full')
      await register(shown({ tokenId: 'b', hash: 'hash of b' }))
      expect(await create({ tokenId: 'c' }, 2)).toBe('created')
      await store().initialAccessTokens.revoke(ACME, 'a', NOW, [])
      expect(await create({ tokenId: 'd', expiresAt: NOW }, 2)).toBe('created')
      expect(await create({ tokenId: 'e' }, 2)).toBe('created')
    })

    it('are listed newest first, in pages, all or the live ones', async () => {
      for (let index = 0; index < 5; index += 1)
        await create({ tokenId: `t${index}`, createdAt: NOW + index, expiresAt: NOW + 100 + index })
      await store().initialAccessTokens.revoke(ACME, 't3', NOW, [])
      const live = await readPages(2, (page) => store().initialAccessTokens.list(ACME, { liveAt: NOW + 101 }, page))
      expect(live.map(({ tokenId }) => tokenId)).toEqual(['t4', 't2'])
      const all = await readPages(2, (page) => store().initialAccessTokens.list(ACME, {}, page))
      expect(all.map(({ tokenId }) => tokenId)).toEqual(['t4', 't3', 't2', 't1', 't0'])
    })
  })

  it('an issuer of statements lets in as many as it may; removed ones and those of others do not count', async () => {
    const by = (issuer: string): ClientAdmission => ({ kind: 'statement', issuer, clientsMax: 2 })
    const one = client({ admittedBy: 'statement:https://a' })
    await store().clients.register(one, 100, [], by('https://a'))
    expect(await register(by('https://a'), { admittedBy: 'statement:https://a' })).toBe('registered')
    expect(await register(by('https://a'), { admittedBy: 'statement:https://a' })).toBe('issuerFull')
    expect(await register(by('https://a.b'), { admittedBy: 'statement:https://a.b' })).toBe('registered')
    await store().clients.remove(ACME, one.clientId, NOW, [])
    expect(await register(by('https://a'), { admittedBy: 'statement:https://a' })).toBe('registered')
  })

  describe('clients that nobody uses', () => {
    const SINCE = NOW - 90 * DAY
    const OLD = SINCE - 1
    const add = async (name: string, changes: Parameters<typeof client>[0] = {}): Promise<ClientId> => {
      const clientId = asClientId(name)
      await store().clients.register(client({ clientId, status: 'active', createdAt: OLD, ...changes }), 100, [])
      return clientId
    }
    const openGrant = (clientId: ClientId, createdAt: number, expiresAt: number) =>
      store().engine.commit(ACME, [{ kind: 'openGrant', grant: grant({ clientId, createdAt, expiresAt }) }], [])
    const unused = () => store().clients.listUnused(ACME, SINCE, NOW, 10)
    const remove = (clientId: ClientId) => store().clients.removeUnused(ACME, clientId, SINCE, NOW, [entry()])

    it('are those that came by themselves long ago, were let in long ago, and hold nothing', async () => {
      await add('old')
      await add('document', { kind: 'metadataDocument', createdAt: OLD - 1 })
      await add('young', { createdAt: SINCE })
      await add('approved lately', { approvedAt: SINCE })
      await add('pending', { status: 'pending' })
      await add('by the operator', { kind: 'preregistered' })
      await add('removed', { status: 'removed' })
      await add('of another', { tenant: OTHER })
      expect(await unused()).toEqual(['document', 'old'])
      expect(await store().clients.listUnused(ACME, SINCE, NOW, 1)).toEqual(['document'])
    })

    it('are none with a live grant, a grant given since, or an authorization under way', async () => {
      const live = await add('live')
      await openGrant(live, OLD, NOW + 1)
      const lately = await add('lately')
      await openGrant(lately, SINCE, SINCE + 1)
      const underWay = await add('under way')
      const insert = document({ model: 'Interaction', id: 'i', clientId: underWay, expiresAt: NOW + 1 })
      await store().engine.commit(ACME, [{ kind: 'insert', document: insert }], [])
      const over = await add('over')
      await openGrant(over, OLD, NOW)
      const past = document({ model: 'Interaction', id: 'j', clientId: over, expiresAt: NOW })
      await store().engine.commit(ACME, [{ kind: 'insert', document: past }], [])
      expect(await unused()).toEqual(['over'])
      for (const clientId of [live, lately, underWay]) expect(await remove(clientId)).toBe('inUse')
      expect((await store().clients.find(ACME, live))?.status).toBe('active')
      expect(await auditIds(store())).toEqual([])
      await store().grants.revoke(ACME, { clientId: live }, 'test', NOW, [])
      expect(await unused()).toEqual(['live', 'over'])
    })

    it('become tombstones that say why, without their secret; a document is forgotten and may come back', async () => {
      const registered = await add('registered')
      const documented = await add('documented', { kind: 'metadataDocument', sealedSecret: null })
      expect([await remove(registered), await remove(documented), await remove(registered)]).toEqual([
        'removed',
        'removed',
        'inUse',
      ])
      expect(await store().clients.find(ACME, registered)).toMatchObject({
        status: 'removed',
        removedCause: 'unused',
        sealedSecret: null,
      })
      expect(await store().clients.find(ACME, documented)).toBeNull()
      expect(await auditIds(store())).toHaveLength(2)
      expect(await feedOf(store())).toEqual([])
      const opened = await openGrant(registered, NOW, NOW + 1)
      expect(opened.outcome).toBe('grantNotLive')
    })
  })

  describe('a grant with a digest of its client', () => {
    const require = (grantId: ReturnType<typeof grant>['grantId'], clientDigest?: string | null) =>
      store().engine.commit(
        ACME,
        [
          {
            kind: 'requireLiveGrant',
            grantId,
            at: NOW,
            ...(clientDigest === undefined ? {} : { clientDigest }),
          },
          { kind: 'insert', document: document({ id: `issued ${clientDigest}` }) },
        ],
        [entry()],
      )

    it('is of use to that client alone; another gets nothing', async () => {
      const opened = grant({ clientDigest: 'digest' })
      await store().engine.commit(ACME, [{ kind: 'openGrant', grant: opened }], [])
      expect((await store().grants.find(ACME, opened.grantId))?.clientDigest).toBe('digest')
      expect(await require(opened.grantId, 'digest')).toEqual({ outcome: 'committed' })
      for (const other of ['other', null, undefined]) {
        expect(await require(opened.grantId, other)).toEqual({ outcome: 'clientChanged', grantId: opened.grantId })
        expect(await store().engine.find(ACME, 'RefreshToken', `issued ${other}`, NOW)).toBeNull()
      }
      expect(await auditIds(store())).toHaveLength(1)
      expect((await store().grants.find(ACME, opened.grantId))?.revokedAt).toBeNull()
    })

    it('and one without are told apart: nothing is asked of the second', async () => {
      const opened = grant()
      await store().engine.commit(ACME, [{ kind: 'openGrant', grant: opened }], [])
      expect(await require(opened.grantId, 'any')).toEqual({ outcome: 'committed' })
      await store().grants.revoke(ACME, { grantId: opened.grantId }, 'test', NOW, [])
      expect(await require(opened.grantId, 'any')).toMatchObject({ outcome: 'grantNotLive' })
    })
  })
})
