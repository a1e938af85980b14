import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type AuthorizationServerUnderTest,
  authorizeUrl,
  CLIENT,
  OTHER_CLIENT,
  pkce,
  redeem,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { dpopKey } from '../support/dpop-key.ts'
import { type Answer, OAuthBrowser, postForm, send } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

const SECRET = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00'
const PREFIX = 'urn:ietf:params:oauth:request_uri:'

/** Pushed authorization requests (RFC 9126): used again, by others, beside other parameters, and asked for in bad ways. */
describe('pushed requests', () => {
  let server: AuthorizationServerUnderTest
  let verifier: string
  let fields: Record<string, string>
  beforeEach(async () => {
    server = await startAuthorizationServer()
    server.registry.add('confidential', { token_endpoint_auth_method: 'client_secret_post' }, { secret: SECRET })
    server.registry.add('careful', { require_pushed_authorization_requests: true })
    const pair = pkce()
    verifier = pair.verifier
    fields = Object.fromEntries(new URL(authorizeUrl(server.url, pair.challenge)).searchParams)
  })
  afterEach(() => server.close())

  const par = (sent: Record<string, string> | URLSearchParams, headers: Record<string, string> = {}) =>
    postForm(`${server.url}/oauth/par`, sent, headers)

  async function push(change: Record<string, string> = {}): Promise<string> {
    const answer = await par({ ...fields, ...change })
    expect(answer.status).toBe(201)
    const body = JSON.parse(answer.text) as { request_uri: string; expires_in: number }
    expect(body).toEqual({ request_uri: expect.stringContaining(PREFIX), expires_in: 60 })
    expect(answer.headers['cache-control']).toBe('no-store')
    return body.request_uri
  }

  const begin = (request_uri: string, more: Record<string, string> = {}) =>
    `${server.url}/oauth/authorize?${new URLSearchParams({ client_id: CLIENT, request_uri, ...more }).toString()}`

  it('give a code for what was pushed, whatever is written beside it', async () => {
    const evil = {
      redirect_uri: 'https://evil.example/',
      scope: 'files:write',
      state: 'evil',
      code_challenge: 'x'.repeat(43),
    }
    const end = await new OAuthBrowser(server.url).follow(begin(await push(), evil))
    if (!('left' in end)) throw new Error(`ended at ${end.at.href}: ${end.answer.text}`)
    expect(end.left.href.startsWith(REDIRECT)).toBe(true)
    expect(end.left.searchParams.get('state')).toBe('state-1')
    expect(server.shown.every(({ scopesRequested }) => scopesRequested.join() === 'files:read')).toBe(true)
    const { status, body } = await redeem(server, end.left.searchParams.get('code') ?? '', verifier)
    expect([status, body['scope']]).toEqual([200, 'files:read'])
  })

  it('begin once, also when two browsers come at the same moment', async () => {
    const uri = await push()
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(begin(uri))))
    const began = answers.filter(({ headers }) => headers.location?.startsWith('/login/') === true)
    expect(began).toHaveLength(1)
    for (const answer of answers.filter((one) => one !== began[0])) {
      expect(answer.status).toBe(400)
      expect(answer.headers.location).toBeUndefined()
    }
    const later = await send(begin(uri))
    expect([later.status, later.text.includes('This sign-in link is used up')]).toEqual([400, true])
    expect(server.events.some(({ reason }) => reason === 'pushedRequestUsedUp')).toBe(true)
  })

  it('belong to the client that pushed them', async () => {
    const answer = await send(begin(await push(), { client_id: OTHER_CLIENT }))
    expect([answer.status, answer.headers.location]).toEqual([400, undefined])
    const mixed = await par({ ...fields, client_id: 'confidential' })
    expect([mixed.status, JSON.parse(mixed.text)]).toMatchObject([401, { error: 'invalid_client' }])
  })

  it('are needed where a client says so', async () => {
    const refused = await send(authorizeUrl(server.url, pkce().challenge, { client_id: 'careful' }))
    expect(refused.headers.location).toContain('error=invalid_request')
    const end = await new OAuthBrowser(server.url).follow(
      begin(await push({ client_id: 'careful' }), { client_id: 'careful' }),
    )
    expect('left' in end && end.left.searchParams.has('code')).toBe(true)
  })

  it.each([
    ['made up', `${PREFIX}${'x'.repeat(43)}`],
    ['nothing', PREFIX],
    ['of a web server', 'https://evil.example/request'],
    ['of another scheme', 'file:///etc/passwd'],
    ['huge', `${PREFIX}${'x'.repeat(6_000)}`],
    ['spelled otherwise', `URN:IETF:params:oauth:request_uri:${'x'.repeat(43)}`],
  ])('a request_uri that is %s begins nothing', async (_, uri) => {
    const answer = await send(begin(uri))
    expect(answer.status).toBe(400)
    expect(answer.headers.location).toBeUndefined()
  })

  it('give the first proof of a key, and only that key redeems the code', async () => {
    const key = await dpopKey()
    const prove = (nonce?: string) =>
      key.proof({ htu: `${server.url}/oauth/par`, ...(nonce === undefined ? {} : { nonce }) })
    const asked = await par(fields, { dpop: await prove() })
    expect(JSON.parse(asked.text)).toMatchObject({ error: 'use_dpop_nonce' })
    const proof = await prove(String(asked.headers['dpop-nonce']))
    const pushed = await par(fields, { dpop: proof })
    expect(pushed.status).toBe(201)
    const again = await par(fields, { dpop: proof })
    expect([again.status, JSON.parse(again.text)]).toMatchObject([400, { error: expect.stringMatching(/^invalid_/) }])
    const { request_uri } = JSON.parse(pushed.text) as { request_uri: string }
    const end = await new OAuthBrowser(server.url).follow(begin(request_uri))
    if (!('left' in end)) throw new Error('no code')
    const { status, body } = await redeem(server, end.left.searchParams.get('code') ?? '', verifier)
    expect([status, body['error']]).toEqual([400, 'invalid_grant'])
  })

  const cases: [string, Record<string, string | null>, number, string][] = [
    ['no client', { client_id: null }, 400, 'invalid_request'],
    ['an unknown client', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['no PKCE', { code_challenge: null }, 400, 'invalid_request'],
    ['plain PKCE', { code_challenge_method: 'plain' }, 400, 'invalid_request'],
    ['no response type', { response_type: null }, 400, 'invalid_request'],
    ['an implicit response', { response_type: 'token' }, 400, 'unsupported_response_type'],
    ['another redirect', { redirect_uri: 'https://evil.example/' }, 400, 'invalid_request'],
    ['no redirect', { redirect_uri: null }, 400, 'invalid_request'],
    ['a foreign resource', { resource: 'https://evil.example/' }, 400, 'invalid_target'],
    ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 400, 'request_not_supported'],
    ['a request_uri', { request_uri: `${PREFIX}${'x'.repeat(43)}` }, 400, 'request_uri_not_supported'],
    ['another response mode', { response_mode: 'form_post' }, 400, 'unsupported_response_mode'],
    ['a scope that is none', { scope: 'files:read"' }, 201, ''],
  ]
  it.each(cases)('%s is answered in the words of the RFC', async (_, change, status, error) => {
    const sent = Object.entries({ ...fields, ...change }).filter((pair): pair is [string, string] => pair[1] !== null)
    const answer = await par(Object.fromEntries(sent))
    expect([answer.status, JSON.parse(answer.text).error ?? '']).toEqual([status, error])
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  it.each(['client_id', 'redirect_uri', 'scope', 'state', 'code_challenge', 'resource', 'response_type'])(
    '%s twice or oversized pushes nothing',
    async (name) => {
      const twice = new URLSearchParams(fields)
      twice.append(name, 'second')
      const refused: Answer[] = [await par(twice), await par({ ...fields, [name]: 'x'.repeat(70_000) })]
      for (const answer of refused) {
        expect([400, 413]).toContain(answer.status)
        expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' })
        expect(answer.headers['cache-control']).toBe('no-store')
      }
    },
  )

  it('in another form, or by another method, are refused', async () => {
    const json = await send(`${server.url}/oauth/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    })
    expect([json.status, JSON.parse(json.text)]).toMatchObject([415, { error: 'invalid_request' }])
    expect((await send(`${server.url}/oauth/par`)).status).toBe(405)
    expect((await par({ ...fields, client_id: 'confidential', client_secret: randomUUID() })).status).toBe(401)
  })
})
