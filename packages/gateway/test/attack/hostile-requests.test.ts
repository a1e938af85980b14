import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  CLIENT,
  pkce,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser, postForm, send } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

const FORM = 'application/x-www-form-urlencoded'

describe('requests that two readers could read differently, or that are too much to read', () => {
  let server: AuthorizationServerUnderTest
  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(async () => {
    await server.close()
  })

  it.each(['scope', 'state', 'code_challenge', 'code_challenge_method', 'response_type', 'prompt'])(
    'an authorization request that repeats %s is refused by redirect (RFC 6749 §3.1)',
    async (name) => {
      const url = `${authorizeUrl(server.url, pkce().challenge, { prompt: 'consent' })}&${name}=again`
      const end = await new OAuthBrowser(server.url).follow(url)
      expect('left' in end && end.left.searchParams.get('error')).toBe('invalid_request')
    },
  )

  it.each(['client_id', 'redirect_uri'])('one that repeats %s is refused on a page', async (name) => {
    const answer = await send(`${authorizeUrl(server.url, pkce().challenge)}&${name}=https%3A%2F%2Fattacker.example`)
    expect(answer.status).toBe(400)
    expect(answer.headers.location).toBeUndefined()
  })

  it.each(['grant_type', 'code', 'code_verifier', 'redirect_uri', 'client_id', 'resource'])(
    'a token request that repeats %s is refused, and redeems nothing',
    async (name) => {
      const { code, verifier } = await authorize(server)
      const fields = new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
        redirect_uri: REDIRECT,
        client_id: CLIENT,
        resource: server.resource('files'),
      })
      const twice = new URLSearchParams([...fields, [name, fields.get(name) ?? '']])
      const refused = await postForm(`${server.url}/oauth/token`, twice)
      expect(refused.status).toBe(400)
      expect(JSON.parse(refused.text)).toMatchObject({ error: 'invalid_request' })
      expect((await postForm(`${server.url}/oauth/token`, fields)).status).toBe(200)
    },
  )

  it.each(['/oauth/token', '/oauth/revoke', '/token'])(
    '%s refuses bodies that are too large or of another type',
    async (path) => {
      const post = (type: string, body: string) =>
        send(server.url + path, { method: 'POST', headers: { 'content-type': type }, body })
      expect((await post(FORM, `code=${'x'.repeat(70_000)}`)).status).toBe(413)
      expect((await post('application/json', '{"grant_type":"refresh_token"}')).status).toBe(415)
      expect((await post('multipart/form-data; boundary=x', '--x--')).status).toBe(415)
      expect((await post(FORM, 'grant_type=%ff')).status).toBeGreaterThanOrEqual(400)
      const unread = server.events.filter(({ reason }) => reason === 'malformedBody')
      expect(unread.slice(-4).map(({ outcome }) => outcome)).toEqual(['refused', 'refused', 'refused', 'refused'])
      const empty = await post(FORM, '')
      expect(empty.status).toBe(400)
      expect(JSON.parse(empty.text)).toMatchObject({ error: 'invalid_request' })
    },
  )

  it('registration refuses bodies that are too large, of another type, or not JSON; none reaches the registry', async () => {
    const post = (type: string, body: string) =>
      send(`${server.url}/oauth/register`, { method: 'POST', headers: { 'content-type': type }, body })
    expect((await post('application/json', JSON.stringify({ client_name: 'x'.repeat(70_000) }))).status).toBe(413)
    expect((await post(FORM, 'redirect_uris=x')).status).toBe(415)
    expect((await post('application/json', '{"redirect_uris":')).status).toBe(400)
    expect(server.registry.registrations).toEqual([])
    const accepted = await post('application/json; charset=utf-8', '{"redirect_uris":["https://a.example/"]}')
    expect(accepted.status).toBe(201)
    expect(accepted.headers['cache-control']).toBe('no-store')
    expect(server.registry.registrations).toEqual([{ redirect_uris: ['https://a.example/'] }])
    expect(
      (
        await send(`${server.url}/register`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{}',
        })
      ).status,
    ).toBe(201)
  })

  it.each([
    ['client_credentials', 'unauthorized_client'],
    ['urn:ietf:params:oauth:grant-type:device_code', 'unauthorized_client'],
    ['password', 'unsupported_grant_type'],
    ['implicit', 'unsupported_grant_type'],
    ['nonsense', 'unsupported_grant_type'],
  ])('grant type %s is none of this client: %s', async (grantType, error) => {
    const answer = await postForm(`${server.url}/oauth/token`, { grant_type: grantType, client_id: CLIENT })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({ error })
  })

  it.each(['/oauth/userinfo', '/me', '/request', '/session/end', '/session/end/confirm', '/auth', '/reg', '/jwks'])(
    'the engine has no endpoint of its own at %s',
    async (path) => {
      expect((await send(server.url + path)).status).toBe(404)
      expect((await postForm(server.url + path, {})).status).toBe(404)
    },
  )

  it('looking does not start an authorization', async () => {
    const answer = await send(authorizeUrl(server.url, pkce().challenge), { method: 'HEAD' })
    expect(answer.status).toBe(405)
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  it('no origin may read a token answer unless http/cors.ts says so', async () => {
    const answer = await postForm(
      `${server.url}/oauth/token`,
      { grant_type: 'x', client_id: CLIENT },
      { origin: 'https://attacker.example' },
    )
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
  })

  it('headers of features that are off change nothing', async () => {
    const { code, verifier } = await authorize(server)
    const answer = await postForm(
      `${server.url}/oauth/token`,
      { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT, client_id: CLIENT },
      { 'oauth-client-attestation': 'x', accept: 'text/html', 'x-forwarded-proto': 'https' },
    )
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ token_type: 'Bearer' })
    expect(answer.headers['cache-control']).toBe('no-store')
  })
})
