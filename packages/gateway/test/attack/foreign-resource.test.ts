import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  CLIENT,
  pkce,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser, send } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

describe('a token for a server that the person was not asked about (RFC 8707)', () => {
  let server: AuthorizationServerUnderTest
  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  beforeEach(() => {
    server.shown.length = 0
    server.events.length = 0
  })
  afterAll(async () => {
    await server.close()
  })

  it('is not issued for a code, and the code is not used up', async () => {
    const { code, verifier } = await authorize(server)
    const refused = await redeem(server, code, verifier, { resource: server.resource('memory') })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
    const issued = await redeem(server, code, verifier, { resource: server.resource('files') })
    expect(decodeJwt(String(issued.body['access_token'])).aud).toBe(server.resource('files'))
  })

  it('is not issued for a refresh token', async () => {
    const { code, verifier } = await authorize(server)
    const { body } = await redeem(server, code, verifier)
    const refused = await refresh(server, String(body['refresh_token']), { resource: server.resource('memory') })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })

  it.each(['https://attacker.example/mcp/files', 'urn:something', 'not a uri', '/mcp/files'])(
    'an authorization for %s is refused with invalid_target',
    async (resource) => {
      const end = await new OAuthBrowser(server.url).follow(authorizeUrl(server.url, pkce().challenge, { resource }))
      expect('left' in end && end.left.searchParams.get('error')).toBe('invalid_target')
      expect(server.shown).toEqual([])
    },
  )

  it('an unknown server on our own origin is refused, and so are query and fragment', async () => {
    for (const suffix of ['nobody', 'files?x=1', 'files#x', 'files/tools']) {
      const resource = `${server.url}/mcp/${suffix}`
      const end = await new OAuthBrowser(server.url).follow(authorizeUrl(server.url, pkce().challenge, { resource }))
      expect('left' in end && end.left.searchParams.get('error')).toBe('invalid_target')
    }
  })

  it('two resources in one request are refused: a token works at one server', async () => {
    const url = `${authorizeUrl(server.url, pkce().challenge)}&resource=${encodeURIComponent(server.resource('memory'))}`
    const end = await new OAuthBrowser(server.url).follow(url)
    expect('left' in end && end.left.searchParams.get('error')).toBe('invalid_target')
  })

  it.each([
    ['a trailing slash', (resource: string) => `${resource}/`],
    ['upper case', (resource: string) => resource.toUpperCase().replace('HTTP', 'http')],
  ])('a resource with %s is ours, and the token carries our spelling', async (_, spell) => {
    const { code, verifier } = await authorize(server, { change: { resource: spell(server.resource('files')) } })
    const issued = await redeem(server, code, verifier, { resource: spell(server.resource('files')) })
    expect(decodeJwt(String(issued.body['access_token'])).aud).toBe(server.resource('files'))
  })

  it('without resource, scopes that name one server choose it', async () => {
    const { code, verifier } = await authorize(server, { change: { resource: null, scope: 'memory:read' } })
    const issued = await redeem(server, code, verifier)
    expect(decodeJwt(String(issued.body['access_token'])).aud).toBe(server.resource('memory'))
  })

  it.each([[null], ['openid profile'], ['files:read memory:read']])(
    'without resource, and scope %s, nobody guesses: invalid_target, with words that help',
    async (scope) => {
      const url = authorizeUrl(server.url, pkce().challenge, { resource: null, scope })
      const end = await new OAuthBrowser(server.url).follow(url)
      expect('left' in end && end.left.searchParams.get('error')).toBe('invalid_target')
      expect('left' in end && end.left.searchParams.get('error_description')).toContain('resource parameter')
    },
  )

  it('two authorizations of one client in one browser are two grants (ADR 0004)', async () => {
    const browser = new OAuthBrowser(server.url)
    const files = await authorize(server, { browser })
    const memory = await authorize(server, {
      browser,
      change: { resource: server.resource('memory'), scope: 'memory:read' },
    })
    const [one, two] = await Promise.all([
      redeem(server, files.code, files.verifier),
      redeem(server, memory.code, memory.verifier),
    ])
    const claims = [one, two].map(({ body }) => decodeJwt(String(body['access_token'])))
    expect(claims.map(({ aud }) => aud)).toEqual([server.resource('files'), server.resource('memory')])
    expect(new Set(claims.map(({ gid }) => gid)).size).toBe(2)
    expect(server.shown.map(({ prompt }) => prompt)).toEqual(['login', 'consent', 'consent'])
  })

  it('a 2025-03-26 client that knows only /authorize and /token reaches the only server there is', async () => {
    const single = await startAuthorizationServer({ servers: ['files'] })
    const { verifier, challenge } = pkce()
    const url = authorizeUrl(single.url, challenge, { resource: null, scope: null }).replace('/oauth/', '/')
    const end = await new OAuthBrowser(single.url).follow(url)
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code: ('left' in end && end.left.searchParams.get('code')) || '',
      code_verifier: verifier,
      redirect_uri: REDIRECT,
      client_id: CLIENT,
    })
    const issued = await send(`${single.url}/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: body.toString(),
    })
    await single.close()
    expect(JSON.parse(issued.text)).toMatchObject({ scope: 'files:read', token_type: 'Bearer' })
  })
})
