import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  CLIENT,
  OTHER_CLIENT,
  pkce,
  redeem,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser, postForm, send } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

const VALUES = [
  '',
  ' ',
  '\u0000',
  '\r\nLocation: https://evil.example',
  '\u202e\u2066',
  '\ud800',
  '[object Object]',
  '__proto__',
  'constructor',
  '<script>alert(1)</script>',
  "'; drop table grants; --",
  'x'.repeat(4_000),
  '%00%0d%0a',
  '{"a":1}',
]
const AUTHORIZE = ['response_type', 'response_mode', 'client_id', 'redirect_uri', 'scope', 'state', 'code_challenge']
const AUTHORIZE_MORE = ['code_challenge_method', 'resource', 'prompt', 'request', 'request_uri', 'registration']
const TOKEN = ['grant_type', 'code', 'redirect_uri', 'code_verifier', 'scope', 'resource', 'client_id', 'client_secret']
const TOKEN_MORE = ['client_assertion', 'client_assertion_type', 'refresh_token']

/** The attacker writes parameters that two readers understand in two ways. A bug of ours would be a 500, which fails the test at its end. */
describe('parameters nobody sends by accident', () => {
  let server: AuthorizationServerUnderTest
  beforeEach(async () => {
    server = await startAuthorizationServer()
  })
  afterEach(() => server.close())

  it.each([...AUTHORIZE, ...AUTHORIZE_MORE])('%s with hostile values is refused or harmless', async (name) => {
    for (const value of VALUES) {
      const answer = await send(authorizeUrl(server.url, pkce().challenge, { [name]: value }))
      expect([303, 400]).toContain(answer.status)
      expect(answer.text).not.toContain('<script>')
      const { location } = answer.headers
      if (location !== undefined && !location.startsWith('/login/'))
        expect(new URL(location).origin).toBe(new URL(REDIRECT).origin)
    }
  })

  it.each([...AUTHORIZE, ...AUTHORIZE_MORE])('%s twice starts nothing', async (name) => {
    const url = new URL(authorizeUrl(server.url, pkce().challenge))
    for (const value of [url.searchParams.get(name) ?? 'a', 'b']) url.searchParams.append(name, value)
    const answer = await send(url.href)
    expect([303, 400]).toContain(answer.status)
    expect(answer.headers.location ?? '').not.toContain('/login/')
  })

  it('another spelling of a name is another name', async () => {
    const url = new URL(authorizeUrl(server.url, pkce().challenge))
    for (const name of ['Redirect_uri', 'redirect_uri[]', 'redirect_uri[0]', 'redirect_uri%00', 'redirect%5Furi '])
      url.searchParams.append(name, 'https://evil.example/')
    const end = await new OAuthBrowser(server.url).follow(url.href)
    if (!('left' in end)) throw new Error(`ended at ${end.at.href}`)
    expect(end.left.href.startsWith(`${REDIRECT}?`)).toBe(true)
    expect(server.shown.every(({ redirectUri }) => redirectUri === REDIRECT)).toBe(true)
  })

  it.each([...TOKEN, ...TOKEN_MORE])('%s with hostile values gets no token', async (name) => {
    const { code, verifier } = await authorize(server)
    const fields = {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: REDIRECT,
      client_id: CLIENT,
    }
    for (const value of VALUES) {
      const answer = await postForm(`${server.url}/oauth/token`, { ...fields, code: `no-${code}`, [name]: value })
      expect([400, 401]).toContain(answer.status)
      expect(answer.text).not.toMatch(/access_token|<script>/)
      expect(JSON.parse(answer.text)).toHaveProperty('error')
    }
    const twice = new URLSearchParams(fields)
    twice.append(name, 'second')
    twice.append(name, 'third')
    const refused = await postForm(`${server.url}/oauth/token`, twice)
    expect([400, 401]).toContain(refused.status)
    // Nothing of it used the code up.
    expect((await redeem(server, code, verifier)).status).toBe(200)
  })

  it('a parameter without a value was left out (RFC 6749 §3.1, §3.2)', async () => {
    const { challenge } = pkce()
    const empty = { response_mode: '', resource: '', prompt: '', request: '', request_uri: '' }
    const started = await send(authorizeUrl(server.url, challenge, empty))
    expect(started.headers.location).toMatch(/^\/login\//)
    const nothing = await send(authorizeUrl(server.url, challenge, { code_challenge: '' }))
    expect(nothing.headers.location).toContain('error=invalid_request')
    const { code, verifier } = await authorize(server)
    const nothingMore = { resource: '', scope: '', client_secret: '', client_assertion: '' }
    expect((await redeem(server, code, '', nothingMore)).status).toBe(400)
    expect((await redeem(server, code, verifier, nothingMore)).status).toBe(200)
  })

  it.each([
    ['two Authorization headers', { authorization: [`Basic ${btoa('a:b')}`, `Basic ${btoa('c:d')}`] }, 400],
    ['a compressed body', { 'content-encoding': 'gzip' }, 415],
    ['a wrapped body', { 'transfer-encoding': 'gzip, chunked' }, 415],
  ])('a code with %s gets no token, and is not used up', async (_, headers, status) => {
    const { code, verifier } = await authorize(server)
    const fields = { grant_type: 'authorization_code', code, code_verifier: verifier }
    const all = { ...fields, redirect_uri: REDIRECT, client_id: CLIENT }
    const answer = await postForm(`${server.url}/oauth/token`, all, headers)
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([status, { error: 'invalid_request' }])
    expect(JSON.parse(answer.text).error_description).toMatch(/more than once|compressed/)
    expect((await postForm(`${server.url}/oauth/token`, all)).status).toBe(200)
  })

  it.each([
    [
      'a name twice',
      '{"client_name":"a","redirect_uris":["http://127.0.0.1/a"],"redirect_uris":["http://127.0.0.1/b"]}',
    ],
    [
      'a name twice, once escaped',
      '{"redirect_uris":["http://127.0.0.1/a"],"redirect\\u005furis":["http://127.0.0.1/b"]}',
    ],
    ['a byte order mark', '\ufeff{"redirect_uris":["http://127.0.0.1/a"]}'],
    ['half a character', '{"client_name":"\\ud800","redirect_uris":["http://127.0.0.1/a"]}'],
    ['more depth than metadata has', `{"redirect_uris":["http://127.0.0.1/a"],"x":${'['.repeat(40)}${']'.repeat(40)}}`],
  ])('client metadata with %s is not registered', async (_, body) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await send(`${server.url}/oauth/register`, { method: 'POST', headers, body })
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([400, { error: 'invalid_client_metadata' }])
  })

  it.each([
    ['another client', { client_id: OTHER_CLIENT }],
    ['another redirect', { redirect_uri: `${REDIRECT}/` }],
    ['no redirect', { redirect_uri: '' }],
    ['another resource', { resource: 'memory' }],
    ['a resource with a query', { resource: 'files?x=1' }],
  ])('a code with %s gets no token', async (_, change) => {
    const { code, verifier } = await authorize(server)
    const resource = 'resource' in change ? { resource: `${server.url}/mcp/${change.resource}` } : change
    const answer = await redeem(server, code, verifier, resource as Record<string, string>)
    expect(answer.status).toBe(400)
    expect(answer.body).not.toHaveProperty('access_token')
  })
})
