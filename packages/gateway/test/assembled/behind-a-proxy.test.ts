import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fetchThrough, initialize, logInScripted } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

const P = 'https://mcp.example.com'

let upstream: ScriptedUpstream
let world: WholeGateway

beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
})
afterEach(async () => {
  await world.close()
  await upstream.close()
})

async function start(trustedProxies: string): Promise<void> {
  world = await startWholeGateway((port) =>
    [
      'version: 1',
      'gateway:',
      `  publicUrl: '${P}'`,
      `  listen: { port: ${port} }`,
      `  trustedProxies: [${trustedProxies}]`,
      'registration: { perAddressPerHour: 2 }',
      'servers:',
      `  files: { http: { url: '${upstream.url}', network: loopback } }`,
      '',
    ].join('\n'),
  )
}

/** What arrives from a proxy that ended TLS and speaks for this caller. */
const viaProxy = (caller: string, more: Readonly<Record<string, string>> = {}) =>
  fetchThrough({
    port: world.port,
    ca: null,
    headers: { 'x-forwarded-for': caller, 'x-forwarded-proto': 'https', ...more },
  })

const register = async (send: typeof fetch) =>
  (
    await send(`${P}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'x', redirect_uris: ['http://127.0.0.1/callback'] }),
    })
  ).status

describe('behind a proxy that ends TLS', () => {
  it('a client completes everything; every address it is given is https, and cookies are Secure', async () => {
    await start("'127.0.0.1'")
    const alice = await world.addUser('alice')
    const send = viaProxy('203.0.113.5')
    const cookies: string[] = []
    const places: string[] = []
    const watching: typeof fetch = async (input, init) => {
      const response = await send(input, init)
      cookies.push(...response.headers.getSetCookie())
      const location = response.headers.get('location')
      if (location !== null) places.push(new URL(location, P).origin)
      return response
    }
    const tokens = await logInScripted(
      watching,
      { authorize: `${P}/oauth/authorize`, token: `${P}/oauth/token`, register: `${P}/oauth/register` },
      alice,
      { resource: `${P}/mcp/files` },
      async (id) => world.admin('POST', `/clients/${id}/approve`),
    )
    const opened = await initialize(send, `${P}/mcp/files`, tokens.access_token)
    expect(opened.status).toBe(200)
    expect(opened.headers.get('strict-transport-security')).not.toBeNull()
    expect(new Set(places)).toEqual(new Set([P, 'http://127.0.0.1:61234']))
    for (const cookie of cookies) expect(cookie).toMatch(/; secure/i)
    const challenge = await initialize(send, `${P}/mcp/files`, null)
    expect(challenge.headers.get('www-authenticate')).toContain(
      `resource_metadata="${P}/.well-known/oauth-protected-resource/mcp/files"`,
    )
  })

  it('the caller is who the proxy says it is: limits are counted per caller', async () => {
    await start("'127.0.0.1'")
    const statuses: number[] = []
    for (const caller of ['203.0.113.5', '203.0.113.5', '203.0.113.5', '203.0.113.6']) {
      statuses.push(await register(viaProxy(caller)))
    }
    expect(statuses).toEqual([201, 201, 429, 201])
  })

  it('a caller cannot choose its address by sending the header itself: the right-most untrusted one counts', async () => {
    await start("'127.0.0.1'")
    const statuses: number[] = []
    for (const forged of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) {
      statuses.push(await register(viaProxy(`${forged}, 203.0.113.5`)))
    }
    expect(statuses).toEqual([201, 201, 429])
  })

  it('forwarded hosts and schemes change nothing, whoever sends them', async () => {
    await start("'127.0.0.1'")
    const send = viaProxy('203.0.113.5', {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-port': '444',
      'x-forwarded-prefix': '/evil',
      forwarded: 'for=203.0.113.9;host=evil.example;proto=http',
      'x-forwarded-proto': 'http',
    })
    const metadata = await (await send(`${P}/.well-known/oauth-authorization-server`)).text()
    expect(metadata).not.toContain('evil')
    expect(JSON.parse(metadata)).toMatchObject({ issuer: P, token_endpoint: `${P}/oauth/token` })
    const start401 = await initialize(send, `${P}/mcp/files`, null)
    expect(start401.headers.get('www-authenticate')).not.toContain('evil')
  })

  it('a Host that is not ours is refused, also from the proxy', async () => {
    await start("'127.0.0.1'")
    const send = fetchThrough({ port: world.port, ca: null, headers: { host: 'evil.example' } })
    expect((await send(`${P}/mcp/files`)).status).toBe(421)
  })
})

describe('somebody who is not the proxy', () => {
  it('gets nothing in plain text, whatever it says of itself; who asks after our health is answered', async () => {
    await start("'192.0.2.1'")
    const send = viaProxy('192.0.2.1')
    expect(await register(send)).toBe(421)
    expect((await send(`${P}/.well-known/oauth-authorization-server`)).status).toBe(421)
    const opened = await initialize(send, `${P}/mcp/files`, 'token')
    expect(opened.status).toBe(421)
    expect((await send(`${P}/healthz`)).status).toBe(200)
    const refusals = (await world.log()).filter(({ reason }) => reason === 'proxyBypassed')
    expect(refusals.map(({ activity, outcome }) => [activity, outcome])).toEqual([['request.refused', 'refused']])
    expect(upstream.seen).toEqual([])
  })
})
