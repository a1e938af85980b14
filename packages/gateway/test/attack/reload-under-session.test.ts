import { afterEach, describe, expect, test } from 'vitest'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { BASE_HEADERS, openRawSession, send } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let gateway: DataPlaneGateway | undefined
let upstream: ScriptedUpstream | undefined
afterEach(async () => {
  await gateway?.close()
  await upstream?.close()
})

/** The same snapshot with every server changed. */
function withServers(snapshot: Snapshot, change: (server: ServerEntry) => ServerEntry): Snapshot {
  const servers = [...snapshot.servers].map(([id, server]) => [id, change(server)] as const)
  return { ...snapshot, number: snapshot.number + 1, servers: new Map(servers) }
}

async function start(holdInitialize?: Promise<void>) {
  upstream = await startScriptedUpstream(async ({ body }) => {
    if (body['method'] === 'initialize') await holdInitialize
    return false
  })
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  gateway = await startDataPlane({ servers: { notes: { upstream: entry } } })
  return { gateway, upstream }
}

describe('a configuration that changes while sessions live', () => {
  test('a tool whose class the operator raises is judged by the new class in sessions that know the old one', async () => {
    const { gateway, upstream } = await start()
    const session = await openRawSession(gateway.url('notes'), 'token-alice.scopes~read')
    expect((await session.call(1, 'get_thing')).status).toBe(200)
    const sent = upstream.of('tools/call').length
    const raised = new Map<string, ToolClass>([['get_thing', 'admin']])
    gateway.setSnapshot((snapshot) => withServers(snapshot, (server) => ({ ...server, toolClasses: raised })))
    expect((await session.call(2, 'get_thing')).status).toBe(403)
    expect(upstream.of('tools/call')).toHaveLength(sent)
    gateway.setSnapshot((snapshot) => withServers(snapshot, (server) => ({ ...server, toolClasses: new Map() })))
    expect((await session.call(3, 'get_thing')).status).toBe(200)
  })

  test('a role that loses a class loses it in live sessions, listing included', async () => {
    const { gateway, upstream } = await start()
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    expect((await session.call(1, 'delete_thing')).status).toBe(200)
    gateway.setSnapshot((snapshot) => ({
      ...snapshot,
      number: 2,
      roles: new Map([
        ['tester', { name: 'tester', admin: null, allow: new Map([['*' as const, new Set(['read' as const])]]) }],
      ]),
    }))
    expect((await session.call(2, 'delete_thing')).status).toBe(403)
    expect(upstream.of('tools/call')).toHaveLength(1)
    expect((await session.post({ jsonrpc: '2.0', id: 3, method: 'tools/list' })).text).not.toContain('delete_thing')
  })

  test.each([
    ['is taken out', (snapshot: Snapshot) => ({ ...snapshot, number: 2, servers: new Map() })],
    [
      'leads elsewhere',
      (snapshot: Snapshot) =>
        withServers(snapshot, (server) => ({
          ...server,
          upstream: { kind: 'http', url: 'http://127.0.0.1:9/', headers: new Map(), network: 'loopback' },
        })),
    ],
  ])('a server that %s while a session is being opened at it: the session does not open', async (_what, change) => {
    const hold = Promise.withResolvers<void>()
    const { gateway, upstream } = await start(hold.promise)
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } }
    const opening = send(
      gateway.url('notes'),
      'POST',
      { ...BASE_HEADERS, authorization: 'Bearer token-alice' },
      { jsonrpc: '2.0', id: 1, method: 'initialize', params },
    )
    await eventually(() => expect(upstream.of('initialize')).toHaveLength(1))
    gateway.setSnapshot(change)
    hold.resolve()
    const answer = await opening
    expect(answer.headers).not.toHaveProperty('mcp-session-id')
    expect(answer.messages[0]).toHaveProperty('error')
    expect(gateway.records.filter(({ activity }) => activity === 'session.open')).toEqual([])
    const requestId = gateway.records.at(-1)?.requestId
    expect(gateway.records.filter((record) => record.requestId === requestId)).toMatchObject([
      { activity: 'authenticate', outcome: 'success' },
      { activity: 'request.refused', reason: 'upstreamUnavailable: serverChanged' },
    ])
  })
})
