/**
 * Every operation asked by every role. The table is written out here, not imported, so that a change of the real one is seen.
 * `all`: done for somebody else's thing; `own`: done for one's own thing, and another's looks as if it were not there; `none`: 403.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RawRequest } from '#control-plane/admin-api/operation.ts'
import { OPERATIONS } from '#control-plane/admin-api/operations.ts'
import { type OperationId, PERMISSIONS } from '#control-plane/admin-api/permissions.ts'
import { asClientId, asGrantId, DEFAULT_TENANT } from '#core/ids.ts'
import { ADMIN_ROLE_CLASS } from '#policy/admin-api.ts'
import {
  openTestAdminApi,
  REQUEST,
  raw,
  type SeededUser,
  seed,
  seedClientToken,
  seedKey,
  seedProviderTest,
  seedSigningKeys,
  type TestAdminApi,
  tokenCaller,
} from '../support/admin-api.ts'

const ROLES = ['operator', 'approver', 'auditor', 'user', null] as const
type Expected = 'all' | 'own' | 'none'

const MATRIX: Readonly<Record<OperationId, readonly [Expected, Expected, Expected, Expected, Expected]>> = {
  //                      operator approver auditor user    nobody
  'users.list': ['all', 'none', 'all', 'none', 'none'],
  'users.show': ['all', 'own', 'all', 'own', 'none'],
  'users.create': ['all', 'none', 'none', 'none', 'none'],
  'users.setRoles': ['all', 'none', 'none', 'none', 'none'],
  'users.disable': ['all', 'none', 'none', 'none', 'none'],
  'users.enable': ['all', 'none', 'none', 'none', 'none'],
  'users.setPassword': ['all', 'none', 'none', 'none', 'none'],
  'users.resetFactors': ['all', 'none', 'none', 'none', 'none'],
  'users.links': ['all', 'own', 'all', 'own', 'none'],
  'users.link': ['all', 'none', 'none', 'none', 'none'],
  'users.unlink': ['all', 'none', 'none', 'none', 'none'],
  'clients.list': ['all', 'all', 'all', 'none', 'none'],
  'clients.show': ['all', 'all', 'all', 'none', 'none'],
  'clients.approve': ['all', 'all', 'none', 'none', 'none'],
  'clients.remove': ['all', 'none', 'none', 'none', 'none'],
  'clientTokens.list': ['all', 'all', 'all', 'none', 'none'],
  'clientTokens.create': ['all', 'none', 'none', 'none', 'none'],
  'clientTokens.revoke': ['all', 'none', 'none', 'none', 'none'],
  'grants.list': ['all', 'own', 'all', 'own', 'none'],
  'grants.show': ['all', 'own', 'all', 'own', 'none'],
  'grants.revoke': ['all', 'own', 'own', 'own', 'none'],
  'grants.revokeMany': ['all', 'own', 'own', 'own', 'none'],
  'grants.revokeAll': ['all', 'none', 'none', 'none', 'none'],
  'tokens.revoke': ['all', 'none', 'none', 'none', 'none'],
  'keys.list': ['all', 'own', 'all', 'own', 'none'],
  'keys.show': ['all', 'own', 'all', 'own', 'none'],
  'keys.create': ['all', 'none', 'none', 'none', 'none'],
  'keys.rotate': ['all', 'none', 'none', 'none', 'none'],
  'keys.revoke': ['all', 'own', 'own', 'own', 'none'],
  'signingKeys.list': ['all', 'none', 'all', 'none', 'none'],
  'signingKeys.rotate': ['all', 'none', 'none', 'none', 'none'],
  'identityProviders.test': ['all', 'none', 'none', 'none', 'none'],
  'identityProviders.testResult': ['all', 'none', 'none', 'none', 'none'],
  'log.show': ['all', 'none', 'all', 'none', 'none'],
  'log.explain': ['all', 'none', 'all', 'none', 'none'],
  'log.verify': ['all', 'none', 'all', 'none', 'none'],
  'log.export': ['all', 'none', 'all', 'none', 'none'],
  'log.checkpoint': ['all', 'none', 'all', 'none', 'none'],
  'configuration.show': ['all', 'none', 'all', 'none', 'none'],
  'health.show': ['all', 'all', 'all', 'all', 'none'],
}

/** What `users.unlink` takes back. */
const seedLink = ({ username, subject }: SeededUser) =>
  world.store.accountLinks.link(
    {
      tenant: DEFAULT_TENANT,
      issuer: 'https://idp.example',
      externalSubject: `known-${username}`,
      subject,
      linkedAt: 1,
      linkedBy: 'operator',
    },
    { onlyFirst: false },
    [],
  )

const keyOf = (username: string) => `key_of-${username}`

/** A good request about this user's things. */
function request(id: OperationId, { username, subject, clientId, grantId }: SeededUser): Partial<RawRequest> {
  const user = { params: { user: username } }
  const client = { params: { client: clientId } }
  const requests: Readonly<Partial<Record<OperationId, Partial<RawRequest>>>> = {
    'users.show': user,
    'users.create': { body: { username: `${username}-2`, password: 'a long enough phrase' } },
    'users.setRoles': { ...user, body: { roles: ['auditor'] } },
    'users.disable': user,
    'users.enable': user,
    'users.resetFactors': user,
    'users.setPassword': { ...user, body: { password: 'a long enough phrase' } },
    'users.links': user,
    'users.link': { ...user, body: { issuer: 'https://idp.example', subject: `new-${username}` } },
    'users.unlink': { ...user, body: { issuer: 'https://idp.example', subject: `known-${username}` } },
    'clients.show': client,
    'clients.approve': client,
    'clients.remove': client,
    'clientTokens.create': { body: { name: 'fleet', expiresInSeconds: 3600 } },
    'clientTokens.revoke': { params: { token: `token-${username}` } },
    'grants.list': { query: { subject } },
    'grants.show': { params: { grant: grantId } },
    'grants.revoke': { params: { grant: grantId } },
    'grants.revokeMany': { body: { subject } },
    'grants.revokeAll': { body: { everybody: true } },
    'tokens.revoke': { params: { token: 'token-1' } },
    'keys.list': { query: { subject } },
    'keys.show': { params: { key: keyOf(username) } },
    'keys.create': {
      body: {
        user: username,
        name: 'laptop',
        servers: [{ server: 'files', scopes: ['files:read'] }],
        expiresInSeconds: 3600,
      },
    },
    'keys.rotate': { params: { key: keyOf(username) }, body: {} },
    'keys.revoke': { params: { key: keyOf(username) } },
    'signingKeys.rotate': { body: {} },
    'identityProviders.test': { params: { provider: 'github' } },
    'identityProviders.testResult': { params: { test: `test-of-${username}` } },
    'log.explain': { params: { request: 'request-1' } },
  }
  return requests[id] ?? {}
}

let world: TestAdminApi
let alice: SeededUser
let bob: SeededUser
let pairs = 0
beforeAll(async () => {
  world = await openTestAdminApi()
})
afterAll(() => world.close())
beforeEach(async () => {
  pairs += 1
  alice = await seed(world.store, `alice-${pairs}`)
  bob = await seed(world.store, `bob-${pairs}`)
  world.events.length = 0
})

describe.each(ROLES.map((role, column) => [role ?? 'nobody', role, column] as const))('%s', (_name, role, column) => {
  it.each(Object.keys(MATRIX) as OperationId[])('%s', async (id) => {
    const expected = MATRIX[id][column]
    const caller = tokenCaller(role, alice.subject)
    if (id.startsWith('keys.'))
      for (const user of [alice, bob]) expect(await seedKey(world.store, user)).toBe(keyOf(user.username))
    if (id === 'users.unlink') await seedLink(bob)
    if (id === 'clientTokens.revoke') await seedClientToken(world.store, bob)
    if (id === 'identityProviders.testResult') await seedProviderTest(world.store, `test-of-${bob.username}`)
    if (id === 'signingKeys.rotate') await seedSigningKeys(world.store)
    const anothers = await world.api.dispatch(id, raw(request(id, bob)), caller, REQUEST)
    if (expected === 'all') {
      expect(anothers).toMatchObject({ ok: true })
      return
    }
    expect(anothers).toMatchObject({ ok: false, refusal: { code: expected === 'own' ? 'notFound' : 'forbidden' } })
    // Nothing of the other's changed.
    const { accounts, apiKeys, clients, grants } = world.store
    expect(await accounts.find(DEFAULT_TENANT, bob.subject)).toMatchObject({ status: 'active', roles: ['user'] })
    expect(await grants.find(DEFAULT_TENANT, asGrantId(bob.grantId))).toMatchObject({ revokedAt: null })
    expect(await clients.find(DEFAULT_TENANT, asClientId(bob.clientId))).toMatchObject({ status: 'pending' })
    const key = await apiKeys.find(DEFAULT_TENANT, asClientId(keyOf(bob.username)))
    if (id.startsWith('keys.')) expect(key).toMatchObject({ revokedAt: null, rotations: 0 })
    if (expected === 'none') {
      expect(world.events).toMatchObject([{ activity: 'request.refused', reason: 'adminRoleForbids', method: id }])
      return
    }
    expect(world.events).toEqual([])
    expect(await world.api.dispatch(id, raw(request(id, alice)), caller, REQUEST)).toMatchObject({ ok: true })
  })
})

describe('the table', () => {
  it('names every operation, and every operation is in it', () => {
    const ids = OPERATIONS.map((operation) => operation.id).sort()
    expect(ids).toEqual(Object.keys(MATRIX).sort())
    expect(ids).toEqual(Object.keys(PERMISSIONS).sort())
  })

  it('gives a user of several roles the widest access', async () => {
    const caller = tokenCaller('user', alice.subject)
    const both = { ...caller, roles: new Set(['user', 'auditor'] as const) }
    expect(await world.api.dispatch('users.list', raw(), both, REQUEST)).toMatchObject({ ok: true })
  })

  it('with own access, a list without a filter holds only what is one’s own', async () => {
    const listed = await world.api.dispatch('grants.list', raw(), tokenCaller('user', alice.subject), REQUEST)
    expect(listed).toMatchObject({
      ok: true,
      value: {
        body: { items: [{ grantId: alice.grantId, username: alice.username, clientName: `Client ${alice.username}` }] },
      },
    })
    const byClient = await world.api.dispatch(
      'grants.revokeMany',
      raw({ body: { clientId: bob.clientId } }),
      tokenCaller('user', alice.subject),
      REQUEST,
    )
    expect(byClient).toMatchObject({ ok: false, refusal: { code: 'notFound' } })
  })
})

describe('the scopes of tokens', () => {
  it('api:write is for roles that change something, and never for the one that watches', () => {
    expect(ADMIN_ROLE_CLASS).toEqual({ operator: 'write', approver: 'write', auditor: 'read', user: 'write' })
    const changing = OPERATIONS.filter(({ changes }) => changes).map(({ id }) => id)
    for (const role of ['operator', 'approver', 'auditor', 'user'] as const) {
      const changesSomething = changing.some((id) => PERMISSIONS[id][role] !== 'none')
      if (ADMIN_ROLE_CLASS[role] === 'write') expect(changesSomething, role).toBe(true)
    }
  })

  it('what only reads is a GET, and nothing else is', () => {
    expect(OPERATIONS.filter(({ changes }) => !changes).map(({ id }) => id)).toEqual([
      'users.list',
      'users.show',
      'users.links',
      'clients.list',
      'clients.show',
      'clientTokens.list',
      'grants.list',
      'grants.show',
      'keys.list',
      'keys.show',
      'signingKeys.list',
      'identityProviders.testResult',
      'log.show',
      'log.explain',
      'log.verify',
      'log.export',
      'log.checkpoint',
      'configuration.show',
      'health.show',
    ])
  })
})
