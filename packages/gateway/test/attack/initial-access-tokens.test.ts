import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forgeKeyText } from '../support/forge-key-text.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/**
 * An initial access token (RFC 7591 §1.2) lets a client in without approval. The attacker guesses, reuses, outlives or misplaces one:
 * expected is 401 (RFC 6750), nothing registered, and a record without the token.
 */
let upstream: ScriptedUpstream
let world: WholeGateway
let origin: string
const yaml = (mode: string) => (port: number) =>
  [
    'version: 1',
    `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
    `registration: { mode: ${mode}, perAddressPerHour: 10000, perHour: 10000 }`,
    `servers: { files: { http: { url: '${upstream.url}', network: loopback } } }`,
    '',
  ].join('\n')

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  world = await startWholeGateway(yaml('statement'))
  origin = `http://127.0.0.1:${world.port}`
})
afterAll(async () => {
  await world.close()
  await upstream.close()
})

const BODY = { client_name: 'Fleet', redirect_uris: ['http://127.0.0.1/cb'], token_endpoint_auth_method: 'none' }

async function register(authorization: string | null, body: unknown = BODY, path = '/oauth/register') {
  const response = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization === null ? {} : { authorization }) },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, string> }
}

async function makeToken(options: { usesMax?: number; expiresInSeconds?: number } = {}) {
  const answer = await world.admin('POST', '/client-tokens', { name: 'fleet', expiresInSeconds: 3600, ...options })
  expect(answer.status).toBe(201)
  return JSON.parse(answer.text) as { token: string; tokenId: string }
}

const clients = async () =>
  (JSON.parse((await world.admin('GET', '/clients?limit=200')).text) as { items: Record<string, unknown>[] }).items

async function expectRefused(authorization: string, path = '/oauth/register'): Promise<void> {
  const before = (await clients()).length
  const answer = await register(authorization, BODY, path)
  expect([answer.status, answer.body['error'], answer.headers.get('cache-control')]).toEqual([
    401,
    'invalid_token',
    'no-store',
  ])
  expect(answer.headers.get('www-authenticate')).toBe(
    `Bearer realm="${origin}/oauth/register", error="invalid_token", error_description="The initial access token is not valid, used up or expired"`,
  )
  expect(await clients()).toHaveLength(before)
  expect((await world.exportLog()).includes(authorization.slice(-30))).toBe(false)
}

describe('an initial access token', () => {
  it('lets its clients in at once, so many and no more, and says so', async () => {
    const { token, tokenId } = await makeToken({ usesMax: 2 })
    expect(token).toMatch(/^spi_[0-9A-Za-z]{17}_[0-9A-Za-z]{49}$/)
    for (const scheme of ['Bearer', 'bearer']) {
      const answer = await register(`${scheme} ${token}`)
      expect(answer.status).toBe(201)
      const shown = (await clients()).find(({ clientId }) => clientId === answer.body['client_id'])
      expect(shown).toMatchObject({ status: 'active', admittedBy: `token:${tokenId}`, approvedBy: null })
    }
    await expectRefused(`Bearer ${token}`)
    expect((await world.log('&activity=client.register')).map(({ reason }) => reason)).toContain(
      'initialAccessTokenInvalid: usedUp',
    )
  })

  it('good for three, shown by twenty at once, lets three in', async () => {
    const { token } = await makeToken({ usesMax: 3 })
    const before = (await clients()).length
    const answers = await Promise.all(Array.from({ length: 20 }, () => register(`Bearer ${token}`)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(17)
    expect(await clients()).toHaveLength(before + 3)
  })

  it('is not used up by a registration that is refused', async () => {
    const { token } = await makeToken()
    const refused = await register(`Bearer ${token}`, { ...BODY, redirect_uris: ['javascript:alert(1)'] })
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_redirect_uri'])
    expect((await register(`Bearer ${token}`)).status).toBe(201)
  })

  it('that was revoked lets nobody in', async () => {
    const { token, tokenId } = await makeToken({ usesMax: 5 })
    expect((await register(`Bearer ${token}`)).status).toBe(201)
    expect((await world.admin('DELETE', `/client-tokens/${tokenId}`)).status).toBe(200)
    await expectRefused(`Bearer ${token}`)
    expect((await world.admin('DELETE', `/client-tokens/${tokenId}`)).status).toBe(409)
  })

  it('that is guessed, changed, cut, doubled, of another kind or in another scheme is refused, and never ignored', async () => {
    const { token } = await makeToken({ usesMax: 9 })
    const { token: another } = await makeToken()
    const mixed = another.slice(0, 21) + token.slice(21)
    for (const bad of [
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}x`,
      `Bearer ${token.toLowerCase()}`,
      `Bearer ${mixed}`,
      `Bearer ${token} ${token}`,
      `Bearer ${token.replace('spi_', 'spk_')}`,
      'Bearer eyJhbGciOiJub25lIn0.e30.AAAA',
      'Bearer',
      `Basic ${btoa(`x:${token}`)}`,
      `Token ${token}`,
      token,
    ])
      await expectRefused(bad)
    // Also where nobody asks for one.
    await world.reconfigure(yaml('open')(world.port))
    await expectRefused(`Bearer ${token}x`)
    expect((await register(null)).status).toBe(201)
    await world.reconfigure(yaml('statement')(world.port))
    expect((await register(`Bearer ${token}`)).status).toBe(201)
  })

  it('with a known id and another secret is refused as unknown', async () => {
    const { tokenId } = await makeToken()
    await expectRefused(`Bearer ${forgeKeyText(tokenId, 'spi_')}`)
    const [last] = await world.log('&activity=client.register')
    expect(last?.reason).toBe('initialAccessTokenInvalid: unknown')
  })

  it('in the address or in the body is no token', async () => {
    const { token } = await makeToken()
    const inQuery = await register(null, BODY, `/oauth/register?access_token=${token}`)
    const inBody = await register(null, { ...BODY, initial_access_token: token, access_token: token })
    expect([inQuery.status, inBody.status]).toEqual([400, 400])
    expect(inBody.body['error']).toBe('invalid_software_statement')
  })

  it('opens no door: not of a server, not of the admin API, nor the token endpoint', async () => {
    const { token } = await makeToken()
    for (const path of ['/mcp/files', '/api/v1/users']) {
      const answer = await fetch(`${origin}${path}`, {
        method: path === '/mcp/files' ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${token}`, accept: 'application/json, text/event-stream' },
      })
      expect(answer.status).toBe(401)
    }
  })

  it('lets nobody in where registration is closed', async () => {
    const { token } = await makeToken()
    await world.reconfigure(yaml('closed')(world.port))
    const answer = await register(`Bearer ${token}`)
    expect([answer.status, answer.body['error']]).toEqual([403, 'access_denied'])
    await world.reconfigure(yaml('statement')(world.port))
    expect((await register(`Bearer ${token}`)).status).toBe(201)
  })

  it.each([
    [{ name: '' }, 'name'],
    [{ usesMax: 0 }, 'usesMax'],
    [{ usesMax: 10_001 }, 'usesMax'],
    [{ usesMax: 1.5 }, 'usesMax'],
    [{ expiresInSeconds: 59 }, 'expiresInSeconds'],
    [{ expiresInSeconds: 91 * 86_400 }, 'expiresInSeconds'],
    [{ expiresInSeconds: undefined }, 'expiresInSeconds'],
    [{ expiresInSeconds: '3600' }, 'expiresInSeconds'],
    [{ hash: 'mine' }, 'hash'],
  ])('is not made with %j', async (change, named) => {
    const answer = await world.admin('POST', '/client-tokens', { name: 'x', expiresInSeconds: 3600, ...change })
    expect([answer.status, answer.text.includes(named)]).toEqual([400, true])
  })

  it('is shown once', async () => {
    const { token } = await makeToken()
    const listed = await world.admin('GET', '/client-tokens?all=true&limit=200')
    expect(listed.text).not.toContain(token.slice(22))
    expect(await world.exportLog()).not.toContain(token.slice(22))
  })
})
