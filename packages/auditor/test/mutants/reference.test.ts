import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Reference, startReference } from './reference/start.ts'
import { authorizationUrl, type Flow, login, REDIRECT_URI, registerFlow } from './support/flow.ts'
import { callLegacy, callModern, initialize } from './support/mcp.ts'
import { Person } from './support/person.ts'
import { request } from './support/request.ts'

const READ = { name: 'read_note', arguments: { id: 1 } }
let reference: Reference
let flow: Flow

beforeAll(async () => {
  reference = await startReference()
  flow = await registerFlow(reference)
})
afterAll(async () => {
  await reference[Symbol.asyncDispose]()
})

const post = (path: string, fields: Record<string, string>, headers = {}) =>
  request(`${reference.issuer}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields).toString(),
  })
const ask = (change: Record<string, string | null>, fields: Record<string, string> = {}) => {
  const url = new URL(`${reference.issuer}/authorize`)
  const usual = {
    response_type: 'code',
    client_id: flow.client.client_id,
    redirect_uri: REDIRECT_URI,
    state: 's',
    scope: 'notes:read',
    resource: reference.url,
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries({ ...usual, ...change, ...fields }))
    if (value !== null) url.searchParams.set(name, value)
  return request(url.href)
}
const refresh = (token: string, more: Record<string, string> = {}) =>
  post('/token', { grant_type: 'refresh_token', refresh_token: token, client_id: flow.client.client_id, ...more })
const works = async (token: string, url = reference.url) =>
  (await callModern(url, 'tools/call', { token, params: READ })).status === 200

test.for([
  { name: 'as it is', options: {} },
  { name: 'over TLS', options: { isTls: true } },
  {
    name: 'with its authorization server on another port, under a path',
    options: { isSplit: true, issuerPath: '/as' },
  },
  { name: 'under a longer path', options: { mcpPath: '/teams/harbour/mcp' } },
])('a strict client reaches a tool through the whole flow: $name', async ({ options }) => {
  await using server = await startReference(options)
  const { authority } = server
  const refused = await callModern(server.url, 'tools/list', { authority })
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(String(refused.headers['www-authenticate']))?.[1] ?? ''
  expect(refused.status).toBe(401)
  expect(JSON.parse((await request(metadataUrl, { authority })).text)).toMatchObject({
    resource: server.url,
    authorization_servers: [server.issuer],
  })
  const tokens = await login(await registerFlow(server), new Person('alice', authority), server.url, 'notes:read')
  const called = await callModern(server.url, 'tools/call', { token: tokens.access_token, params: READ, authority })
  expect([called.status, JSON.parse(called.text)]).toMatchObject([200, { result: { resultType: 'complete' } }])
})

test('the other era: a session belongs to its user and is no token', async () => {
  const alice = await login(flow, new Person('alice'), reference.url, 'notes:read')
  const bob = await login(flow, new Person('bob'), reference.url, 'notes:read')
  const session = await initialize(reference.url, alice.access_token)
  const headers = { 'mcp-session-id': session }
  expect((await callLegacy(reference.url, 'tools/list', { token: alice.access_token, headers })).status).toBe(200)
  expect((await callLegacy(reference.url, 'tools/list', { token: bob.access_token, headers })).status).toBe(404)
  expect((await callLegacy(reference.url, 'tools/list', { headers })).status).toBe(401)
  expect((await callLegacy(reference.url, 'tools/list', { token: alice.access_token })).status).toBe(400)
})

test('a tool beyond the scopes is not listed, is refused before its arguments are read, and the challenge says what is needed', async () => {
  const { access_token: token } = await login(flow, new Person('alice'), reference.url, 'notes:read')
  const list = await callModern(reference.url, 'tools/list', { token })
  expect(JSON.parse(list.text).result.tools.map(({ name }: { name: string }) => name)).toEqual(['read_note'])
  const refused = await callModern(reference.url, 'tools/call', {
    token,
    params: { name: 'delete_note', arguments: { id: 'x' } },
  })
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([
    403,
    expect.stringContaining('scope="notes:delete"'),
  ])
  const headers = { 'mcp-name': 'read_note' }
  const mismatch = await callModern(reference.url, 'tools/call', { token, params: { name: 'delete_note' }, headers })
  expect([mismatch.status, JSON.parse(mismatch.text).error.code]).toEqual([400, -32020])
  const other = await callModern(reference.url, 'resources/read', { token, params: { uri: 'notes://bob/1' } })
  expect([other.status, other.text]).toEqual([400, expect.not.stringContaining('the note of')])
})

test('a token is for one resource, in one header line, unchanged', async () => {
  const { access_token: token } = await login(flow, new Person('alice'), reference.url, 'notes:read openid')
  expect(await works(token)).toBe(true)
  expect(await works(token, reference.secondUrl)).toBe(false)
  const [header = '', payload = '', signature = ''] = token.split('.')
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  const changed = `${payload.slice(0, 20)}${payload[20] === 'A' ? 'B' : 'A'}${payload.slice(21)}`
  for (const forged of [
    `${none}.${payload}.`,
    `${header}.${changed}.${signature}`,
    `${header}.${payload}.`,
    `${token}${'a'.repeat(9000)}`,
  ])
    expect((await callModern(reference.url, 'tools/list', { token: forged })).status).toBe(401)
  const twice = { authorization: [`Bearer ${token}`, 'Bearer other'] }
  expect((await callModern(reference.url, 'tools/list', { headers: twice })).status).toBe(401)
  expect((await callModern(`${reference.url}?access_token=${token}`, 'tools/list')).status).toBe(401)
  expect(
    (await callModern(reference.url, 'tools/list', { token, headers: { origin: 'https://evil.example' } })).status,
  ).toBe(403)
  expect((await callModern(reference.url, 'tools/list', { token, headers: { host: 'evil.example' } })).status).toBe(421)
})

test.for([
  ['no challenge', { code_challenge: null }, 'invalid_request'],
  ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['a short challenge', { code_challenge: 'short' }, 'invalid_request'],
  ['the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
  ['another resource', { resource: 'https://attacker.example' }, 'invalid_target'],
  ['no resource', { resource: null }, 'invalid_target'],
] as const)(
  'an authorization request with %s is answered with an error, state and issuer',
  async ([, change, error]) => {
    const { status, headers } = await ask(change)
    const answer = new URL(String(headers.location))
    expect([status, Object.fromEntries(answer.searchParams)]).toEqual([
      303,
      { error, state: 's', iss: reference.issuer },
    ])
  },
)

test.for([
  'http://127.0.0.1:61234/callback/more',
  'http://127.0.0.1:61234/callback?more=1',
  'http://127.0.0.1:61234/Callback',
  'http://127.0.0.1:61234/%63allback',
  'http://a@127.0.0.1:61234/callback',
  'http://127.0.0.1.attacker.example/callback',
  'https://127.0.0.1:61234/callback',
  'http://127.0.0.1:61234/callback#',
])('a redirect URI that was not registered gets a page and no redirect: %s', async (redirectUri) => {
  const { status, headers } = await ask({ redirect_uri: redirectUri })
  expect([status, headers.location]).toEqual([400, undefined])
})

test('another port of the loopback interface is the same client (RFC 8252 §7.3)', async () => {
  expect((await ask({ redirect_uri: 'http://127.0.0.1:1/callback' })).status).toBe(200)
})

test('a code works once, with its verifier; twice ends its tokens', async () => {
  const verifier = oauth.generateRandomCodeVerifier()
  const url = await authorizationUrl(flow, { resource: reference.url, scope: 'notes:read', state: 's', verifier })
  const code = (await new Person('alice').authorize(url.href)).searchParams.get('code') ?? ''
  const fields = {
    grant_type: 'authorization_code',
    code,
    client_id: flow.client.client_id,
    redirect_uri: REDIRECT_URI,
  }
  for (const wrong of [{}, { code_verifier: 'a'.repeat(43) }]) {
    const refused = await post('/token', { ...fields, ...wrong })
    expect([refused.status, JSON.parse(refused.text).error]).toEqual([400, 'invalid_grant'])
  }
  const first = await post('/token', { ...fields, code_verifier: verifier })
  const { access_token: token } = JSON.parse(first.text)
  expect([first.status, first.headers['cache-control'], await works(token)]).toEqual([200, 'no-store', true])
  expect((await post('/token', { ...fields, code_verifier: verifier })).status).toBe(400)
  expect(await works(token)).toBe(false)
})

test('a refresh token that is used twice ends its family, access tokens too', async () => {
  const first = await login(flow, new Person('alice'), reference.url, 'notes:read')
  const second = JSON.parse((await refresh(first.refresh_token ?? '')).text)
  expect(await works(second.access_token)).toBe(true)
  expect((await refresh(second.refresh_token, { scope: 'notes:read notes:delete' })).status).toBe(400)
  expect((await refresh(first.refresh_token ?? '')).status).toBe(400)
  expect([await works(second.access_token), (await refresh(second.refresh_token)).status]).toEqual([false, 400])
})

test('revocation ends a token at once, unknown tokens are fine, and introspection is for those who can prove who they are', async () => {
  const { access_token: token, refresh_token: other } = await login(
    flow,
    new Person('alice'),
    reference.url,
    'notes:read',
  )
  const { clientId, clientSecret } = reference.confidential
  const proof = { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` }
  const own = { client_id: flow.client.client_id }
  expect((await post('/introspect', { token, ...own })).status).toBe(401)
  expect(JSON.parse((await post('/introspect', { token }, proof)).text)).toMatchObject({ active: true, sub: 'alice' })
  expect((await post('/revoke', { token: 'unknown', ...own })).status).toBe(200)
  expect((await post('/revoke', { token, ...own })).status).toBe(200)
  expect(await works(token)).toBe(false)
  const next = JSON.parse((await refresh(other ?? '')).text)
  expect((await post('/revoke', { token: next.refresh_token, ...own })).status).toBe(200)
  expect([await works(next.access_token), (await refresh(next.refresh_token)).status]).toEqual([false, 400])
})

test('registration takes no address of a script, a stranger, a pattern or a fragment, and a client can be deleted', async () => {
  const register = (redirectUris: string[], more = {}) =>
    request(`${reference.issuer}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: redirectUris, ...more }),
    })
  for (const uri of [
    'javascript:alert(1)',
    'data:text/html,x',
    'http://app.example/cb',
    'https://*.example/cb',
    'https://a.example/#x',
  ])
    expect([(await register([uri])).status, uri]).toEqual([400, uri])
  expect((await register([])).status).toBe(400)
  expect((await register([REDIRECT_URI], { grant_types: ['client_credentials'] })).status).toBe(400)
  const made = JSON.parse((await register([REDIRECT_URI])).text)
  const authorization = `Bearer ${made.registration_access_token}`
  expect((await request(made.registration_client_uri)).status).toBe(401)
  expect((await request(made.registration_client_uri, { method: 'DELETE', headers: { authorization } })).status).toBe(
    204,
  )
  expect((await ask({ client_id: made.client_id })).status).toBe(400)
})

test('each client is consented to by itself, however well the browser is known', async () => {
  const alice = new Person('alice')
  await login(flow, alice, reference.url, 'notes:read')
  const second = await registerFlow(reference)
  const url = await authorizationUrl(second, {
    resource: reference.url,
    scope: 'notes:read',
    state: 's',
    verifier: 'v'.repeat(43),
  })
  const page = await alice.open(url.href)
  expect([page.status, page.text]).toEqual([200, expect.stringContaining('127.0.0.1:61234')])
})

test('many bad tokens are slowed down, and good ones are not', async () => {
  await using server = await startReference()
  const { access_token: token } = await login(await registerFlow(server), new Person('alice'), server.url, 'notes:read')
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => callModern(server.url, 'tools/list', { token: 'bad' })),
  )
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0)
  expect(await works(token, server.url)).toBe(true)
})
