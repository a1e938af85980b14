import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  CLIENT,
  pkce,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

describe('mix-up: a client that talks to several authorization servers can tell whose answer it has (RFC 9207)', () => {
  let server: AuthorizationServerUnderTest
  let metadata: oauth.AuthorizationServer
  const client: oauth.Client = { client_id: CLIENT }
  const insecure = { [oauth.allowInsecureRequests]: true }

  beforeAll(async () => {
    server = await startAuthorizationServer()
    const issuer = new URL(server.url)
    const answer = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
    metadata = await oauth.processDiscoveryResponse(issuer, answer)
  })
  afterAll(async () => {
    await server.close()
  })

  it('a strict client completes discovery, code, refresh and revocation', async () => {
    expect(metadata.authorization_response_iss_parameter_supported).toBe(true)
    const { verifier, challenge } = pkce()
    const { redirect } = await authorize(server, { pkce: { verifier, challenge } })
    const parameters = oauth.validateAuthResponse(metadata, client, redirect, 'state-1')
    const auth = oauth.None()
    const answer = await oauth.authorizationCodeGrantRequest(
      metadata,
      client,
      auth,
      parameters,
      REDIRECT,
      verifier,
      insecure,
    )
    const tokens = await oauth.processAuthorizationCodeResponse(metadata, client, answer)
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 900, scope: 'files:read' })
    const again = await oauth.refreshTokenGrantRequest(metadata, client, auth, tokens.refresh_token ?? '', insecure)
    const refreshed = await oauth.processRefreshTokenResponse(metadata, client, again)
    const revoked = await oauth.revocationRequest(metadata, client, auth, refreshed.refresh_token ?? '', insecure)
    await oauth.processRevocationResponse(revoked)
    const dead = await oauth.refreshTokenGrantRequest(metadata, client, auth, refreshed.refresh_token ?? '', insecure)
    await expect(oauth.processRefreshTokenResponse(metadata, client, dead)).rejects.toMatchObject({
      error: 'invalid_grant',
    })
  })

  const refusals: readonly [string, Readonly<Record<string, string | null>>, string][] = [
    ['a missing challenge', { code_challenge: null, code_challenge_method: null }, 'invalid_request'],
    ['an unknown resource', { resource: 'https://attacker.example/' }, 'invalid_target'],
    ['a response type of our own making', { response_type: 'code2' }, 'unsupported_response_type'],
    ['a form_post response', { response_mode: 'form_post' }, 'unsupported_response_mode'],
    ['a fragment response', { response_mode: 'fragment' }, 'unsupported_response_mode'],
    ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
    ['a request uri', { request_uri: 'https://attacker.example/request' }, 'request_uri_not_supported'],
    ['silence where a person has to be asked', { prompt: 'none' }, 'login_required'],
    ['an unknown prompt', { prompt: 'magic' }, 'invalid_request'],
  ]
  it.each(refusals)('%s is answered with iss, state and a reason, never with a code', async (_, change, error) => {
    const end = await new OAuthBrowser(server.url).follow(authorizeUrl(server.url, pkce().challenge, change))
    if (!('left' in end)) throw new Error(`a page instead of a redirect: ${end.answer.text}`)
    expect(end.left.href.startsWith(`${REDIRECT}?`)).toBe(true)
    expect(end.left.hash).toBe('')
    expect(end.left.searchParams.get('error')).toBe(error)
    expect(end.left.searchParams.get('iss')).toBe(server.url)
    expect(end.left.searchParams.get('state')).toBe('state-1')
    expect(end.left.searchParams.get('error_description')).toMatch(/\(request [0-9a-f-]{36}\)$/)
    expect(end.left.searchParams.has('code')).toBe(false)
  })

  it.each(['token', 'id_token', 'code id_token'])(
    'response type %s is refused where its client looks, in the fragment',
    async (responseType) => {
      const url = authorizeUrl(server.url, pkce().challenge, { response_type: responseType })
      const end = await new OAuthBrowser(server.url).follow(url)
      if (!('left' in end)) throw new Error(`a page instead of a redirect: ${end.answer.text}`)
      const answer = new URLSearchParams(end.left.hash.slice(1))
      expect(answer.get('error')).toBe('unsupported_response_type')
      expect(answer.get('iss')).toBe(server.url)
      expect(answer.get('error_description')).toMatch(/\(request [0-9a-f-]{36}\)$/)
    },
  )

  it('denying consent is answered the same way', async () => {
    server.person = { deny: true }
    const { redirect } = await authorize(server)
    server.person = {}
    expect(redirect.searchParams.get('error')).toBe('access_denied')
    expect(redirect.searchParams.get('iss')).toBe(server.url)
    expect(redirect.searchParams.get('state')).toBe('state-1')
  })

  it.each(['consent', 'login', 'select_account', 'login consent'])('prompt=%s is understood', async (prompt) => {
    const { redirect } = await authorize(server, { change: { prompt, scope: 'files:read offline_access' } })
    expect(redirect.searchParams.has('code')).toBe(true)
  })

  it('OpenID Connect habits do no harm, and give no ID token', async () => {
    const change = { scope: 'openid profile email files:read', nonce: 'n', max_age: '1', login_hint: 'x', claims: '{}' }
    const { redirect } = await authorize(server, { change })
    expect(redirect.searchParams.has('code')).toBe(true)
    expect(server.shown.at(-1)?.scopesUnknown).toEqual(['openid', 'profile', 'email'])
  })
})
