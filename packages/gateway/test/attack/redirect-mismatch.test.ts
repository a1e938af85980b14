import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  pkce,
  redeem,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser, send } from '../support/oauth-browser.ts'

describe('a redirect to somewhere else', () => {
  let server: AuthorizationServerUnderTest
  beforeAll(async () => {
    server = await startAuthorizationServer()
    server.registry.add('native', { redirect_uris: ['http://127.0.0.1/callback', 'editor://callback'] })
  })
  beforeEach(() => {
    server.shown.length = 0
    server.events.length = 0
  })
  afterAll(async () => {
    await server.close()
  })

  it.each([
    'https://client.example/callback/',
    'https://client.example/callback?next=/x',
    'https://client.example/callbac',
    'https://client.example:8443/callback',
    'https://client.example/callback#x',
    'https://client.example@attacker.example/callback',
    'https://attacker.example/callback',
    'https://client.example/a/../callback',
    'https://CLIENT.example/callback',
    'javascript:alert(1)',
    '//attacker.example/callback',
    '/callback',
    'https://client.example/callback\u0000',
  ])('%s gets neither a code nor an error; the person gets a page', async (redirectUri) => {
    const answer = await send(authorizeUrl(server.url, pkce().challenge, { redirect_uri: redirectUri }))
    expect(answer.status).toBe(400)
    expect(answer.headers.location).toBeUndefined()
    expect(answer.headers['content-type']).toContain('text/html')
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
    expect(answer.text).not.toContain('attacker.example')
    expect(server.shown).toEqual([])
  })

  it('a missing redirect_uri is not filled in', async () => {
    const answer = await send(authorizeUrl(server.url, pkce().challenge, { redirect_uri: null }))
    expect(answer.status).toBe(400)
    expect(answer.headers.location).toBeUndefined()
  })

  it.each(['http://127.0.0.1:9/callback', 'http://127.0.0.1:61000/callback', 'editor://callback'])(
    'a native client gets its answer at %s (RFC 8252 §7.3)',
    async (redirectUri) => {
      const change = { client_id: 'native', redirect_uri: redirectUri }
      const { redirect } = await authorize(server, { change })
      expect(redirect.href.startsWith(redirectUri)).toBe(true)
    },
  )

  it.each(['http://127.0.0.1:9/other', 'http://localhost:9/callback', 'http://127.0.0.1:9@attacker.example/callback'])(
    'and not at %s',
    async (redirectUri) => {
      const change = { client_id: 'native', redirect_uri: redirectUri }
      const answer = await send(authorizeUrl(server.url, pkce().challenge, change))
      expect(answer.status).toBe(400)
      expect(answer.headers.location).toBeUndefined()
    },
  )

  it('the registry decides, not the engine: what it refuses is refused even if it was registered', async () => {
    server.registry.refusesRedirects = true
    const answer = await send(authorizeUrl(server.url, pkce().challenge))
    server.registry.refusesRedirects = false
    expect(answer.status).toBe(400)
    expect(answer.headers.location).toBeUndefined()
  })

  it('the token request must repeat the redirect URI of the authorization (RFC 6749 §4.1.3)', async () => {
    const { code, verifier } = await authorize(server, { browser: new OAuthBrowser(server.url) })
    const refused = await redeem(server, code, verifier, { redirect_uri: 'https://client.example/other' })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(server.events.filter(({ outcome }) => outcome === 'refused').map(({ reason }) => reason)).toEqual([
      'redirectMismatch',
    ])
  })
})
