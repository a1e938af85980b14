import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { asServerId } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { createProtectedResourceMetadata } from '#data-plane/protected-resource-metadata.ts'
import { createListener, type Listener } from '#http/listener.ts'
import { createRouter } from '#http/router.ts'
import { NO_SENDER_RULES } from '../support/sender-rules.ts'
import { testServer, testSnapshot } from '../support/snapshot.ts'

describe('protected-resource metadata (RFC 9728)', () => {
  let listener: Listener
  let origin: string
  let snapshot: Snapshot = testSnapshot()
  const serve = (ids: readonly string[]) => {
    const servers = ids.map((id) =>
      testServer(id, { resource: `${origin}/mcp/${id}`, baselineClasses: ['read', 'write'] }),
    )
    snapshot = testSnapshot({
      publicUrl: origin,
      servers: new Map(servers.map((server) => [asServerId(server.id), server])),
    })
  }

  beforeAll(async () => {
    const snapshots = { current: () => snapshot, onSwap: () => () => {} }
    listener = createListener({
      current: () => snapshot,
      router: createRouter(createProtectedResourceMetadata({ snapshots }).routes),
      clock: systemClock,
      random: systemRandom,
      tls: null,
      onFailure: () => {},
    })
    const { port } = await listener.listen('127.0.0.1', 0)
    origin = `http://127.0.0.1:${port}`
    serve(['files', 'notes'])
  })
  afterAll(() => listener.close())

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${origin}/.well-known/oauth-protected-resource${path}`, { headers })

  it('names the resource, us, the baseline scopes and the header, and nothing else', async () => {
    const answer = await get('/mcp/files')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    expect(await answer.text()).toBe(
      `{"resource":"${origin}/mcp/files","authorization_servers":["${origin}"],"scopes_supported":["files:read","files:write"],` +
        '"bearer_methods_supported":["header"],"dpop_signing_alg_values_supported":["ES256","EdDSA","Ed25519"],' +
        '"dpop_bound_access_tokens_required":false,"resource_name":"Title of files"}',
    )
  })

  it('names the admin API with its weaker scope, whatever servers there are', async () => {
    const answer = await get('/api/v1')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    expect(await answer.text()).toBe(
      `{"resource":"${origin}/api/v1","authorization_servers":["${origin}"],"scopes_supported":["api:read"],` +
        '"bearer_methods_supported":["header"],"dpop_signing_alg_values_supported":["ES256","EdDSA","Ed25519"],' +
        '"dpop_bound_access_tokens_required":false,"resource_name":"Sallyport admin API"}',
    )
  })

  it('says of a server whose tokens have to be bound to a key that they have, and of no other', async () => {
    const usual = snapshot
    const servers = new Map([[asServerId('files'), 'dpop' as const]])
    snapshot = { ...snapshot, senders: { ...NO_SENDER_RULES, everywhere: 'any', servers } }
    const required = async (path: string) =>
      ((await (await get(path)).json()) as Record<string, unknown>)['dpop_bound_access_tokens_required']
    expect([await required('/mcp/files'), await required('/mcp/notes')]).toEqual([true, false])
    snapshot = usual
  })

  it('says that tokens can be bound to client certificates where they reach us', async () => {
    const usual = snapshot
    snapshot = { ...snapshot, mutualTls: { publicUrl: 'https://mtls.example', authorities: null, proxy: null } }
    const answer = await get('/mcp/files')
    expect(await answer.json()).toMatchObject({ tls_client_certificate_bound_access_tokens: true })
    snapshot = usual
  })

  it('does not listen to what a request says about hosts', async () => {
    const poison = {
      'x-forwarded-host': 'attacker.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=attacker.example',
    }
    expect(await (await get('/mcp/files', poison)).text()).not.toContain('attacker')
  })

  it.each([
    '/mcp/nope',
    '/mcp/api',
    '/api',
    '/api/v1/',
    '/api/v1/users',
    '/API/v1',
    '/mcp/%66iles',
    '/mcp/FILES',
    '/mcp/__proto__',
    '/mcp/files/',
    '/mcp',
    '/files',
  ])('is not there for %s', async (path) => {
    expect((await get(path)).status).toBe(404)
  })

  it('has a root form exactly while there is one server', async () => {
    expect((await get('')).status).toBe(404)
    serve(['files'])
    expect(await (await get('')).json()).toMatchObject({ resource: `${origin}/mcp/files` })
    serve([])
    expect((await get('')).status).toBe(404)
    serve(['files', 'notes'])
  })
})
