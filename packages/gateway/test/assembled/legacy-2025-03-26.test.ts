import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import {
  authorizeClient,
  initialize,
  logInScripted,
  post,
  registerClient,
  requestToken,
} from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let upstream: ScriptedUpstream
let several: WholeGateway
let single: WholeGateway
let alice: Person
let bob: Person
let origin: string
let singleOrigin: string

const yaml = (ids: readonly string[]) => (port: number) =>
  [
    'version: 1',
    `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
    'servers:',
    ...ids.map((id) => `  ${id}: { http: { url: '${upstream.url}', network: loopback } }`),
    '',
  ].join('\n')

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  several = await startWholeGateway(yaml(['files', 'notes']))
  single = await startWholeGateway(yaml(['files']))
  origin = `http://127.0.0.1:${several.port}`
  singleOrigin = `http://127.0.0.1:${single.port}`
  alice = await several.addUser('alice')
  bob = await single.addUser('bob')
})
afterAll(async () => {
  await several.close()
  await single.close()
  await upstream.close()
})

/** 2025-03-26, authorization §Fallbacks for Servers without Metadata Discovery. */
const fallback = (base: string) => ({
  authorize: `${base}/authorize`,
  token: `${base}/token`,
  register: `${base}/register`,
})

async function callAsOldClient(base: string, server: string, token: string): Promise<unknown> {
  const url = `${base}/mcp/${server}`
  const opened = await initialize(fetch, url, token, '2025-03-26')
  expect(opened.status).toBe(200)
  expect(await opened.json()).toMatchObject({ result: { protocolVersion: '2025-03-26' } })
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' }
  await post(fetch, url, token, { jsonrpc: '2.0', method: 'notifications/initialized' }, session)
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'get_thing', arguments: {} } }
  const answer = await post(fetch, url, token, call, session)
  expect(answer.status).toBe(200)
  return answer.json()
}

describe('a client of 2025-03-26', () => {
  it('finds the endpoints in the metadata of the origin, whatever the path of its server', async () => {
    const challenge = await initialize(fetch, `${origin}/mcp/files`, null, '2025-03-26')
    expect(challenge.status).toBe(401)
    const metadata = await fetch(`${origin}/.well-known/oauth-authorization-server`, {
      headers: { 'mcp-protocol-version': '2025-03-26' },
    })
    const found = (await metadata.json()) as Record<string, string>
    const tokens = await logInScripted(
      fetch,
      {
        authorize: found['authorization_endpoint'] ?? '',
        token: found['token_endpoint'] ?? '',
        register: found['registration_endpoint'] ?? '',
      },
      alice,
      { scope: 'files:read' },
    )
    expect(await callAsOldClient(origin, 'files', tokens.access_token)).toMatchObject({ id: 1, result: {} })
  })

  it('without metadata, without a resource and without scopes gets the only server there is', async () => {
    const tokens = await logInScripted(fetch, fallback(singleOrigin), bob, {})
    expect(tokens.scope).toBe('files:read')
    expect(await callAsOldClient(singleOrigin, 'files', tokens.access_token)).toMatchObject({ id: 1, result: {} })
    const refreshed = await requestToken(fetch, `${singleOrigin}/token`, {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token ?? '',
      client_id: tokens.clientId,
    })
    expect(refreshed.status).toBe(200)
  })

  it('with several servers names one by its scopes, and its token opens that one alone', async () => {
    const tokens = await logInScripted(fetch, fallback(origin), alice, { scope: 'notes:read' })
    expect(await callAsOldClient(origin, 'notes', tokens.access_token)).toMatchObject({ id: 1, result: {} })
    const before = upstream.seen.length
    expect((await initialize(fetch, `${origin}/mcp/files`, tokens.access_token)).status).toBe(401)
    expect(upstream.seen).toHaveLength(before)
  })

  it('with several servers that names none is told what is missing, and gets no token for a guess', async () => {
    const clientId = await registerClient(fetch, `${origin}/register`)
    const { callback } = await authorizeClient(fetch, `${origin}/authorize`, clientId, alice, {})
    expect(callback.searchParams.get('error')).toBe('invalid_target')
    expect(callback.searchParams.get('error_description')).toContain('resource')
    expect(callback.searchParams.get('iss')).toBe(origin)
    expect(callback.searchParams.has('code')).toBe(false)
  })
})

describe('habits of OpenID Connect clients', () => {
  it.each([
    ['offline_access', { scope: 'files:read offline_access' }],
    ['prompt=consent', { scope: 'files:read', prompt: 'consent' }],
    ['both, with openid profile email', { scope: 'openid profile email offline_access files:read', prompt: 'consent' }],
    ['nonce, max_age, login_hint, display', { scope: 'files:read', nonce: 'n', login_hint: 'x', display: 'page' }],
  ])(
    '%s changes nothing: the token has the scope of the server, and a refresh token comes with it',
    async (_title, parameters) => {
      const tokens = await logInScripted(fetch, fallback(origin), alice, {
        resource: `${origin}/mcp/files`,
        ...parameters,
      } as Record<string, string>)
      expect(tokens.scope).toBe('files:read')
      expect(tokens.refresh_token).toBeTypeOf('string')
      expect(tokens).not.toHaveProperty('id_token')
      const refreshed = await requestToken(fetch, `${origin}/token`, {
        grant_type: 'refresh_token',
        refresh_token: tokens.refresh_token ?? '',
        client_id: tokens.clientId,
        scope: 'files:read offline_access',
      })
      expect(refreshed.status).toBe(200)
    },
  )
})
