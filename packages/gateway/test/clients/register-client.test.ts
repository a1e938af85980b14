import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { asClientId, asRequestId, DEFAULT_TENANT } from '#core/ids.ts'
import { StoreFailure } from '#store/errors.ts'
import {
  LOOPBACK_SNAPSHOT,
  openTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from '../support/client-registry.ts'

let opened: TestRegistry[] = []
afterEach(async () => {
  await Promise.all(opened.map((item) => item.close()))
  opened = []
})

async function open(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const registry = await openTestRegistry(options)
  opened.push(registry)
  return registry
}

const OPEN: TestRegistryOptions = { policy: { mode: 'open' }, snapshot: LOOPBACK_SNAPSHOT }

/** Registration bodies as real clients send them. */
const CLAUDE_CODE = {
  client_name: 'Claude Code (everything)',
  redirect_uris: ['http://localhost:3118/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  scope: 'everything:read openid profile',
}
const CURSOR = {
  client_name: 'Cursor',
  application_type: 'web',
  redirect_uris: [
    'https://www.cursor.com/agents/mcp/oauth/callback',
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'http://localhost:8787/callback',
    'unheardof://mcp/oauth/callback',
  ],
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
}

describe('a name that could be mistaken for a better known one', () => {
  test('is flagged where the operator decides: in the row, and counted in the record', async () => {
    const { registry, store, caller, records } = await open({ policy: { mode: 'approval' } })
    const redirects = { redirect_uris: ['https://evil.example/cb'] }
    const honest = await registry.register({ ...redirects, client_name: 'Honest Notes' }, caller)
    const fake = await registry.register({ ...redirects, client_name: 'CIaude Code' }, caller)
    const lookalikesOf = async ({ body }: typeof honest) =>
      (await store.clients.find(DEFAULT_TENANT, asClientId(String(body['client_id']))))?.lookalikes
    expect(await lookalikesOf(honest)).toEqual([])
    expect(await lookalikesOf(fake)).toContain('Claude Code')
    expect(JSON.stringify(await records())).toMatch(/"lookalikes":[1-9]/)
  })

  test('a client of the configuration is one of the better known', async () => {
    const clientId = asClientId('desk')
    const name = 'Acme Desk'
    const desk = { clientId, name, redirectUris: ['https://desk.example/cb'], grantTypes: [], scopes: [] } as const
    const { registry, store, caller } = await open({
      policy: { mode: 'approval' },
      snapshot: { clients: new Map([[clientId, { ...desk, authMethod: 'none', secret: null, keys: null }]]) },
    })
    const fake = await registry.register(
      { redirect_uris: ['https://evil.example/cb'], client_name: 'Acme Desk' },
      caller,
    )
    const row = await store.clients.find(DEFAULT_TENANT, asClientId(String(fake.body['client_id'])))
    expect(row?.lookalikes).toEqual(['Acme Desk'])
  })
})

describe('a registration that is accepted (RFC 7591 §3.2.1)', () => {
  test('answers 201 with everything as registered, the default method being client_secret_basic', async () => {
    const { registry, caller } = await open(OPEN)
    const answer = await registry.register(
      { redirect_uris: ['https://client.example/cb'], client_name: 'Notes' },
      caller,
    )
    expect(answer.status).toBe(201)
    expect(answer.headers?.['cache-control']).toBe('no-store')
    const { client_id: clientId, client_secret: secret, ...rest } = answer.body
    expect(clientId).toMatch(/^sp_[A-Za-z0-9_-]{32}$/)
    expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(rest).toEqual({
      client_id_issued_at: 1_790_000_000,
      client_secret_expires_at: 0,
      client_name: 'Notes',
      redirect_uris: ['https://client.example/cb'],
      application_type: 'web',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    })
  })

  test('a public client gets no secret; its scope is kept on record and not handed on', async () => {
    const { registry, store, caller } = await open(OPEN)
    const { status, body } = await registry.register(CLAUDE_CODE, caller)
    expect(status).toBe(201)
    expect(body).not.toHaveProperty('client_secret')
    expect(body).not.toHaveProperty('scope')
    expect(body['application_type']).toBe('native')
    const row = await store.clients.find(DEFAULT_TENANT, asClientId(String(body['client_id'])))
    expect(JSON.parse(row?.metadata ?? '{}').scope).toBe('everything:read openid profile')
    const resolved = await registry.resolve(asClientId(String(body['client_id'])), null)
    expect(resolved.kind === 'active' ? resolved.client.metadata : resolved).not.toHaveProperty('scope')
  })

  test('the secret is sealed in the store, and resolves to what was handed out', async () => {
    const { registry, store, caller } = await open(OPEN)
    const { body } = await registry.register(
      { ...CLAUDE_CODE, token_endpoint_auth_method: 'client_secret_post' },
      caller,
    )
    const clientId = asClientId(String(body['client_id']))
    const row = await store.clients.find(DEFAULT_TENANT, clientId)
    const secret = String(body['client_secret'])
    expect(row?.sealedSecret).not.toBeNull()
    expect(Buffer.from(row?.sealedSecret ?? []).includes(secret)).toBe(false)
    expect(row?.metadata).not.toContain(secret)
    const resolved = await registry.resolve(clientId, null)
    expect(resolved.kind === 'active' && resolved.client.secret?.reveal()).toBe(secret)
  })

  test('Cursor’s body, with the wrong application_type and a scheme nobody knows, becomes a native client without that scheme', async () => {
    const { registry, caller } = await open(OPEN)
    const { status, body } = await registry.register(CURSOR, caller)
    expect(status).toBe(201)
    expect(body['application_type']).toBe('native')
    expect(body['redirect_uris']).toEqual(CURSOR.redirect_uris.slice(0, 3))
  })

  test('extra grant and response types are left out, unknown members ignored, null counts as absent', async () => {
    const { registry, caller } = await open(OPEN)
    const { status, body } = await registry.register(
      {
        redirect_uris: ['https://client.example/cb'],
        grant_types: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'],
        response_types: ['code', 'token'],
        client_uri: null,
        logo_uri: '',
        tos_uri: 'http://localhost:3000/tos',
        software_statement: 'e30.e30.',
        client_id: 'chosen',
        client_secret: 'chosen',
        id_token_signed_response_alg: 'none',
      },
      caller,
    )
    expect(status).toBe(201)
    expect(body['grant_types']).toEqual(['authorization_code', 'refresh_token'])
    expect(body['response_types']).toEqual(['code'])
    expect(body['client_id']).not.toBe('chosen')
    expect(body['client_secret']).not.toBe('chosen')
    expect(body['client_name']).toBe('Unnamed client')
    for (const member of ['client_uri', 'logo_uri', 'tos_uri', 'software_statement', 'id_token_signed_response_alg'])
      expect(body).not.toHaveProperty(member)
  })

  test('what cannot be seen is taken out of a name', async () => {
    const { registry, caller } = await open(OPEN)
    const name = 'Cla\u200bu\u202ede\u0000 \n\u3164\ufeff\u00a0 Code\u{e0041}'
    const { body } = await registry.register({ ...CLAUDE_CODE, client_name: name }, caller)
    expect(body['client_name']).toBe('Claude Code')
  })

  test('is recorded once, in its own transaction, with name and address kept apart from the log', async () => {
    const { registry, records, caller } = await open(OPEN)
    const { body } = await registry.register(CLAUDE_CODE, caller)
    const written = await records()
    expect(written).toHaveLength(1)
    const text = JSON.stringify(written)
    expect(text).toContain('client.register')
    expect(text).toContain(String(body['client_id']))
    expect(text).toContain('request-1')
    for (const personal of ['Claude Code', caller.address, 'localhost:3118']) expect(text).not.toContain(personal)
  })
})

describe('modes', () => {
  test('approval: the client gets its id at once and is pending until the operator approves it', async () => {
    const { registry, store, clock, caller } = await open()
    const { status, body } = await registry.register(CLAUDE_CODE, caller)
    expect(status).toBe(201)
    const clientId = asClientId(String(body['client_id']))
    expect(await registry.resolve(clientId, null)).toEqual({ kind: 'pending', name: 'Claude Code (everything)' })
    await store.clients.approve(DEFAULT_TENANT, clientId, 'operator', clock.nowSeconds(), [])
    expect((await registry.resolve(clientId, null)).kind).toBe('active')
    await store.clients.remove(DEFAULT_TENANT, clientId, clock.nowSeconds(), [])
    expect(await registry.resolve(clientId, null)).toEqual({ kind: 'removed', cause: 'operator' })
  })

  test('closed: 403, nothing stored, one record', async () => {
    const { registry, store, records, caller } = await open({ policy: { mode: 'closed' } })
    const answer = await registry.register(CLAUDE_CODE, caller)
    expect(answer.status).toBe(403)
    expect(answer.body['error']).toBe('access_denied')
    expect((await store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items).toEqual([])
    expect(await records()).toHaveLength(1)
  })

  test('open means open only on loopback: elsewhere a client is pending whatever the configuration says', async () => {
    const { registry, caller } = await open({ policy: { mode: 'open' } })
    const { body } = await registry.register(CLAUDE_CODE, caller)
    expect((await registry.resolve(asClientId(String(body['client_id'])), null)).kind).toBe('pending')
  })

  test('a broken audit refuses the registration: nothing is stored', async () => {
    const { registry, store, audit, caller } = await open(OPEN)
    audit.entry = () => ({ ...sealedEntry, id: 'not unique' })
    await registry.register(CLAUDE_CODE, caller)
    await expect(registry.register(CLAUDE_CODE, caller)).rejects.toThrow(StoreFailure)
    expect((await store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items).toHaveLength(1)
  })
})

const sealedEntry = { tenant: DEFAULT_TENANT, timeMs: 1, requestId: asRequestId('r'), body: '{}', personal: null }

describe('what is refused, with a text that helps', () => {
  let t: TestRegistry
  let attempts = 0
  beforeAll(async () => {
    t = await openTestRegistry(OPEN)
  })
  afterAll(async () => {
    await t.close()
  })

  const good = { redirect_uris: ['https://client.example/cb'] }
  test.each<[string, unknown, string]>([
    ['not an object', 'text', 'invalid_client_metadata'],
    ['null', null, 'invalid_client_metadata'],
    ['a list', [good], 'invalid_client_metadata'],
    ['no redirect', {}, 'invalid_redirect_uri'],
    ['an empty list', { redirect_uris: [] }, 'invalid_redirect_uri'],
    ['a redirect that is not text', { redirect_uris: [1] }, 'invalid_redirect_uri'],
    [
      'too many redirects',
      { redirect_uris: Array.from({ length: 21 }, (_unused, i) => `https://a.example/${i}`) },
      'invalid_redirect_uri',
    ],
    ['only unknown schemes', { redirect_uris: ['unheardof://x'] }, 'invalid_redirect_uri'],
    ['no authorization_code', { ...good, grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
    ['refresh_token alone', { ...good, grant_types: ['refresh_token'] }, 'invalid_client_metadata'],
    ['implicit alone', { ...good, response_types: ['token'] }, 'invalid_client_metadata'],
    ['no response type', { ...good, response_types: [] }, 'invalid_client_metadata'],
    ['unknown method', { ...good, token_endpoint_auth_method: 'tls_client_auth' }, 'invalid_client_metadata'],
    [
      'private_key_jwt',
      { ...good, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://a.example/k' },
      'invalid_client_metadata',
    ],
    ['a long name', { ...good, client_name: 'x'.repeat(101) }, 'invalid_client_metadata'],
    ['a name that is not text', { ...good, client_name: { en: 'x' } }, 'invalid_client_metadata'],
    ['http jwks_uri', { ...good, jwks_uri: 'http://a.example/keys' }, 'invalid_client_metadata'],
    [
      'two key sources',
      { ...good, jwks_uri: 'https://a.example/k', jwks: { keys: [{ kty: 'EC' }] } },
      'invalid_client_metadata',
    ],
    ['a private key', { ...good, jwks: { keys: [{ kty: 'EC', d: 'x' }] } }, 'invalid_client_metadata'],
  ])('%s', async (_name, body, error) => {
    attempts += 1
    // An address of its own, so that no refusal shares another one's record.
    const caller = { address: `198.51.100.${attempts}`, requestId: asRequestId(`request-${attempts}`) }
    const answer = await t.registry.register(body, caller)
    expect(answer.status).toBe(400)
    expect(answer.body['error']).toBe(error)
    expect(String(answer.body['error_description'])).toMatch(/\.$/)
    expect((await t.store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items).toEqual([])
    expect(await t.store.audit.byRequest(DEFAULT_TENANT, caller.requestId)).toHaveLength(1)
  })
})
