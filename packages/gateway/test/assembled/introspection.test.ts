import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { type IssuedTokens, logInScripted } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/** Resource servers ask about tokens (RFC 7662), and so does everybody who would like to. */
const SECRET = 'f'.repeat(40)
const OTHER_SECRET = 'o'.repeat(40)
const CLIENT_SECRET = 'c'.repeat(40)

let upstream: ScriptedUpstream
let whole: WholeGateway
let person: Person
let tokens: IssuedTokens
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  const server = (id: string) => `  ${id}: { http: { url: '${upstream.url}', network: loopback } }`
  whole = await startWholeGateway(
    (port) =>
      [
        'version: 1',
        `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
        'introspection:',
        '  files-server: { servers: [files], secret: "${file:files.secret}" }',
        '  notes-server: { servers: [notes], secret: "${file:notes.secret}" }',
        'clients:',
        '  batch: { name: Batch, grantTypes: [client_credentials], authMethod: client_secret_basic, secret: "${file:batch.secret}", scopes: ["files:read"] }',
        'servers:',
        server('files'),
        server('notes'),
        '',
      ].join('\n'),
    { files: { 'files.secret': SECRET, 'notes.secret': OTHER_SECRET, 'batch.secret': CLIENT_SECRET } },
  )
  person = await whole.addUser('alice')
})
afterAll(async () => {
  await whole.close()
  await upstream.close()
})
beforeEach(async () => {
  tokens = await logIn()
})

const origin = () => `http://127.0.0.1:${whole.port}`
const endpoint = (name: string) => `${origin()}/oauth/${name}`
const logIn = () =>
  logInScripted(
    fetch,
    { authorize: endpoint('authorize'), token: endpoint('token'), register: endpoint('register') },
    person,
    { resource: `${origin()}/mcp/files`, scope: 'files:read' },
  )
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
const FILES = basic('files-server', SECRET)

async function ask(
  body: string | Record<string, string>,
  authorization: string | null = FILES,
  more: RequestInit = {},
) {
  const answer = await fetch(endpoint('introspect'), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(authorization === null ? {} : { authorization }),
    },
    body: typeof body === 'string' ? body : new URLSearchParams(body).toString(),
    ...more,
  })
  const text = await answer.text()
  expect(answer.headers.get('cache-control')).toBe('no-store')
  return { status: answer.status, body: JSON.parse(text) as Record<string, unknown>, headers: answer.headers }
}
const INACTIVE = { status: 200, body: { active: false } }

describe('a resource server', () => {
  it('is told what a token is good for at its server', async () => {
    const { access_token: token } = tokens
    const claims = decodeJwt(token)
    expect(await ask({ token })).toMatchObject({
      status: 200,
      body: {
        active: true,
        iss: origin(),
        aud: `${origin()}/mcp/files`,
        sub: claims.sub,
        client_id: tokens.clientId,
        scope: 'files:read',
        exp: claims.exp,
        jti: claims.jti,
        token_type: 'Bearer',
      },
    })
    const inBody = await ask(
      { token, client_id: 'files-server', client_secret: SECRET, token_type_hint: 'nonsense' },
      null,
    )
    expect(inBody.body['active']).toBe(true)
  })

  it('is told the same of an API key', async () => {
    const made = await whole.admin('POST', '/keys', {
      user: 'alice',
      name: 'laptop',
      servers: [{ server: 'files', scopes: ['files:read'] }],
      expiresInSeconds: 3600,
    })
    const { key } = JSON.parse(made.text) as { key: string }
    expect((await ask({ token: key })).body).toMatchObject({ active: true, scope: 'files:read' })
    expect(await ask({ token: key }, basic('notes-server', OTHER_SECRET))).toMatchObject(INACTIVE)
  })

  it.each<[string, (tokens: IssuedTokens) => string]>([
    ['a refresh token', ({ refresh_token: token = '' }) => token],
    ['a token that was changed', ({ access_token: token }) => `${token.slice(0, -4)}AAAA`],
    ['nonsense', () => 'nonsense'],
    ['a token longer than any', () => 'a'.repeat(10_000)],
  ])('is told nothing but that it is not active: %s', async (_what, make) => {
    const answer = await ask({ token: make(tokens) })
    expect([answer.status, answer.body]).toEqual([200, { active: false }])
  })

  it('is told nothing of a token for another server', async () => {
    const answer = await ask({ token: tokens.access_token }, basic('notes-server', OTHER_SECRET))
    expect([answer.status, answer.body]).toEqual([200, { active: false }])
  })

  it.each<[string, (tokens: IssuedTokens) => Promise<{ status: number }>]>([
    ['its grant', ({ access_token: token }) => whole.admin('DELETE', `/grants/${String(decodeJwt(token)['gid'])}`)],
    ['itself', ({ access_token: token }) => whole.admin('DELETE', `/tokens/${String(decodeJwt(token).jti)}`)],
    ['its client', ({ clientId }) => whole.admin('POST', '/grants/revoke', { clientId })],
    [
      'everybody’s access',
      async () => {
        const answer = await whole.admin('POST', '/grants/revoke-all', { everybody: true })
        return answer
      },
    ],
    [
      'its refresh token, by the client',
      ({ refresh_token: token = '', clientId }) =>
        fetch(endpoint('revoke'), { method: 'POST', body: new URLSearchParams({ token, client_id: clientId }) }),
    ],
    [
      'itself, by the client',
      ({ access_token: token, clientId }) =>
        fetch(endpoint('revoke'), { method: 'POST', body: new URLSearchParams({ token, client_id: clientId }) }),
    ],
  ])('hears of a token’s end at once: revoked is %s', async (_what, revoke) => {
    const { access_token: token } = tokens
    expect((await ask({ token })).body['active']).toBe(true)
    expect((await revoke(tokens)).status).toBe(200)
    expect((await ask({ token })).body).toEqual({ active: false })
  })

  it('hears of the end of an account at once', async () => {
    const { access_token: token } = tokens
    await whole.admin('POST', '/users/alice/disable')
    expect((await ask({ token })).body).toEqual({ active: false })
    await whole.admin('POST', '/users/alice/enable')
    expect((await ask({ token })).body).toEqual({ active: false })
  })
})

describe('everybody else', () => {
  it.each<[string, string | null, Record<string, string>]>([
    ['without a credential', null, {}],
    ['with a wrong secret', basic('files-server', `${SECRET.slice(1)}x`), {}],
    ['with another resource server’s secret', basic('files-server', OTHER_SECRET), {}],
    ['as nobody that there is', basic('nobody', SECRET), {}],
    ['with an empty secret', basic('nobody', ''), {}],
    ['with the credential of a client of users', basic('batch', CLIENT_SECRET), {}],
    ['with two credentials', FILES, { client_id: 'files-server', client_secret: SECRET }],
    ['with a token in place of a credential', 'Bearer token', {}],
    ['with a broken header', 'Basic !!!', {}],
  ])('%s: 401, and not a word about the token', async (_how, authorization, more) => {
    const answer = await ask({ token: tokens.access_token, ...more }, authorization)
    expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client'])
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
    expect(JSON.stringify(answer.body)).not.toContain(String(decodeJwt(tokens.access_token).sub))
  })

  it('is on record', async () => {
    await ask({ token: 'x' }, null)
    expect((await whole.log()).map(({ reason }) => reason)).toContain('introspectionRefused')
  })

  it.each<[string, number, () => ReturnType<typeof ask>]>([
    ['no token', 400, () => ask({})],
    ['an empty token', 400, () => ask({ token: '' })],
    ['two tokens', 400, () => ask('token=a&token=b')],
    [
      'JSON',
      415,
      () => ask('{"token":"a"}', FILES, { headers: { 'content-type': 'application/json', authorization: FILES } }),
    ],
    ['a form that is too large', 413, () => ask({ token: 'a'.repeat(70_000) })],
  ])('%s: %i', async (_what, status, send) => {
    const answer = await send()
    expect([answer.status, answer.body['error']]).toEqual([status, 'invalid_request'])
  })

  it('cannot ask by GET', async () => {
    const answer = await fetch(`${endpoint('introspect')}?token=x`, { headers: { authorization: FILES } })
    expect(answer.status).toBe(405)
  })
})

it('the metadata names the endpoint', async () => {
  const metadata = (await (await fetch(`${origin()}/.well-known/oauth-authorization-server`)).json()) as object
  expect(metadata).toMatchObject({
    introspection_endpoint: endpoint('introspect'),
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  })
})
