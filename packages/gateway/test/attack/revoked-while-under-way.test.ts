import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { openRawSession, send } from '../support/raw-client.ts'
import { type Script, type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let gateway: DataPlaneGateway | undefined
let upstream: ScriptedUpstream | undefined
afterEach(async () => {
  await gateway?.close()
  await upstream?.close()
})

async function start(script: Script, limits: Parameters<typeof startDataPlane>[0]['limits'] = {}) {
  upstream = await startScriptedUpstream(script)
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  gateway = await startDataPlane({ servers: { notes: { upstream: entry } }, limits })
  return { gateway, upstream }
}

/** A POST whose body arrives in two pieces, the second when the test says so. */
async function drip(url: string, token: string, message: object): Promise<{ finish(): Promise<string> }> {
  const { host, hostname, port, pathname } = new URL(url)
  const body = JSON.stringify(message)
  const socket: Socket = connect(Number(port), hostname)
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  const closed = new Promise((resolve) => socket.on('close', resolve))
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    'accept: application/json, text/event-stream',
    'content-type: application/json',
    `authorization: Bearer ${token}`,
    `content-length: ${body.length}`,
    'connection: close',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 10)}`)
  // Long enough for the head to have been judged.
  await sleep(100)
  return {
    finish: async () => {
      socket.write(body.slice(10))
      await closed
      return answer
    },
  }
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'slow', version: '1' } },
}

describe('a token that dies while its request is on the road', () => {
  test('revoked while the body drips: refused, nothing reaches the upstream', async () => {
    const { gateway, upstream } = await start(() => false)
    const slow = await drip(gateway.url('notes'), 'token-alice', INITIALIZE)
    gateway.revoke('alice')
    expect(await slow.finish()).toMatch(/^HTTP\/1\.1 401 /)
    expect(upstream.seen).toEqual([])
    expect(gateway.records.at(-1)).toMatchObject({ outcome: 'refused', reason: 'tokenInvalid: revoked' })
  })

  test('expired while the body drips: refused, nothing reaches the upstream', async () => {
    const { gateway, upstream } = await start(() => false)
    const slow = await drip(gateway.url('notes'), 'token-alice.ttl~2', INITIALIZE)
    await sleep(2_100)
    expect(await slow.finish()).toMatch(/^HTTP\/1\.1 401 /)
    expect(upstream.seen).toEqual([])
  })

  test('revoked during the handshake: no session opens, and the one at the upstream is ended', async () => {
    const hold = Promise.withResolvers<void>()
    const { gateway, upstream } = await start(async ({ body }) => {
      if (body['method'] === 'initialize') await hold.promise
      return false
    })
    const opening = openRawSession(gateway.url('notes'), 'token-alice').then(
      () => 'opened',
      (cause: unknown) => String(cause),
    )
    await eventually(() => expect(upstream.of('initialize')).toHaveLength(1))
    gateway.revoke('alice')
    hold.resolve()
    expect(await opening).toContain('initialize: 401')
    await eventually(() => expect(upstream.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(1))
  })

  test('revoked while the list of tools is looked up: the call is not made', async () => {
    const hold = Promise.withResolvers<void>()
    const { gateway, upstream } = await start(async ({ body }) => {
      if (body['method'] === 'tools/list') await hold.promise
      return false
    })
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    // Another grant of the same subject and client keeps the session alive.
    const other = { ...session.headers, authorization: 'Bearer token-alice.grant~other' }
    const calling = session.call(1, 'write_thing')
    await eventually(() => expect(upstream.of('tools/list')).toHaveLength(1))
    await send(gateway.url('notes'), 'POST', other, { jsonrpc: '2.0', id: 2, method: 'ping' })
    gateway.revokeGrant('grant-alice')
    hold.resolve()
    expect((await calling).status).toBe(401)
    expect(upstream.of('tools/call')).toEqual([])
    expect(gateway.records.filter(({ activity }) => activity === 'call.intent')).toEqual([])
  })

  test('a call under way under a revoked grant ends, though another grant keeps the session alive', async () => {
    const hold = Promise.withResolvers<void>()
    const { gateway, upstream } = await start(async ({ body }) => {
      if (body['method'] === 'tools/call') await hold.promise
      return false
    })
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    const other = { ...session.headers, authorization: 'Bearer token-alice.grant~other' }
    const calling = session.call(1, 'write_thing')
    await eventually(() => expect(upstream.of('tools/call')).toHaveLength(1))
    expect((await send(gateway.url('notes'), 'POST', other, { jsonrpc: '2.0', id: 2, method: 'ping' })).status).toBe(
      200,
    )
    gateway.revokeGrant('grant-alice')
    const answer = await calling
    hold.resolve()
    expect(answer.text).not.toContain('result')
    await eventually(() => expect(upstream.of('notifications/cancelled')).toHaveLength(1))
    expect(gateway.records.filter(({ tool }) => tool === 'write_thing')).toMatchObject([
      { activity: 'call.intent' },
      { activity: 'call.outcome', outcome: 'unknown', reason: 'grantRevoked' },
    ])
    expect((await send(gateway.url('notes'), 'POST', other, { jsonrpc: '2.0', id: 3, method: 'ping' })).status).toBe(
      200,
    )
  })
})

describe('a call that ended before it was sent', () => {
  test('cancelled while the connection is made anew: it is never sent', async () => {
    let isLost = true
    const { gateway, upstream } = await start(
      ({ body, response }) => {
        if (body['method'] !== 'tools/call' || !isLost) return false
        isLost = false
        response.writeHead(404).end()
        return true
      },
      { restartDelayMs: 400 },
    )
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    const calling = session.call(1, 'write_thing')
    await eventually(() => expect(upstream.of('tools/call')).toHaveLength(1))
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    await calling
    await eventually(() => expect(upstream.of('initialize')).toHaveLength(2))
    // One more round trip behind whatever would have been sent.
    await session.post({ jsonrpc: '2.0', id: 2, method: 'ping' })
    expect(upstream.of('tools/call')).toHaveLength(1)
    expect(
      gateway.records.filter(({ callId, activity }) => callId !== undefined && activity === 'call.outcome').length,
    ).toBeGreaterThan(0)
  })

  test('a client cannot take or cancel what the gateway asks for itself', async () => {
    const hold = Promise.withResolvers<void>()
    const { gateway, upstream } = await start(async ({ body }) => {
      if (body['method'] === 'tools/list') await hold.promise
      return false
    })
    const session = await openRawSession(gateway.url('notes'), 'token-alice')
    const calling = session.call(1, 'get_thing')
    await eventually(() => expect(upstream.of('tools/list')).toHaveLength(1))
    for (const requestId of ['own-1', '\\ud800own-1', 1]) {
      await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
    }
    const taken = await session.post({ jsonrpc: '2.0', id: 'own-1', method: 'ping' })
    expect(taken.messages[0]).toHaveProperty('result')
    const surrogate = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\\ud800own-1"}}`
    expect((await session.post(surrogate)).status).toBe(400)
    hold.resolve()
    expect((await calling).messages[0]).toHaveProperty('result')
  })
})
