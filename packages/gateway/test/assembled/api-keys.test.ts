import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { initialize } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let upstream: ScriptedUpstream
let world: WholeGateway
let origin: string
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  world = await startWholeGateway((port) =>
    [
      'version: 1',
      `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
      'servers:',
      `  files: { http: { url: '${upstream.url}', network: loopback } }`,
      `  notes: { http: { url: '${upstream.url}', network: loopback } }`,
      `  vault: { senderConstraint: dpop, http: { url: '${upstream.url}', network: loopback } }`,
      '',
    ].join('\n'),
  )
  origin = `http://127.0.0.1:${world.port}`
  await world.addUser('ci-bot', ['operator'])
})
afterAll(async () => {
  await world.close()
  await upstream.close()
})

interface Key {
  readonly keyId: string
  readonly key: string
}

async function make(server = 'files'): Promise<Key> {
  const answer = await world.admin('POST', '/keys', {
    user: 'ci-bot',
    name: 'nightly',
    servers: [{ server, scopes: [`${server}:read`] }],
    expiresInSeconds: 3600,
  })
  expect(answer.status).toBe(201)
  return JSON.parse(answer.text) as Key
}
const at = async (server: string, key: string) => (await initialize(fetch, `${origin}/mcp/${server}`, key)).status

describe('an API key at the whole gateway', () => {
  it('opens the server it is bound to, and its records name it', async () => {
    const { key, keyId } = await make()
    expect([await at('files', key), await at('notes', key)]).toEqual([200, 401])
    const log = await world.log(`&clientId=${keyId}`)
    expect(log.map(({ activity, server }) => [activity, server])).toContainEqual(['authenticate', 'files'])
    expect(await world.exportLog()).not.toContain(key.slice(22))
  })

  it('is no key to the admin API, whatever its account may do there, nor to endpoints of the authorization server', async () => {
    const { key } = await make()
    const authorization = `Bearer ${key}`
    const admin = await fetch(`${origin}/api/v1/users`, { headers: { authorization } })
    const registration = await fetch(`${origin}/oauth/register`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/cb'] }),
    })
    expect([admin.status, registration.status]).toEqual([401, 401])
  })

  it('opens no server that demands to know its sender', async () => {
    const { key } = await make('vault')
    const before = upstream.seen.length
    expect(await at('vault', key)).toBe(401)
    expect(upstream.seen).toHaveLength(before)
    const log = await world.log(`&activity=authenticate`)
    expect(log).toContainEqual(expect.objectContaining({ server: 'vault', reason: expect.stringMatching(/sender/i) }))
  })

  it('is refused from the answer to its revocation on', async () => {
    const { key, keyId } = await make()
    expect(await at('files', key)).toBe(200)
    expect((await world.admin('DELETE', `/keys/${keyId}`)).status).toBe(200)
    expect(await at('files', key)).toBe(401)
  })

  it('rotated without overlap, is refused from that answer on; the new secret is let in', async () => {
    const { key, keyId } = await make()
    expect(await at('files', key)).toBe(200)
    const rotated = await world.admin('POST', `/keys/${keyId}/rotate`, { overlapSeconds: 0 })
    const fresh = (JSON.parse(rotated.text) as Key).key
    expect([await at('files', key), await at('files', fresh)]).toEqual([401, 200])
  })

  it('is refused from the answer on that disables its account', async () => {
    const { key } = await make()
    expect(await at('files', key)).toBe(200)
    expect((await world.admin('POST', '/users/ci-bot/disable')).status).toBe(200)
    expect(await at('files', key)).toBe(401)
    expect((await world.admin('POST', '/users/ci-bot/enable')).status).toBe(200)
    expect(await at('files', key)).toBe(401)
  })
})
