import { connect } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { UpstreamSpec } from '#core/snapshot.ts'
import { type DataPlaneGateway, type GatewayOptions, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { BASE_HEADERS, openRawSession, send } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/** A child that answers, dies, floods or sleeps as its arguments say. */
const CHILD = `
const say = (o) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...o }) + '\\n')
const tools = ['get_pid', 'get_slow', 'get_flood', 'write_crash', 'delete_it'].map((name) => ({ name, inputSchema: { type: 'object' } }))
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const m = JSON.parse(line)
  const text = (t) => say({ id: m.id, result: { content: [{ type: 'text', text: String(t) }] } })
  if (m.method === 'initialize') return say({ id: m.id, result: { protocolVersion: '2024-11-05', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } } })
  if (m.method === 'tools/list') return say({ id: m.id, result: { tools: [...tools, { name: 'broken' }, { name: 'get_pid', inputSchema: { type: 'object' }, title: 'twice' }] } })
  if (m.method === 'ping') return say({ id: m.id, result: {} })
  if (m.method !== 'tools/call') return
  if (m.params.name === 'get_pid') text(process.pid)
  if (m.params.name === 'get_slow') setTimeout(() => text('slow'), m.params.arguments.ms)
  if (m.params.name === 'delete_it') text('deleted')
  if (m.params.name === 'write_crash') process.exit(9)
  if (m.params.name === 'get_flood') {
    let sent = 0
    const more = () => {
      while (sent < 4000) {
        sent += 1
        const ok = process.stdout.write(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: m.params._meta.progressToken, progress: sent, message: 'x'.repeat(10000) } }) + '\\n')
        if (!ok) return process.stdout.once('drain', more)
      }
      text('flooded ' + sent)
    }
    more()
  }
})`
const STDIO: UpstreamSpec = { kind: 'stdio', command: process.execPath, args: ['-e', CHILD], env: new Map(), cwd: null }

let gateway: DataPlaneGateway | null = null
let upstream: ScriptedUpstream | null = null

async function start(options: Partial<GatewayOptions> & { limits?: GatewayOptions['limits'] } = {}) {
  gateway = await startDataPlane({ servers: { files: { upstream: STDIO } }, ...options })
  return gateway
}
afterEach(async () => {
  await gateway?.close()
  await upstream?.close()
  gateway = null
  upstream = null
})

const textOf = (message: Record<string, unknown> | undefined) =>
  (message?.['result'] as { content: { text: string }[] } | undefined)?.content[0]?.text ?? ''
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('processes', () => {
  test('each session has its own; none is left after DELETE, and none after close', async () => {
    const { url, endpoint } = await start()
    const sessions = await Promise.all(
      ['a', 'a', 'b'].map((subject) => openRawSession(url('files'), `token-${subject}`)),
    )
    const pids = await Promise.all(
      sessions.map(async (one) => Number(textOf((await one.call(1, 'get_pid')).messages[0]))),
    )
    expect(new Set(pids).size).toBe(3)
    const [first] = sessions
    if (first === undefined) throw new Error('no session')
    await send(url('files'), 'DELETE', first.headers)
    expect(pids.map(isAlive)).toEqual([false, true, true])
    await endpoint.close()
    expect(pids.map(isAlive)).toEqual([false, false, false])
  })

  test('a crash fails the call under way with an error, and the next call gets a new process that was greeted again', async () => {
    const { url, records } = await start()
    const session = await openRawSession(url('files'), 'token-a')
    const before = textOf((await session.call(1, 'get_pid')).messages[0])
    const crashed = await session.call(2, 'write_crash')
    expect(crashed.messages[0]).toMatchObject({ id: 2, error: { code: -32603 } })
    expect(records.slice(-2)).toMatchObject([
      { activity: 'call.intent' },
      { activity: 'call.outcome', outcome: 'unknown' },
    ])
    const after = textOf((await session.call(3, 'get_pid')).messages[0])
    expect(Number(after)).toBeGreaterThan(0)
    expect(after).not.toBe(before)
  })

  test('a server that crashes again and again is not started for ever', async () => {
    const { url } = await start({
      limits: { restartsMax: 2, restartDelayMs: 1 },
    })
    const session = await openRawSession(url('files'), 'token-a')
    for (const id of [1, 2, 3]) await session.call(id, 'write_crash')
    const ping = await session.post({ jsonrpc: '2.0', id: 4, method: 'ping' })
    expect(ping.messages[0]).toMatchObject({ id: 4, error: { code: -32603 } })
    expect(gateway?.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'restartsExhausted' })
  })

  test('an idle session is ended, with its process', async () => {
    const { url, records } = await start({
      servers: { files: { upstream: STDIO, limits: { idleSeconds: 0 } } },
      limits: { reapEveryMs: 50 },
    })
    const session = await openRawSession(url('files'), 'token-a')
    await eventually(() => expect(records.at(-1)).toMatchObject({ activity: 'session.close', reason: 'idle' }))
    expect((await session.call(1, 'get_pid')).status).toBe(404)
  })

  test('a session with a call under way or a listener is not idle', async () => {
    const { url } = await start({
      servers: { files: { upstream: STDIO, limits: { idleSeconds: 0 } } },
      limits: { reapEveryMs: 300 },
    })
    const session = await openRawSession(url('files'), 'token-a')
    const listener = await session.get()
    const slow = await session.call(1, 'get_slow', { ms: 700 })
    expect(textOf(slow.messages[0])).toBe('slow')
    listener.destroy()
  })
})

describe('bounds', () => {
  test('a subject beyond its sessions: the longest idle one makes room; with none idle it is refused', async () => {
    const { url } = await start({ servers: { files: { upstream: STDIO, limits: { sessionsPerSubjectMax: 2 } } } })
    const first = await openRawSession(url('files'), 'token-a')
    const second = await openRawSession(url('files'), 'token-a')
    const third = await openRawSession(url('files'), 'token-a')
    expect((await first.call(1, 'get_pid')).status).toBe(404)
    const listeners = [await second.get(), await third.get()]
    await expect(openRawSession(url('files'), 'token-a')).rejects.toThrow('initialize: 429')
    expect((await openRawSession(url('files'), 'token-b')).id).not.toBe('')
    for (const listener of listeners) listener.destroy()
  })

  test('all sessions together are bounded, and another subject makes no room', async () => {
    const { url } = await start({ limits: { sessionsMax: 2 } })
    await openRawSession(url('files'), 'token-a')
    await openRawSession(url('files'), 'token-b')
    await expect(openRawSession(url('files'), 'token-c')).rejects.toThrow('initialize: 429')
  })

  test('a session beyond its calls under way is refused until one ends', async () => {
    const { url } = await start({ limits: { callsInFlightMax: 2 } })
    const session = await openRawSession(url('files'), 'token-a')
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    const slow = [session.call(1, 'get_slow', { ms: 400 }), session.call(2, 'get_slow', { ms: 400 })]
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect((await session.call(3, 'get_pid')).status).toBe(429)
    await Promise.all(slow)
    expect((await session.call(4, 'get_pid')).status).toBe(200)
  })

  test('a reader that stalls stops its upstream, costs a bounded amount, is cut, and may come back', async () => {
    const { url, endpoint: _ } = await start({ limits: { stallMs: 700, linesPerSecondMax: 1_000_000 } })
    const session = await openRawSession(url('files'), 'token-a')
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    const { port } = new URL(url('files'))
    const socket = connect(Number(port), '127.0.0.1')
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 'f',
      method: 'tools/call',
      params: { name: 'get_flood', arguments: {}, _meta: { progressToken: 'p' } },
    })
    const headers = Object.entries(session.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.on('error', () => {})
    socket.pause()
    socket.write(
      `POST /mcp/files HTTP/1.1\r\nhost: x\r\n${headers.join('')}content-length: ${body.length}\r\n\r\n${body}`,
    )
    global.gc?.()
    const before = process.memoryUsage().rss
    // 40 MB are on offer. While nobody reads, the child must be held back, so that they are not here.
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(process.memoryUsage().rss - before).toBeLessThan(30 * 1024 * 1024)
    await vi.waitFor(
      () =>
        expect(gateway?.records.at(-1)).toMatchObject({
          activity: 'call.outcome',
          tool: 'get_flood',
          outcome: 'success',
        }),
      { timeout: 10_000 },
    )
    const resumed = await session.get({ 'last-event-id': 'a1-0' })
    const chunks: Buffer[] = []
    for await (const chunk of resumed) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    expect(text).toContain('flooded 4000')
    // What was kept for resumption is bounded, however much there was.
    expect(text.length).toBeLessThan(1024 * 1024)
    socket.destroy()
  })
})

describe('grants and tokens', () => {
  test('when a grant is revoked its sessions and streams end at once', async () => {
    const { url, revoke, records } = await start()
    const session = await openRawSession(url('files'), 'token-a')
    const other = await openRawSession(url('files'), 'token-b')
    const [mine, theirs] = [await session.get(), await other.get()]
    const ended = new Promise((resolve) =>
      mine
        .on('close', resolve)
        .on('error', () => {})
        .resume(),
    )
    revoke('a')
    await ended
    await eventually(() => expect(records.at(-1)).toMatchObject({ activity: 'session.close', reason: 'grantRevoked' }))
    expect((await other.call(1, 'get_pid')).status).toBe(200)
    expect(theirs.destroyed).toBe(false)
    theirs.destroy()
  })

  test('a GET stream ends when its token does; an admitted call is answered', async () => {
    const { url } = await start()
    const session = await openRawSession(url('files'), 'token-a.ttl~2')
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    const listener = await session.get()
    const ended = new Promise((resolve) => listener.on('close', resolve).resume())
    const slow = session.call(1, 'get_slow', { ms: 2500 })
    await ended
    expect((await session.get()).statusCode).toBe(401)
    expect((await slow).text).toContain('slow')
    const fresh = { ...session.headers, authorization: 'Bearer token-a' }
    const again = await send(url('files'), 'POST', fresh, { jsonrpc: '2.0', id: 2, method: 'ping' })
    expect(again.status).toBe(200)
  })

  test('a server that is taken out of the configuration, or leads elsewhere, loses its sessions', async () => {
    const { url, setSnapshot, records } = await start()
    await openRawSession(url('files'), 'token-a')
    setSnapshot((snapshot) => ({ ...snapshot, number: 2, servers: new Map() }))
    await eventually(() => expect(records.at(-1)).toMatchObject({ activity: 'session.close', reason: 'serverChanged' }))
  })
})

describe('the audit log', () => {
  test('a call that is no read leaves an intent before and an outcome after; a read leaves its outcome', async () => {
    const { url, records } = await start()
    const session = await openRawSession(url('files'), 'token-a')
    const from = records.length
    await session.call(1, 'get_pid')
    await session.call(2, 'delete_it')
    const calls = records.slice(from).map(({ activity, tool, outcome }) => [activity, tool, outcome])
    expect(calls[0]).toEqual(['call.outcome', 'get_pid', 'success'])
    expect(calls[1]).toEqual(['call.intent', 'delete_it', 'unknown'])
    expect(records.filter(({ activity }) => activity === 'call.intent')[0]?.callId).toBe(records.at(-1)?.callId)
  })

  test('an intent that cannot be written: nothing is sent', async () => {
    upstream = await startScriptedUpstream(() => false)
    const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
    const { url, failAudit } = await start({ servers: { notes: { upstream: entry } } })
    const session = await openRawSession(url('notes'), 'token-a')
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    failAudit(({ activity }) => activity === 'call.intent')
    const answer = await session.call(1, 'write_thing')
    expect(answer.status).toBe(503)
    expect(upstream.of('tools/call')).toHaveLength(0)
    failAudit(null)
    expect((await session.call(1, 'write_thing')).status).toBe(200)
  })

  test('an outcome that cannot be written: the answer is withheld', async () => {
    const { url, failAudit } = await start()
    const session = await openRawSession(url('files'), 'token-a')
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    failAudit(({ activity }) => activity === 'call.outcome')
    const answer = await session.call(1, 'get_pid')
    expect(answer.status).toBe(503)
    expect(answer.messages[0]).not.toHaveProperty('result')
  })

  test('while nothing can be written, reads are not sent either', async () => {
    upstream = await startScriptedUpstream(() => false)
    const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
    const { url, failAudit, records } = await start({ servers: { notes: { upstream: entry } } })
    const session = await openRawSession(url('notes'), 'token-a')
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    failAudit(() => true)
    // The first finds out: it was sent, nothing changed, and its answer is withheld.
    const first = await session.call(1, 'get_thing')
    expect([first.status, first.text.includes('was sent to the server')]).toEqual([503, true])
    for (const id of [2, 3]) {
      const refused = await session.call(id, 'get_thing')
      expect([refused.status, refused.text.includes('was not done')]).toEqual([503, true])
    }
    expect(upstream.of('tools/call')).toHaveLength(1)
    failAudit(null)
    expect((await session.call(4, 'get_thing')).status).toBe(200)
    expect((await session.call(5, 'get_thing')).status).toBe(200)
    const calls = records.filter(({ tool }) => tool === 'get_thing').map(({ activity }) => activity)
    expect(calls).toEqual(['call.intent', 'call.outcome', 'call.outcome'])
  })

  test('an intent whose call is not sent after all has an outcome that says so', async () => {
    upstream = await startScriptedUpstream(() => false)
    const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
    const { url, failAudit, records } = await start({ servers: { notes: { upstream: entry } } })
    const session = await openRawSession(url('notes'), 'token-a', { revision: '2025-03-26' })
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    failAudit(({ activity, tool }) => activity === 'call.intent' && tool === 'delete_thing')
    const call = (id: number, name: string) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name } })
    const answer = await session.post([call(1, 'write_thing'), call(2, 'delete_thing')])
    expect(answer.status).toBe(503)
    expect(upstream.of('tools/call')).toHaveLength(0)
    const written = records.filter(({ tool }) => tool === 'write_thing')
    expect(written.map(({ activity, outcome, reason }) => [activity, outcome, reason])).toEqual([
      ['call.intent', 'unknown', undefined],
      ['call.outcome', 'failed', 'notSent'],
    ])
    expect(written[0]?.callId).toBe(written[1]?.callId)
  })

  test('a refusal that cannot be written is still a refusal', async () => {
    const { url, failAudit } = await start()
    failAudit(() => true)
    const headers = { ...BASE_HEADERS, authorization: 'Bearer nonsense' }
    expect((await send(url('files'), 'POST', headers, { jsonrpc: '2.0', id: 1, method: 'ping' })).status).toBe(503)
  })

  test('a session that cannot be recorded is not opened, and its process is gone', async () => {
    const { url, failAudit } = await start()
    failAudit(({ activity }) => activity === 'session.open')
    await expect(openRawSession(url('files'), 'token-a')).rejects.toThrow('initialize: 503')
  })
})

describe('tools', () => {
  test('the list shows what the roles allow, each tool once, malformed ones not at all', async () => {
    const { url } = await start({ roleClasses: ['read'] })
    const session = await openRawSession(url('files'), 'token-a')
    const list = await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    const { tools } = (list.messages[0]?.['result'] ?? { tools: [] }) as { tools: { name: string; title?: string }[] }
    expect(tools.map(({ name }) => name)).toEqual(['get_pid', 'get_slow', 'get_flood'])
    expect(tools[0]).not.toHaveProperty('title')
  })

  test('a tool beyond the scopes of the token is listed, and a step-up before anything is sent', async () => {
    const { url, records } = await start()
    const session = await openRawSession(url('files'), 'token-a.scopes~read')
    const list = await session.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    expect(list.text).toContain('delete_it')
    const answer = await session.call(2, 'delete_it')
    expect(answer.status).toBe(403)
    expect(answer.headers['www-authenticate']).toContain('scope="files:read files:destructive"')
    expect(records.at(-1)).toMatchObject({ activity: 'request.refused', reason: 'scopeInsufficient' })
  })

  test('the word of the operator stands over the classification', async () => {
    const { url } = await start({ servers: { files: { upstream: STDIO, toolClasses: { delete_it: 'read' } } } })
    const session = await openRawSession(url('files'), 'token-a.scopes~read')
    expect((await session.call(1, 'get_pid')).status).toBe(200)
    const denied = await start({ servers: { files: { upstream: STDIO, toolClasses: { get_pid: 'admin' } } } })
    const strict = await openRawSession(denied.url('files'), 'token-a.scopes~read')
    expect((await strict.call(1, 'get_pid')).status).toBe(403)
  })

  test('a tool that nobody lists: one listing, then the error of the specification; nothing is called', async () => {
    upstream = await startScriptedUpstream(() => false)
    const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
    const { url } = await start({ servers: { notes: { upstream: entry } } })
    const session = await openRawSession(url('notes'), 'token-a')
    const answer = await session.call(1, 'no_such_tool')
    expect(answer.messages[0]).toMatchObject({ id: 1, error: { code: -32602 } })
    expect(upstream.of('tools/list')).toHaveLength(1)
    expect(upstream.of('tools/call')).toHaveLength(0)
  })
})

describe('the upstream', () => {
  test('that forgot its session is greeted again, once, and the call goes through', async () => {
    let lost = false
    upstream = await startScriptedUpstream(({ body, response }) => {
      if (body['method'] !== 'tools/call' || lost) return false
      lost = true
      response.writeHead(404).end()
      return true
    })
    const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
    const { url } = await start({ servers: { notes: { upstream: entry } } })
    const session = await openRawSession(url('notes'), 'token-a')
    expect((await session.call(1, 'get_thing')).messages[0]).toMatchObject({ id: 1, result: {} })
    expect(upstream.of('initialize')).toHaveLength(2)
    expect(upstream.of('notifications/initialized')).toHaveLength(2)
  })

  test('that breaks off a stream with event ids is resumed with the last of them', async () => {
    let pending = 0
    upstream = await startScriptedUpstream(
      ({ body, sse, response }) => {
        if (body['method'] !== 'tools/call') return false
        pending = Number(body['id'])
        sse()({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 1 } }, 'e-1')
        setTimeout(() => response.end(), 20)
        return true
      },
      ({ request, sse, response }) => {
        if (request.headers['last-event-id'] !== 'e-1') return false
        sse()({ jsonrpc: '2.0', id: pending, result: { content: [{ type: 'text', text: 'resumed' }] } }, 'e-2')
        response.end()
        return true
      },
    )
    const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
    const { url } = await start({ servers: { notes: { upstream: entry } }, limits: { retryMs: 10 } })
    const session = await openRawSession(url('notes'), 'token-a')
    expect(textOf((await session.call(1, 'get_thing')).messages.at(-1))).toBe('resumed')
  })

  test('that is not there: the session is not opened, with an error that does not say where it is', async () => {
    const { url } = await start({
      servers: {
        gone: { upstream: { kind: 'http', url: 'http://127.0.0.1:9/mcp', headers: new Map(), network: 'loopback' } },
      },
    })
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    const headers = { ...BASE_HEADERS, authorization: 'Bearer token-a' }
    const answer = await send(url('gone'), 'POST', headers, { jsonrpc: '2.0', id: 1, method: 'initialize', params })
    expect(answer.messages[0]).toMatchObject({ id: 1, error: { code: -32603 } })
    expect(answer.headers).not.toHaveProperty('mcp-session-id')
    expect(answer.text).not.toContain('127.0.0.1')
  })
})

test('closing answers what comes meanwhile with 503, and ends open streams', async () => {
  const { url, endpoint } = await start()
  const session = await openRawSession(url('files'), 'token-a')
  const listener = await session.get()
  const ended = new Promise((resolve) =>
    listener
      .on('close', resolve)
      .on('error', () => {})
      .resume(),
  )
  await endpoint.close()
  await ended
  expect((await session.call(1, 'get_pid')).status).toBe(503)
})
