import { expect } from 'vitest'
import { asClientId, asGrantId, asSubjectId, asTenantId, type TenantId } from '#core/ids.ts'
import type { Store } from '#store/ports/store.ts'
import {
  account,
  client,
  document,
  entry,
  FIRST_PAGE,
  grant,
  NOW,
  newInitialAccessToken,
  newKey,
  newSubject,
} from './samples.ts'

/**
 * One step that eight callers take at once on the same thing. Everything in it is named, so that callers in several processes mean the
 * same thing; the tenant is the race's own.
 */
export interface Race {
  prepare?(store: Store, tenant: TenantId): Promise<unknown>
  /** The step, as the caller of this number takes it; answers what came of it. */
  step(store: Store, tenant: TenantId, caller: number): Promise<unknown>
  /** How often each answer came; absent: that depends on who was first, and `afterwards` judges it. */
  readonly answers?: Readonly<Record<string, number>>
  /** What is left when all are done, and how often each answer came. */
  afterwards?(store: Store, tenant: TenantId, answers: Readonly<Record<string, number>>): Promise<void>
}

export const CALLERS = 8
const SUBJECT = asSubjectId('subject')
const CLIENT = asClientId('client')
const GRANT = asGrantId('grant')
const LINK = 'hash of a link'

const codeOf = (id: string) => document({ model: 'AuthorizationCode', id })
const auditOf = (tenant: TenantId) => [entry({ tenant })]
const recorded = async (store: Store, tenant: TenantId) => (await store.audit.latest(tenant, 100)).length
const feedOf = async (store: Store, tenant: TenantId) =>
  (await store.feed.since(0, 1000)).filter((change) => change.tenant === tenant).map(({ kind }) => kind)
const addAccount = (store: Store, tenant: TenantId) =>
  store.accounts.create(account({ tenant, subject: SUBJECT, username: 'ada' }), [])
const openGrant = (store: Store, tenant: TenantId) =>
  store.engine.commit(
    tenant,
    [
      { kind: 'openGrant', grant: grant({ tenant, grantId: GRANT, subject: SUBJECT, clientId: CLIENT }) },
      { kind: 'insert', document: document({ id: 'refresh', grantId: GRANT }) },
    ],
    [],
  )
const KEY = asClientId('key')
const addKey = async (store: Store, tenant: TenantId) => [
  await addAccount(store, tenant),
  await store.apiKeys.create(newKey({ tenant, keyId: KEY, subject: SUBJECT }), 10, []),
]
const rotateKey = (store: Store, tenant: TenantId, name: string) =>
  store.apiKeys.rotate(
    tenant,
    KEY,
    {
      seen: 0,
      secret: { secretId: name, hash: name, createdAt: NOW, endsAt: NOW + 2000 },
      previousEndsAt: NOW + 300,
      expiresAt: NOW + 2000,
    },
    NOW,
    auditOf(tenant),
  )
const passkey = (tenant: TenantId, credentialId: string) => ({
  tenant,
  credentialId,
  subject: SUBJECT,
  name: 'Phone',
  publicKey: 'key',
  counter: 4,
  isSynced: true,
  createdAt: NOW,
  lastUsedAt: null,
})
const providerLogin = (tenant: TenantId, loginId: string) => ({
  tenant,
  loginId,
  provider: 'corp',
  issuer: 'https://idp.example',
  externalSubject: 'ext',
  sid: 'sid',
  subject: SUBJECT,
  authenticatedAt: NOW,
  expiresAt: NOW + 3600,
  refreshToken: 'sealed',
  checkedAt: NOW,
  checkDueAt: NOW,
})
const KEY_TIMES = { createdAt: NOW, dueAt: null, activatedAt: null, retiredAt: null } as const
const signingKey = (tenant: TenantId, kid: string, status: 'active' | 'next') =>
  ({
    tenant,
    kid,
    purpose: 'accessToken',
    algorithm: 'ES256',
    status,
    sealed: new Uint8Array([1]),
    publicJwk: null,
    ...KEY_TIMES,
  }) as const
const addSigningKeys = async (store: Store, tenant: TenantId) => [
  await store.signingKeys.addFirst(signingKey(tenant, 'one', 'active'), []),
  await store.signingKeys.addNext(signingKey(tenant, 'two', 'next'), []),
]
const signingKeysOf = async (store: Store, tenant: TenantId) =>
  (await store.signingKeys.list(tenant, 'accessToken')).map(({ kid, status }) => `${kid} ${status}`).sort()
const DAY = 86_400
const addToken = (store: Store, tenant: TenantId) =>
  store.initialAccessTokens.create(newInitialAccessToken({ tenant, tokenId: 'token', usesMax: 3 }), 10, [])
const tokenShown = { kind: 'token', tokenId: 'token', hash: 'hash of token', now: NOW } as const
const addUnused = (store: Store, tenant: TenantId) =>
  store.clients.register(client({ tenant, clientId: CLIENT, status: 'active', createdAt: NOW - 91 * DAY }), 10, [])
const removeUnused = (store: Store, tenant: TenantId) =>
  store.clients.removeUnused(tenant, CLIENT, NOW - 90 * DAY, NOW, auditOf(tenant))
const addClient = (store: Store, tenant: TenantId) =>
  store.clients.register(client({ tenant, clientId: CLIENT }), 10, [])

/** Every method that writes; races.test.ts sees to it that none is missing. */
export const RACES: Readonly<Record<string, Race>> = {
  'accountLinks.link': {
    prepare: addAccount,
    step: (store, tenant, caller) => {
      const link = { tenant, issuer: 'https://idp.example', externalSubject: `ext ${caller}`, subject: SUBJECT }
      const whole = { ...link, linkedAt: NOW, linkedBy: 'email' } as const
      return store.accountLinks.link(whole, { onlyFirst: true }, auditOf(tenant))
    },
    answers: { linked: 1, hasOther: 7 },
    afterwards: async (store, tenant) => {
      expect(await store.accountLinks.list(tenant, SUBJECT)).toHaveLength(1)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'accountLinks.openAccount': {
    step: (store, tenant, caller) => {
      const opened = account({ tenant, subject: newSubject(), username: `u${caller}` })
      const link = { tenant, issuer: 'https://idp.example', externalSubject: 'ext', subject: opened.subject }
      return store.accountLinks.openAccount(opened, { ...link, linkedAt: NOW, linkedBy: 'provider' }, auditOf(tenant))
    },
    answers: { opened: 1, taken: 7 },
    afterwards: async (store, tenant) => {
      expect(await store.accounts.count(tenant)).toBe(1)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'accountLinks.unlink': {
    prepare: async (store, tenant) => {
      await addAccount(store, tenant)
      const link = { tenant, issuer: 'https://idp.example', externalSubject: 'ext', subject: SUBJECT, linkedAt: NOW }
      await store.accountLinks.link({ ...link, linkedBy: 'operator' }, { onlyFirst: false }, [])
    },
    step: (store, tenant) => {
      const link = { issuer: 'https://idp.example', externalSubject: 'ext', subject: SUBJECT }
      return store.accountLinks.unlink(tenant, link, auditOf(tenant))
    },
    answers: { unlinked: 1, unknown: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'accounts.create': {
    step: (store, tenant) => store.accounts.create(account({ tenant, username: 'ada' }), auditOf(tenant)),
    answers: { created: 1, usernameTaken: 7 },
    afterwards: async (store, tenant) => {
      expect(await store.accounts.count(tenant)).toBe(1)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'accounts.issueSetupLink': {
    step: (store, tenant, caller) => store.accounts.issueSetupLink(tenant, `link ${caller}`, NOW + 60),
    answers: { undefined: 8 },
    afterwards: async (store, tenant) => {
      const links = Array.from({ length: CALLERS }, (_, caller) =>
        store.accounts.setupLinkIsValid(tenant, `link ${caller}`, NOW),
      )
      expect((await Promise.all(links)).filter((isValid) => isValid)).toHaveLength(1)
    },
  },
  'accounts.createFirst': {
    prepare: (store, tenant) => store.accounts.issueSetupLink(tenant, LINK, NOW + 60),
    step: (store, tenant) => store.accounts.createFirst(account({ tenant }), LINK, NOW, auditOf(tenant)),
    answers: { created: 1, alreadySetUp: 7 },
    afterwards: async (store, tenant) => {
      expect(await store.accounts.count(tenant)).toBe(1)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'accounts.setPassword': {
    prepare: async (store, tenant) => [await addAccount(store, tenant), await openGrant(store, tenant)],
    step: (store, tenant, caller) =>
      store.accounts.setPassword(tenant, SUBJECT, `hash ${caller}`, NOW, auditOf(tenant)),
    answers: { changed: 8 },
    afterwards: async (store, tenant) => {
      const kinds = await feedOf(store, tenant)
      expect(kinds.filter((kind) => kind === 'grant')).toHaveLength(1)
      expect(kinds.filter((kind) => kind === 'subject')).toHaveLength(8)
      expect(await store.engine.find(tenant, 'RefreshToken', 'refresh', NOW)).toBeNull()
    },
  },
  'accounts.setRoles': {
    prepare: addAccount,
    step: (store, tenant, caller) => store.accounts.setRoles(tenant, SUBJECT, [`role-${caller}`], NOW, auditOf(tenant)),
    answers: { changed: 8 },
    afterwards: async (store, tenant) => {
      expect((await store.accounts.find(tenant, SUBJECT))?.roles).toHaveLength(1)
      expect(await feedOf(store, tenant)).toHaveLength(8)
    },
  },
  'accounts.setStatus': {
    prepare: async (store, tenant) => [await addAccount(store, tenant), await openGrant(store, tenant)],
    step: (store, tenant) => store.accounts.setStatus(tenant, SUBJECT, 'disabled', NOW, auditOf(tenant)),
    answers: { changed: 8 },
    afterwards: async (store, tenant) => {
      expect((await feedOf(store, tenant)).filter((kind) => kind === 'grant')).toHaveLength(1)
      expect((await store.grants.find(tenant, GRANT))?.revokedAt).toBe(NOW)
    },
  },
  'apiKeys.create': {
    prepare: addAccount,
    step: (store, tenant, caller) =>
      store.apiKeys.create(
        newKey({ tenant, keyId: asClientId(`key ${caller}`), subject: SUBJECT }),
        3,
        auditOf(tenant),
      ),
    answers: { created: 3, full: 5 },
    afterwards: async (store, tenant) => {
      const { items } = await store.grants.list(tenant, {}, FIRST_PAGE)
      expect(items.map(({ number }) => number)).toEqual([6, 5, 4, 3, 2, 1])
      expect(await recorded(store, tenant)).toBe(3)
    },
  },
  'apiKeys.create: while others disable its subject': {
    prepare: addAccount,
    step: async (store, tenant, caller) => {
      if (caller === 0) return store.accounts.setStatus(tenant, SUBJECT, 'disabled', NOW, [])
      const key = newKey({ tenant, keyId: asClientId(`key ${caller}`), subject: SUBJECT })
      return typeof (await store.apiKeys.create(key, 10, []))
    },
    answers: { changed: 1, string: 7 },
    afterwards: async (store, tenant) =>
      expect((await store.grants.list(tenant, { liveAt: NOW }, FIRST_PAGE)).items).toEqual([]),
  },
  'apiKeys.rotate': {
    prepare: addKey,
    step: (store, tenant, caller) => rotateKey(store, tenant, `secret ${caller}`),
    answers: { rotated: 1, rotatedMeanwhile: 7 },
    afterwards: async (store, tenant) => {
      const key = await store.apiKeys.find(tenant, KEY)
      expect(key?.secrets.map(({ endsAt }) => endsAt).sort()).toEqual([NOW + 2000, NOW + 300].sort())
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'apiKeys.rotate: while others revoke the key': {
    prepare: addKey,
    step: async (store, tenant, caller) => {
      if (caller % 2 === 0) return store.apiKeys.revoke(tenant, KEY, 'operator', NOW, [])
      return typeof (await rotateKey(store, tenant, `secret ${caller}`))
    },
    answers: { revoked: 1, notLive: 3, string: 4 },
    afterwards: async (store, tenant) => {
      const key = await store.apiKeys.find(tenant, KEY)
      expect(key?.revokedAt).toBe(NOW)
      expect(key?.grants.map(({ revokedAt }) => revokedAt)).toEqual([NOW, NOW])
    },
  },
  'apiKeys.rotate: while others disable its subject': {
    prepare: addKey,
    step: async (store, tenant, caller) => {
      if (caller % 2 === 0) return store.accounts.setStatus(tenant, SUBJECT, 'disabled', NOW, [])
      return typeof (await rotateKey(store, tenant, `secret ${caller}`))
    },
    answers: { changed: 4, string: 4 },
    afterwards: async (store, tenant) =>
      expect((await store.grants.list(tenant, { liveAt: NOW }, FIRST_PAGE)).items).toEqual([]),
  },
  'apiKeys.revoke': {
    prepare: addKey,
    step: (store, tenant) => store.apiKeys.revoke(tenant, KEY, 'operator', NOW, auditOf(tenant)),
    answers: { revoked: 1, notLive: 7 },
    afterwards: async (store, tenant) => {
      expect(await feedOf(store, tenant)).toEqual(['grant', 'grant', 'client'])
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'apiKeys.noteUses': {
    prepare: addKey,
    step: (store, tenant, caller) => store.apiKeys.noteUses(tenant, [{ keyId: KEY, at: NOW + caller }]),
    answers: { undefined: 8 },
    afterwards: async (store, tenant) => expect((await store.apiKeys.find(tenant, KEY))?.lastUsedAt).toBe(NOW + 7),
  },
  'audit.append': {
    step: (store, tenant) => store.audit.append([entry({ tenant, id: 'same' })]),
    answers: { undefined: 1, StoreFailure: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'audit.appendAgain': {
    prepare: (store, tenant) => store.audit.append([entry({ tenant, id: 'same' })]),
    step: (store, tenant) => store.audit.appendAgain([entry({ tenant, id: 'same' })]),
    answers: { undefined: 8 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'audit.sequence': {
    prepare: (store, tenant) => store.audit.append(Array.from({ length: 24 }, () => entry({ tenant }))),
    step: async (store, tenant) => (await store.audit.sequence(tenant, 3)).length,
    answers: { 3: 8 },
    afterwards: async (store, tenant) => {
      const placed = await store.audit.read(tenant, 0, 100)
      expect(placed.map((one) => one.position)).toEqual(Array.from({ length: 24 }, (_, i) => i))
      expect(await store.audit.size(tenant)).toBe(24)
    },
  },
  'audit.addCheckpoint': {
    step: (store, tenant, caller) =>
      store.audit.addCheckpoint({ tenant, size: 7, note: `note ${caller}`, timeMs: NOW }),
    answers: { undefined: 8 },
    afterwards: async (store, tenant) => expect(await store.audit.checkpoints(tenant, 0, 10)).toHaveLength(1),
  },
  'audit.erasePersonal': {
    prepare: (store, tenant) => store.audit.append([entry({ tenant, id: 'one', personal: new Uint8Array([1]) })]),
    step: (store, tenant) => store.audit.erasePersonal(tenant, ['one']),
    answers: { 1: 1, 0: 7 },
  },
  'clients.register': {
    step: (store, tenant) => store.clients.register(client({ tenant }), 3, auditOf(tenant)),
    answers: { registered: 3, full: 5 },
    afterwards: async (store, tenant) => {
      expect((await store.clients.list(tenant, {}, FIRST_PAGE)).items).toHaveLength(3)
      expect(await recorded(store, tenant)).toBe(3)
    },
  },
  'clients.register: with one token for three': {
    prepare: addToken,
    step: (store, tenant) => store.clients.register(client({ tenant }), 10, auditOf(tenant), tokenShown),
    answers: { registered: 3, tokenNotUsable: 5 },
    afterwards: async (store, tenant) => {
      expect((await store.initialAccessTokens.find(tenant, 'token'))?.uses).toBe(3)
      expect((await store.clients.list(tenant, {}, FIRST_PAGE)).items).toHaveLength(3)
      expect(await recorded(store, tenant)).toBe(3)
    },
  },
  'clients.register: with a token that others revoke': {
    prepare: addToken,
    step: (store, tenant, caller) =>
      caller % 2 === 0
        ? store.initialAccessTokens.revoke(tenant, 'token', NOW, [])
        : store.clients.register(client({ tenant }), 10, [], tokenShown),
    afterwards: async (store, tenant, { revoked = 0, registered = 0 }) => {
      const token = await store.initialAccessTokens.find(tenant, 'token')
      expect(token).toMatchObject({ uses: registered })
      expect(revoked).toBe(token?.revokedAt === null ? 0 : 1)
      expect(registered).toBeLessThanOrEqual(3)
    },
  },
  'clients.register: with the statements of one issuer': {
    step: (store, tenant) =>
      store.clients.register(client({ tenant, admittedBy: 'statement:a' }), 10, auditOf(tenant), {
        kind: 'statement',
        issuer: 'a',
        clientsMax: 3,
      }),
    answers: { registered: 3, issuerFull: 5 },
  },
  'clients.removeUnused': {
    prepare: addUnused,
    step: removeUnused,
    answers: { removed: 1, inUse: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'clients.removeUnused: while others open grants': {
    prepare: addUnused,
    step: async (store, tenant, caller) => {
      if (caller % 2 === 0) return removeUnused(store, tenant)
      const opened = grant({ tenant, grantId: asGrantId(`grant ${caller}`), clientId: CLIENT })
      return (await store.engine.commit(tenant, [{ kind: 'openGrant', grant: opened }], [])).outcome
    },
    // Whoever was first decided for all: no grant is stranded, and no client is kept that has none.
    afterwards: async (store, tenant, answers) => {
      const status = (await store.clients.find(tenant, CLIENT))?.status
      const { length } = (await store.grants.list(tenant, { liveAt: NOW }, FIRST_PAGE)).items
      expect([status, length, answers['removed'] ?? 0]).toEqual(
        answers['removed'] === undefined ? ['active', 4, 0] : ['removed', 0, 1],
      )
    },
  },
  'initialAccessTokens.create': {
    step: (store, tenant, caller) =>
      store.initialAccessTokens.create(
        newInitialAccessToken({ tenant, tokenId: `token ${caller}` }),
        3,
        auditOf(tenant),
      ),
    answers: { created: 3, full: 5 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(3),
  },
  'initialAccessTokens.revoke': {
    prepare: addToken,
    step: (store, tenant) => store.initialAccessTokens.revoke(tenant, 'token', NOW, auditOf(tenant)),
    answers: { revoked: 1, notLive: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'clients.approve': {
    prepare: addClient,
    step: (store, tenant, caller) => store.clients.approve(tenant, CLIENT, `caller ${caller}`, NOW, auditOf(tenant)),
    answers: { approved: 1, notPending: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'clients.remove': {
    prepare: async (store, tenant) => [await addClient(store, tenant), await openGrant(store, tenant)],
    step: (store, tenant) => store.clients.remove(tenant, CLIENT, NOW, auditOf(tenant)),
    answers: { removed: 1, unknown: 7 },
    afterwards: async (store, tenant) => {
      expect(await feedOf(store, tenant)).toEqual(['grant', 'client'])
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'clients.collectPending': {
    prepare: (store, tenant) =>
      Promise.all(
        Array.from({ length: 6 }, () => store.clients.register(client({ tenant, createdAt: NOW - 10 }), 10, [])),
      ),
    step: (store, tenant) => store.clients.collectPending(tenant, NOW, 2),
    afterwards: async (store, tenant, answers) => {
      const collected = Object.entries(answers).reduce((sum, [count, times]) => sum + Number(count) * times, 0)
      expect(collected).toBeGreaterThan(0)
      expect((await store.clients.list(tenant, {}, FIRST_PAGE)).items).toHaveLength(6 - collected)
    },
  },
  'clients.collectPending: while others approve': {
    prepare: (store, tenant) =>
      store.clients.register(client({ tenant, clientId: CLIENT, createdAt: NOW - 10 }), 10, []),
    step: async (store, tenant, caller) => {
      if (caller % 2 === 0) return store.clients.approve(tenant, CLIENT, 'operator', NOW, [])
      return typeof (await store.clients.collectPending(tenant, NOW, 2))
    },
    afterwards: async (store, tenant, { approved = 0, number: collectors }) => {
      expect(collectors).toBe(4)
      expect((await store.clients.find(tenant, CLIENT))?.status).toBe(approved === 1 ? 'active' : undefined)
    },
  },
  'engine.commit': {
    prepare: (store, tenant) => store.engine.commit(tenant, [{ kind: 'insert', document: codeOf('code') }], []),
    step: async (store, tenant, caller) => {
      const operations = [
        { kind: 'consume', model: 'AuthorizationCode', id: 'code', at: NOW },
        { kind: 'insert', document: document({ id: `refresh ${caller}` }) },
      ] as const
      return (await store.engine.commit(tenant, operations, auditOf(tenant))).outcome
    },
    answers: { committed: 1, alreadyConsumed: 7 },
    afterwards: async (store, tenant) => {
      const issued = Array.from({ length: CALLERS }, (_, caller) =>
        store.engine.find(tenant, 'RefreshToken', `refresh ${caller}`, NOW),
      )
      expect((await Promise.all(issued)).filter((one) => one !== null)).toHaveLength(1)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'engine.commit: the same grant is opened': {
    step: async (store, tenant) => {
      const opened = grant({ tenant, grantId: GRANT })
      return (await store.engine.commit(tenant, [{ kind: 'openGrant', grant: opened }], auditOf(tenant))).outcome
    },
    answers: { committed: 1, duplicate: 7 },
    afterwards: async (store, tenant) => {
      expect((await store.grants.list(tenant, {}, FIRST_PAGE)).items.map(({ number }) => number)).toEqual([1])
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'engine.commit: a jti is replayed': {
    step: async (store, tenant) => {
      const jti = document({ model: 'ReplayDetection', id: 'jti' })
      return (await store.engine.commit(tenant, [{ kind: 'insert', document: jti }], auditOf(tenant))).outcome
    },
    answers: { committed: 1, duplicate: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'engine.commit: a token is issued while others revoke its grant': {
    prepare: openGrant,
    step: async (store, tenant, caller) => {
      if (caller % 2 === 0) return typeof (await store.grants.revoke(tenant, { grantId: GRANT }, 'test', NOW, []))
      const operations = [
        { kind: 'requireLiveGrant', grantId: GRANT, at: NOW },
        { kind: 'insert', document: document({ id: `issued ${caller}`, grantId: GRANT }) },
      ] as const
      return typeof (await store.engine.commit(tenant, operations, []))
    },
    answers: { object: 8 },
    afterwards: async (store, tenant) => {
      for (let caller = 0; caller < CALLERS; caller += 1)
        expect(await store.engine.find(tenant, 'RefreshToken', `issued ${caller}`, NOW)).toBeNull()
      expect(await feedOf(store, tenant)).toEqual(['grant'])
    },
  },
  'engine.commit: a grant is opened while others disable its subject': {
    prepare: addAccount,
    step: async (store, tenant, caller) => {
      if (caller === 0) return typeof (await store.accounts.setStatus(tenant, SUBJECT, 'disabled', NOW, []))
      const opened = grant({ tenant, grantId: asGrantId(`grant ${caller}`), subject: SUBJECT })
      return typeof (await store.engine.commit(tenant, [{ kind: 'openGrant', grant: opened }], []))
    },
    // `setStatus` answers a word, `commit` an outcome.
    answers: { string: 1, object: 7 },
    afterwards: async (store, tenant) => {
      const { items } = await store.grants.list(tenant, { liveAt: NOW }, FIRST_PAGE)
      expect(items).toEqual([])
    },
  },
  'engine.collectExpired': {
    step: async (store) => typeof (await store.engine.collectExpired(NOW - 1_000_000, 10)),
    answers: { number: 8 },
  },
  'grants.revoke': {
    prepare: openGrant,
    step: async (store, tenant) =>
      (await store.grants.revoke(tenant, { subject: SUBJECT }, 'test', NOW, auditOf(tenant))).length,
    answers: { 1: 1, 0: 7 },
    afterwards: async (store, tenant) => {
      expect((await feedOf(store, tenant)).filter((kind) => kind === 'grant')).toHaveLength(1)
      expect(await recorded(store, tenant)).toBe(8)
    },
  },
  'grants.revokeToken': {
    step: (store, tenant, caller) => store.grants.revokeToken(tenant, `jti ${caller}`, NOW + 60, NOW, auditOf(tenant)),
    answers: { undefined: 8 },
    afterwards: async (store) => {
      const numbers = (await store.feed.since(0, 1000)).map(({ number }) => number)
      expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i))
    },
  },
  'keyClaims.claim': {
    step: async (store, _tenant, caller) => {
      const claimed = await store.keyClaims.claim('checkpoint', `key ${caller}`, NOW)
      return claimed === (await store.keyClaims.find('checkpoint')) ? 'agreed' : 'disagreed'
    },
    answers: { agreed: 8 },
  },
  'limits.draw': {
    step: async (store, tenant) => {
      const draws = ['b', 'a'].map((key) => ({ key, burst: 3, periodSeconds: 600 }))
      return (await store.limits.draw(tenant, draws, NOW * 1000)).kind
    },
    answers: { allowed: 3, exceeded: 5 },
  },
  'limits.reset': {
    prepare: (store, tenant) => store.limits.draw(tenant, [{ key: 'a', burst: 1, periodSeconds: 600 }], NOW * 1000),
    step: (store, tenant) => store.limits.reset(tenant, ['a']),
    answers: { undefined: 8 },
  },
  'limits.collectIdle': {
    step: async (store) => typeof (await store.limits.collectIdle(1, 10)),
    answers: { number: 8 },
  },
  'replicas.join': {
    step: (store, tenant) => store.replicas.join(tenant, 'same', NOW),
    answers: { undefined: 1, StoreFailure: 7 },
  },
  'replicas.beat': {
    prepare: (store, tenant) => store.replicas.join(tenant, 'one', NOW),
    step: (store, tenant) => store.replicas.beat(tenant, 'one'),
    answers: { alive: 8 },
    afterwards: async (store, tenant) => expect((await store.replicas.list(tenant))[0]?.beats).toBe(8),
  },
  'replicas.end': {
    prepare: (store, tenant) => store.replicas.join(tenant, 'one', NOW),
    step: (store, tenant) => store.replicas.end(tenant, 'one'),
    answers: { undefined: 8 },
    afterwards: async (store, tenant) => expect((await store.replicas.list(tenant))[0]?.state).toBe('ended'),
  },
  'replicas.settle': {
    prepare: async (store, tenant) => [
      await store.replicas.join(tenant, 'one', NOW),
      await store.replicas.end(tenant, 'one'),
    ],
    step: (store, tenant) => store.replicas.settle(tenant, 'one', auditOf(tenant)),
    answers: { settled: 1, unknown: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'grants.revokeAll': {
    prepare: addKey,
    step: (store, tenant) => store.grants.revokeAll(tenant, 'operator', NOW, auditOf(tenant)),
    afterwards: async (store, tenant, answers) => {
      // Who comes second finds nothing that lives.
      expect(Object.values(answers).reduce((a, b) => a + b, 0)).toBe(8)
      expect(Object.keys(answers).filter((count) => count !== '0')).toHaveLength(1)
      expect((await store.grants.list(tenant, { liveAt: NOW }, FIRST_PAGE)).items).toEqual([])
    },
  },
  'signingKeys.addNext': {
    prepare: (store, tenant) => store.signingKeys.addFirst(signingKey(tenant, 'one', 'active'), []),
    step: (store, tenant, caller) =>
      store.signingKeys.addNext(signingKey(tenant, `next ${caller}`, 'next'), auditOf(tenant)),
    answers: { true: 1, false: 7 },
    afterwards: async (store, tenant) => {
      expect(await store.signingKeys.list(tenant, 'accessToken')).toHaveLength(2)
      expect([await recorded(store, tenant), await feedOf(store, tenant)]).toEqual([1, ['signingKeys', 'signingKeys']])
    },
  },
  'signingKeys.promote': {
    prepare: addSigningKeys,
    step: (store, tenant) =>
      store.signingKeys.promote(tenant, { active: 'one', next: 'two', at: NOW }, auditOf(tenant)),
    answers: { true: 1, false: 7 },
    afterwards: async (store, tenant) => {
      expect(await signingKeysOf(store, tenant)).toEqual(['one retiring', 'two active'])
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'signingKeys.makeDue': {
    prepare: addSigningKeys,
    step: (store, tenant, caller) => store.signingKeys.makeDue(tenant, 'two', NOW + caller, auditOf(tenant)),
    answers: { true: 8 },
    afterwards: async (store, tenant) => {
      const due = (await store.signingKeys.list(tenant, 'accessToken')).map(({ dueAt }) => dueAt)
      expect(due.filter((at) => at !== null)).toEqual([NOW])
    },
  },
  'signingKeys.withdraw': {
    prepare: addSigningKeys,
    step: (store, tenant, caller) =>
      store.signingKeys[caller % 2 === 0 ? 'promote' : 'withdraw'](
        tenant,
        { active: 'one', next: 'two', at: NOW },
        auditOf(tenant),
      ),
    answers: { true: 1, false: 7 },
    afterwards: async (store, tenant) => {
      const left = await signingKeysOf(store, tenant)
      expect(left.filter((key) => key.endsWith('active'))).toEqual(['two active'])
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'factors.enrolTotp': {
    step: (store, tenant, caller) =>
      store.factors.enrolTotp(
        tenant,
        SUBJECT,
        { sealed: `secret ${caller}`, lastStep: 7, createdAt: NOW },
        [`code ${caller}`],
        { mustBeFirst: true },
        auditOf(tenant),
      ),
    answers: { enrolled: 1, enrolledAlready: 7 },
    afterwards: async (store, tenant) => {
      expect((await store.factors.of(tenant, SUBJECT)).recoveryCodesLeft).toBe(1)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'factors.useTotp': {
    prepare: (store, tenant) =>
      store.factors.enrolTotp(
        tenant,
        SUBJECT,
        { sealed: 'secret', lastStep: 7, createdAt: NOW },
        [],
        { mustBeFirst: false },
        [],
      ),
    step: (store, tenant) => store.factors.useTotp(tenant, SUBJECT, 8),
    answers: { accepted: 1, used: 7 },
  },
  'factors.removeTotp': {
    prepare: (store, tenant) =>
      store.factors.enrolTotp(
        tenant,
        SUBJECT,
        { sealed: 'secret', lastStep: 7, createdAt: NOW },
        ['code'],
        { mustBeFirst: false },
        [],
      ),
    step: (store, tenant) => store.factors.removeTotp(tenant, SUBJECT, { keepsLast: false }, auditOf(tenant)),
    answers: { removed: 1, unknown: 7 },
    afterwards: async (store, tenant) => {
      expect((await store.factors.of(tenant, SUBJECT)).recoveryCodesLeft).toBe(0)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'factors.replaceRecoveryCodes': {
    step: async (store, tenant, caller) =>
      store.factors.replaceRecoveryCodes(tenant, SUBJECT, [`a ${caller}`, `b ${caller}`], NOW, auditOf(tenant)),
    answers: { undefined: 8 },
    afterwards: async (store, tenant) => expect((await store.factors.of(tenant, SUBJECT)).recoveryCodesLeft).toBe(2),
  },
  'factors.useRecoveryCode': {
    prepare: (store, tenant) => store.factors.replaceRecoveryCodes(tenant, SUBJECT, ['code'], NOW, []),
    step: (store, tenant) => store.factors.useRecoveryCode(tenant, SUBJECT, 'code', NOW, auditOf(tenant)),
    answers: { accepted: 1, unknown: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'factors.addPasskey': {
    step: (store, tenant, caller) =>
      store.factors.addPasskey(passkey(tenant, `key ${caller}`), { max: 3, mustBeFirst: false }, [], auditOf(tenant)),
    answers: { added: 3, full: 5 },
    afterwards: async (store, tenant) => {
      expect((await store.factors.of(tenant, SUBJECT)).passkeys).toHaveLength(3)
      expect(await recorded(store, tenant)).toBe(3)
    },
  },
  'factors.usePasskey': {
    prepare: (store, tenant) =>
      store.factors.addPasskey(passkey(tenant, 'key'), { max: 3, mustBeFirst: false }, [], []),
    step: (store, tenant, caller) =>
      store.factors.usePasskey(tenant, 'key', { counterSeen: 4, counter: 5 + caller, at: NOW }),
    answers: { accepted: 1, overtaken: 7 },
  },
  'factors.removePasskey': {
    prepare: (store, tenant) =>
      store.factors.addPasskey(passkey(tenant, 'key'), { max: 3, mustBeFirst: false }, ['code'], []),
    step: (store, tenant) => store.factors.removePasskey(tenant, SUBJECT, 'key', { keepsLast: false }, auditOf(tenant)),
    answers: { removed: 1, unknown: 7 },
    afterwards: async (store, tenant) => {
      expect((await store.factors.of(tenant, SUBJECT)).recoveryCodesLeft).toBe(0)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'factors.reset': {
    prepare: (store, tenant) =>
      store.factors.addPasskey(passkey(tenant, 'key'), { max: 3, mustBeFirst: false }, ['code'], []),
    step: (store, tenant) => store.factors.reset(tenant, SUBJECT, auditOf(tenant)),
    answers: { true: 1, false: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'providerLogins.begin': {
    step: (store, tenant, caller) => store.providerLogins.begin(providerLogin(tenant, `login ${caller}`)),
    answers: { begun: 8 },
  },
  'providerLogins.endElsewhere': {
    prepare: (store, tenant) => store.providerLogins.begin(providerLogin(tenant, 'login')),
    step: async (store, tenant) => {
      const whom = { provider: 'corp', issuer: 'https://idp.example', externalSubject: null, sid: 'sid' }
      const how = { reach: 'everything', cause: 'gone', mark: 'mark', markEndsAt: NOW + 300, now: NOW } as const
      return (await store.providerLogins.endElsewhere(tenant, whom, how, auditOf(tenant))).outcome
    },
    answers: { ended: 1, replayed: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'providerLogins.end': {
    prepare: (store, tenant) => store.providerLogins.begin(providerLogin(tenant, 'login')),
    step: (store, tenant) =>
      store.providerLogins.end(tenant, 'login', { reach: 'everything', cause: 'gone', now: NOW }, auditOf(tenant)),
    answers: { true: 1, false: 7 },
    afterwards: async (store, tenant) => expect(await recorded(store, tenant)).toBe(1),
  },
  'providerLogins.claimCheck': {
    prepare: (store, tenant) => store.providerLogins.begin(providerLogin(tenant, 'login')),
    step: async (store, tenant) => (await store.providerLogins.claimCheck(tenant, 'login', NOW, NOW + 30)) !== null,
    answers: { true: 1, false: 7 },
  },
  'providerLogins.confirm': {
    prepare: async (store, tenant) => [
      await store.providerLogins.begin(providerLogin(tenant, 'login')),
      await store.providerLogins.suspend(tenant, 'login', NOW, []),
    ],
    step: (store, tenant, caller) =>
      store.providerLogins.confirm(
        tenant,
        'login',
        { refreshToken: `sealed ${caller}`, checkedAt: NOW, checkDueAt: NOW + 60 },
        auditOf(tenant),
      ),
    answers: { true: 8 },
    afterwards: async (store, tenant) => expect(await store.providerLogins.isSuspended(tenant, SUBJECT)).toBe(false),
  },
  'providerLogins.suspend': {
    prepare: (store, tenant) => store.providerLogins.begin(providerLogin(tenant, 'login')),
    step: (store, tenant) => store.providerLogins.suspend(tenant, 'login', NOW, auditOf(tenant)),
    answers: { true: 1, false: 7 },
    afterwards: async (store, tenant) => {
      expect(await recorded(store, tenant)).toBe(1)
      expect(await feedOf(store, tenant)).toEqual(['membership'])
    },
  },
  'providerLogins.collect': {
    step: async (store) => typeof (await store.providerLogins.collect(NOW - 1_000_000, 10)),
    answers: { number: 8 },
  },
  'signingKeys.removeRetired': {
    prepare: async (store, tenant) => [
      await addSigningKeys(store, tenant),
      await store.signingKeys.promote(tenant, { active: 'one', next: 'two', at: NOW }, []),
    ],
    step: (store, tenant) => store.signingKeys.removeRetired(tenant, 'one', NOW, auditOf(tenant)),
    answers: { true: 1, false: 7 },
    afterwards: async (store, tenant) => expect(await signingKeysOf(store, tenant)).toEqual(['two active']),
  },
  'signingKeys.addFirst': {
    step: async (store, tenant, caller) => {
      const key = { purpose: 'cookie', algorithm: 'HS256', status: 'active', publicJwk: null, ...KEY_TIMES } as const
      const kept = await store.signingKeys.addFirst(
        { tenant, kid: `kid ${caller}`, sealed: new Uint8Array([caller]), ...key },
        auditOf(tenant),
      )
      return kept.length
    },
    answers: { 1: 8 },
    afterwards: async (store, tenant) => {
      expect(await store.signingKeys.list(tenant, 'cookie')).toHaveLength(1)
      expect(await recorded(store, tenant)).toBe(1)
    },
  },
  'usedProofs.use': {
    step: (store, tenant) => store.usedProofs.use(tenant, 'proof', NOW + 60),
    answers: { fresh: 1, used: 7 },
  },
  'usedProofs.collectExpired': {
    step: async (store) => typeof (await store.usedProofs.collectExpired(NOW - 1_000_000, 10)),
    answers: { number: 8 },
  },
}

export function tenantOf(race: string): TenantId {
  return asTenantId(race.toLowerCase().replaceAll(/[^a-z]+/g, '-'))
}

/** What these callers get, each in words: the answer, or the name of the error. */
export function run(race: Race, store: Store, tenant: TenantId, callers: readonly number[]): Promise<string[]> {
  return Promise.all(
    callers.map((caller) =>
      race
        .step(store, tenant, caller)
        .then(String, (cause: unknown) => (cause instanceof Error ? cause.name : 'unknown error')),
    ),
  )
}

export function count(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}
