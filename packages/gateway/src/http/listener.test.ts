import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { systemRandom } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { createListener, type Listener } from './listener.ts'
import { readBody } from './read-body.ts'
import { sendJson, sendText } from './respond.ts'
import { createRouter } from './router.ts'

let listener: Listener
let port: number
let handled: string[]
let failures: string[]

beforeEach(async () => {
  handled = []
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
    ({ publicUrl: `http://127.0.0.1:${port}`, isLoopback: true, trustedProxies: [] }) as unknown as Snapshot
  listener = createListener({
    current: snapshot,
    router,
    clock: systemClock,
    random: systemRandom,
    tls: null,
    onFailure: (requestId) => failures.push(requestId),
  })
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
    expect(await get('/mcp/files', `host: 127.0.0.1:${port}\r\nhost: 127.0.0.1:${port}\r\n`)).toMatch(
      /^HTTP\/1.1 (400|421) /,
    )
    expect(await get('http://evil.example/mcp/files', `host: 127.0.0.1:${port}\r\n`)).toMatch(/^HTTP\/1.1 400 /)
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
