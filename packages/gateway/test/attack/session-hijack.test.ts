import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { BASE_HEADERS, openRawSession, send } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let gateway: DataPlaneGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  const entry = {
    upstream: { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const },
  }
  gateway = await startDataPlane({ servers: { notes: entry, other: entry } })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'get_thing', arguments: {} } }

describe('somebody who knows a session id is not its owner (MCP, Session Hijacking)', () => {
  test.each([
    ['another user', 'token-mallory', 'notes'],
    ['the same user through another client', 'token-alice.client~client-2', 'notes'],
    ['the same user at another server', 'token-alice', 'other'],
  ])(
    '%s gets 404 for every method, nothing reaches the upstream, and each try is recorded',
    async (_who, token, server) => {
      const session = await openRawSession(gateway.url('notes'), 'token-alice')
      const headers = { ...session.headers, authorization: `Bearer ${token}` }
      // The first use of a token leaves a record of its own.
      await send(gateway.url(server), 'POST', { ...BASE_HEADERS, authorization: `Bearer ${token}` }, CALL)
      const sent = () =>
        upstream.seen.filter(({ method, body }) => method === 'DELETE' || body?.['method'] === 'tools/call')
      const [seen, recorded] = [sent().length, gateway.records.length]
      const post = await send(gateway.url(server), 'POST', headers, CALL)
      const get = await send(gateway.url(server), 'GET', { ...headers, accept: 'text/event-stream' })
      const end = await send(gateway.url(server), 'DELETE', headers)
      expect([post.status, get.status, end.status]).toEqual([404, 404, 404])
      expect(sent()).toHaveLength(seen)
      expect(gateway.records.slice(recorded)).toMatchObject([
        { activity: 'request.refused', reason: 'sessionUnknown: foreign' },
        { activity: 'request.refused', reason: 'sessionUnknown: foreign' },
        { activity: 'request.refused', reason: 'sessionUnknown: foreign' },
      ])
      expect((await session.call(2, 'get_thing')).status).toBe(200)
    },
  )

  test('a foreign id and one that never was get the same answer', async () => {
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    const headers = { ...session.headers, authorization: 'Bearer token-mallory' }
    const foreign = await send(gateway.url('notes'), 'POST', headers, CALL)
    const unknown = await send(gateway.url('notes'), 'POST', { ...headers, 'mcp-session-id': 'A'.repeat(43) }, CALL)
    const withoutRequestId = (text: string) => text.replace(/"requestId":"[^"]*"/, '')
    expect(withoutRequestId(foreign.text)).toBe(withoutRequestId(unknown.text))
    expect(foreign.status).toBe(unknown.status)
  })

  test('a session id without a token is nothing', async () => {
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    const { authorization: _, ...headers } = session.headers
    expect((await send(gateway.url('notes'), 'POST', headers, CALL)).status).toBe(401)
  })

  test('another stream of events cannot be resumed from another session', async () => {
    const alice = await openRawSession(gateway.url('notes'), 'token-alice')
    const mallory = await openRawSession(gateway.url('notes'), 'token-mallory')
    const stream = await alice.get()
    const id = await new Promise<string>((resolve) => {
      stream.once('data', (chunk: Buffer) => resolve(/id: (\S+)/.exec(chunk.toString())?.[1] ?? ''))
    })
    expect(id).toBe('g1-0')
    // Event ids count within a session, so the same text means a stream of Mallory's own, which does not exist.
    const resumed = await mallory.get({ 'last-event-id': 'a1-0' })
    expect(resumed.statusCode).toBe(400)
    resumed.destroy()
    stream.destroy()
  })

  test('ids are 256 random bits in visible ASCII, and none comes twice', async () => {
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => (await openRawSession(gateway.url('notes'), 'token-carol')).id),
    )
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(new Set(ids).size).toBe(5)
  })

  test('after DELETE the id is unknown, and the session of the upstream is ended too', async () => {
    const session = await openRawSession(gateway.url('notes'), 'token-dora')
    const before = upstream.seen.filter(({ method }) => method === 'DELETE').length
    expect((await send(gateway.url('notes'), 'DELETE', session.headers)).status).toBe(204)
    expect((await session.call(1, 'get_thing')).status).toBe(404)
    expect(upstream.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(before + 1)
  })

  test('a request without a session id that is not initialize is refused', async () => {
    const headers = { ...BASE_HEADERS, authorization: 'Bearer token-alice' }
    expect((await send(gateway.url('notes'), 'POST', headers, CALL)).status).toBe(400)
  })
})
