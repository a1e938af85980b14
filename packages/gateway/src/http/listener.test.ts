import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { systemRandom } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { eventually } from '../../test/support/eventually.ts'
import { selfSignedCertificate } from '../../test/support/self-signed.ts'
import { createListener, type Listener, type ListenerOptions } from './listener.ts'
import { readBody } from './read-body.ts'
import { sendEmpty, sendJson, sendText } from './respond.ts'
import { createRouter } from './router.ts'

let listener: Listener
let port: number
let handled: string[]
let failures: string[]
let streams: ServerResponse[]
let refusals: string[]
let options: ListenerOptions

beforeEach(async () => {
  handled = []
  refusals = []
  streams = []
  failures = []
  const router = createRouter([
    { method: 'GET', path: '/healthz', handler: async ({ response }) => sendText(response, 200, 'ok') },
    {
      method: 'GET',
      path: '/mcp/:server',
      handler: async ({ response, clientAddress }, { server }) => {
        handled.push(server ?? '')
        sendJson(response, 200, { server, clientAddress })
      },
    },
    {
      method: 'POST',
      path: '/echo',
      handler: async ({ request, response }) => {
        const body = await readBody(request, 10)
        if (body.ok) sendText(response, 200, Buffer.from(body.value).toString())
        else sendText(response, 413, body.refusal)
      },
    },
    { method: 'POST', path: '/unread', handler: async ({ response }) => sendText(response, 401, 'no') },
    { method: 'DELETE', path: '/unread', handler: async ({ response }) => sendEmpty(response, 204) },
    {
      method: 'GET',
      path: '/stream',
      handler: async ({ response }) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: begun\n\n')
        streams.push(response)
      },
    },
    {
      method: 'GET',
      path: '/broken',
      handler: async () => {
        throw new Error('secret detail')
      },
    },
  ])
  // Only what the listener reads; the port is known after listening.
  const snapshot = () =>
    ({
      publicUrl: `http://127.0.0.1:${port}`,
      isLoopback: true,
      trustedProxies: [],
      mutualTls: null,
    }) as unknown as Snapshot
  options = {
    current: snapshot,
    router,
    clock: systemClock,
    random: systemRandom,
    tls: null,
    onFailure: (requestId) => failures.push(requestId),
    onRefused: async ({ reason }) => void refusals.push(reason),
  }
  listener = createListener(options)
  port = 0
  port = (await listener.listen('127.0.0.1', 0)).port
})

afterEach(() => listener.close())

/** Sends exact bytes and reads until the server closes the connection. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

const get = (path: string, headers: string) => raw(`GET ${path} HTTP/1.1\r\n${headers}connection: close\r\n\r\n`)

describe('listener', () => {
  it('answers its own host', async () => {
    expect(await get('/mcp/files', `host: 127.0.0.1:${port}\r\n`)).toMatch(/^HTTP\/1.1 200 /)
    expect(handled).toEqual(['files'])
  })

  it.each([
    ['another name (DNS rebinding)', 'host: rebind.example\r\n'],
    ['localhost instead of the configured address', 'host: localhost\r\n'],
    ['a forwarded host of an untrusted peer', 'host: evil.example\r\nx-forwarded-host: 127.0.0.1\r\n'],
  ])('answers 421 to %s, and no handler runs', async (_title, headers) => {
    expect(await get('/mcp/files', headers)).toMatch(/^HTTP\/1.1 421 /)
    expect(handled).toEqual([])
  })

  it('answers 400 to no host, two hosts and absolute targets, and no handler runs', async () => {
    expect(await get('/mcp/files', '')).toMatch(/^HTTP\/1.1 400 /)
    expect(await get('/mcp/files', `host: 127.0.0.1:${port}\r\nhost: 127.0.0.1:${port}\r\n`)).toMatch(/^HTTP\/1.1 400 /)
    expect(await get('http://evil.example/mcp/files', `host: 127.0.0.1:${port}\r\n`)).toMatch(/^HTTP\/1.1 400 /)
    expect(handled).toEqual([])
    expect(refusals).toEqual(['httpMalformed', 'httpMalformed', 'targetMalformed'])
  })

  it.each([
    ['asks for a tunnel', 'CONNECT internal.example:443 HTTP/1.1', '', 405, 'methodNotAllowed'],
    ['expects what we do not know', 'GET /mcp/files HTTP/1.1', 'expect: 200-ok\r\n', 417, 'httpMalformed'],
    ['speaks a version that we do not', 'GET /mcp/files HTTP/2.0', '', 505, 'httpMalformed'],
  ])('a request that %s is answered, told of, and reaches no handler', async (_what, line, header, status, reason) => {
    const answer = await raw(`${line}\r\nhost: 127.0.0.1:${port}\r\n${header}connection: close\r\n\r\n`)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(refusals).toEqual([reason])
    expect(handled).toEqual([])
  })

  it('lets health checks ask by any host', async () => {
    expect(await get('/healthz', 'host: 10.1.2.3\r\n')).toMatch(/^HTTP\/1.1 200 /)
  })

  it('tells nothing of a failure but its request id', async () => {
    const answer = await get('/broken', `host: 127.0.0.1:${port}\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 500 /)
    expect(answer).not.toContain('secret detail')
    expect(failures).toHaveLength(1)
    expect(answer).toContain(failures[0])
  })

  it('stops reading a body at its limit, declared or not', async () => {
    const head = `POST /echo HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n`
    expect(await raw(`${head}content-length: 3\r\n\r\nabc`)).toContain('\r\n\r\nabc')
    expect(await raw(`${head}content-length: 11\r\n\r\nhello world`)).toMatch(/^HTTP\/1.1 413 /)
    expect(await raw(`${head}transfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 413 /,
    )
  })

  it('refuses a request that two servers would cut differently (RFC 9112 §6.1)', async () => {
    const head = `POST /echo HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n`
    expect(await raw(`${head}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 400 /,
    )
    expect(await raw(`${head}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`)).toMatch(/^HTTP\/1.1 400 /)
  })
})

describe('a connection', () => {
  /** Sends exact bytes and keeps its own side open, as a client that wants to hold the connection would. */
  async function hold(text: string) {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const held = { socket, answer: '' }
    socket.on('data', (chunk) => {
      held.answer += chunk.toString()
    })
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(text)
    return held
  }
  /** Resolves once the server has given the whole connection up: its own half alone would still take what we write. */
  async function cut(socket: Socket): Promise<void> {
    // Cut with something of ours unread, it is reset: `once` of events would take that for a failure.
    await new Promise<void>((resolve) => socket.once('end', resolve).once('close', () => resolve()))
    while (!socket.destroyed) {
      socket.write('x')
      await setImmediate()
    }
  }
  const head = (line: string) => `${line} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n`

  it('that asks leave to send its body (RFC 9110 §10.1.1) gets it when the body is read, and not before', async () => {
    const expecting = 'content-length: 3\r\nexpect: 100-continue\r\n\r\n'
    expect(await raw(`${head('POST /unread')}${expecting}`)).toMatch(/^HTTP\/1.1 401 /)
    const { socket, answer } = await hold(`${head('POST /echo')}${expecting}`)
    expect(answer).toBe('')
    expect(String(await once(socket, 'data'))).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('abc')
    expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1.1 200 .*\r\n\r\nabc$/s)
    socket.destroy()
  })

  it('on which a stream is open gets nothing of ours into it when it sends garbage: it is cut', async () => {
    const held = await hold(`${head('GET /stream')}\r\n`)
    await once(held.socket, 'data')
    held.socket.write('garbage\r\n\r\n')
    await cut(held.socket)
    expect(held.answer).toContain('data: begun')
    expect(held.answer).not.toContain('400')
  })

  it('with a request queued behind an open stream is cut too', async () => {
    const held = await hold(`${head('GET /stream')}\r\n`)
    // Its head and its first event may come in two pieces, and a reset throws away what was not read yet.
    await eventually(() => expect(held.answer).toContain('data: begun'))
    held.socket.write(`${head('GET /stream')}\r\ngarbage\r\n\r\n`)
    await cut(held.socket)
    expect(held.answer).not.toContain('400')
  })

  it.each([
    ['no HTTP', () => 'garbage\r\n\r\n', 400],
    ['more headers than fit', () => `${head('GET /healthz')}x: ${'y'.repeat(17_000)}\r\n\r\n`, 431],
  ])('that sends %s is answered and then closed, also when its other end stays open', async (_what, text, status) => {
    const held = await hold(text())
    await cut(held.socket)
    expect(held.answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })

  it('gets 204 without a length (RFC 9110 §8.6)', async () => {
    const answer = await raw(`${head('DELETE /unread')}connection: close\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 204 /)
    expect(answer).not.toMatch(/content-length|transfer-encoding/i)
  })

  it('with a long body that nobody reads is closed after the answer; one with a short body goes on', async () => {
    const long = await hold(`${head('POST /unread')}content-length: 70000\r\n\r\n`)
    expect(String(await once(long.socket, 'data'))).toMatch(/connection: close/i)
    const empty = await hold(`${head('DELETE /unread')}content-length: 70000\r\n\r\n`)
    expect(String(await once(empty.socket, 'data'))).toMatch(/connection: close/i)
    const short = await hold(`${head('POST /unread')}content-length: 3\r\n\r\nabc`)
    expect(String(await once(short.socket, 'data'))).toMatch(/connection: keep-alive/i)
    for (const { socket } of [long, empty, short]) socket.destroy()
  })

  it('that was answered while we close is closed at once, not when the time for draining is up', async () => {
    const { socket } = await hold(`${head('GET /stream')}\r\n`)
    await once(socket, 'data')
    const closed = listener.close()
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
    }, 2_900)
    streams[0]?.end()
    await closed
    clearTimeout(late)
    expect(isLate).toBe(false)
  })
})

describe('a connection that is slow', () => {
  const waits = { headersMs: 40, requestMs: 80, checkedEveryMs: 10 }

  async function listen(more: Partial<ListenerOptions>): Promise<void> {
    await listener.close()
    listener = createListener({ ...options, waits, ...more })
    port = (await listener.listen('127.0.0.1', 0)).port
  }

  it('to send its headers or its body is told so and cut', async () => {
    await listen({})
    expect(await raw('GET /mcp/files HTTP/1.1\r\nhost:')).toMatch(/^HTTP\/1.1 408 /)
    const head = `POST /echo HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: 5\r\n\r\n`
    expect(await raw(`${head}abc`)).toMatch(/^HTTP\/1.1 408 /)
  })

  it('to shake hands is cut', async () => {
    const { cert, key } = selfSignedCertificate(['127.0.0.1'])
    await listen({ tls: { certificate: cert, privateKey: key } })
    // The head of a TLS record whose body never comes.
    expect(await raw('\u0016\u0003\u0001\u0002\u0000')).toBe('')
    expect(await raw('GET / HTTP/1.1\r\n\r\n')).toBe('')
  })

  it('to shake hands does not keep us from closing', async () => {
    const { cert, key } = selfSignedCertificate(['127.0.0.1'])
    await listener.close()
    listener = createListener({ ...options, tls: { certificate: cert, privateKey: key } })
    port = (await listener.listen('127.0.0.1', 0)).port
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    await Promise.all([once(socket, 'close'), listener.close()])
  })
})
