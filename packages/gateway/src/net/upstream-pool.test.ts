import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { type Answer, type CountingServer, startHttp, startRaw } from '../../test/support/hostile-server.ts'
import { selfSignedCertificate } from '../../test/support/self-signed.ts'
import { OutboundFailure } from './outbound-failure.ts'
import { openUpstreamPool, type UpstreamPool, type UpstreamPoolOptions, type UpstreamRequest } from './upstream-pool.ts'

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const item of closing.splice(0).reverse()) await item.close()
})

async function http(answer: Answer): Promise<CountingServer> {
  const server = await startHttp(answer)
  closing.push(server)
  return server
}

function pool(origin: string, options: Partial<UpstreamPoolOptions> = {}): UpstreamPool {
  const opened = openUpstreamPool({ origin, network: 'loopback', ...options })
  closing.push(opened)
  return opened
}

const GET: UpstreamRequest = { method: 'GET', path: '/', headers: {}, bytesMax: 1_000_000 }

async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'no failure',
    (error: unknown) => (error instanceof OutboundFailure ? error.reason : String(error)),
  )
}

describe('requests to an upstream', () => {
  test('carry method, path, headers and body, and bring back status, headers and body', async () => {
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      const body = await text(request)
      response.writeHead(201, { 'x-a': ['1', '2'], 'content-type': 'application/json' })
      response.end(
        JSON.stringify({ body, auth: request.headers.authorization, encoding: request.headers['accept-encoding'] }),
      )
    }
    const server = await http((request, response) => void answer(request, response))
    const response = await pool(server.origin).request({
      ...GET,
      method: 'POST',
      path: '/mcp?x=%20',
      headers: { authorization: 'Bearer own' },
      body: new TextEncoder().encode('xhellox').subarray(1, 6),
    })
    expect(response.status).toBe(201)
    expect(response.headers['x-a']).toBe('1, 2')
    expect(JSON.parse(await text(response.body))).toEqual({ body: 'hello', auth: 'Bearer own', encoding: 'identity' })
    expect(server.requests()).toEqual(['POST /mcp?x=%20'])
  })

  test('reuse a connection once its body has been read', async () => {
    const server = await http((_request, response) => response.end('ok'))
    const upstream = pool(server.origin)
    for (let i = 0; i < 20; i += 1) await text((await upstream.request(GET)).body)
    // Two, not one: the library frees a connection just after its reader has seen the end.
    expect(server.connections()).toBeLessThanOrEqual(2)
    expect(upstream.inFlight()).toBe(0)
  })

  test('do not follow redirects: the 3xx is the answer', async () => {
    const target = await http((_request, response) => response.end())
    const server = await http((_request, response) => response.writeHead(307, { location: target.origin }).end())
    expect((await pool(server.origin).request(GET)).status).toBe(307)
    expect(target.connections()).toBe(0)
  })

  test('an empty answer holds nothing, even if nobody reads it', async () => {
    const server = await http((_request, response) => response.writeHead(202, { 'content-length': '0' }).end())
    const upstream = pool(server.origin, { connectionsMax: 1 })
    for (let i = 0; i < 3; i += 1) expect((await upstream.request({ ...GET, method: 'POST' })).status).toBe(202)
    expect(upstream.inFlight()).toBe(0)
  })

  test('beyond the limit they are refused at once, not queued, and a freed place is used again', async () => {
    const server = await http((_request, response) => response.flushHeaders())
    const upstream = pool(server.origin, { connectionsMax: 2 })
    const [first] = await Promise.all([upstream.request(GET), upstream.request(GET)])
    expect(await failure(upstream.request(GET))).toBe('busy')
    expect(server.requests()).toHaveLength(2)
    first?.body.destroy()
    await expect.poll(() => upstream.inFlight()).toBe(1)
    expect((await upstream.request(GET)).status).toBe(200)
  })
})

describe('bodies', () => {
  test('an event stream may be silent for longer than other bodies and is delivered as it comes', async () => {
    const server = await http((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      setTimeout(() => response.end('data: 2\n\n'), 2_500)
    })
    const upstream = pool(server.origin)
    const patient = await upstream.request({ ...GET, bodyIdleTimeoutMs: null, bytesMax: null })
    const hasty = await upstream.request({ ...GET, bodyIdleTimeoutMs: 200 })
    expect(await failure(text(hasty.body))).toBe('timedOut')
    expect(await text(patient.body)).toBe('data: 1\n\ndata: 2\n\n')
  })

  test('a hundred streams run side by side', async () => {
    const server = await http((request, response) => {
      response.writeHead(200)
      response.write(`${request.url} `)
      setTimeout(() => response.end('done'), 50)
    })
    const upstream = pool(server.origin)
    const texts = await Promise.all(
      Array.from(
        { length: 100 },
        async (_unused, i) => await text((await upstream.request({ ...GET, path: `/${i}` })).body),
      ),
    )
    expect(texts).toEqual(Array.from({ length: 100 }, (_unused, i) => `/${i} done`))
    expect(server.connections()).toBe(100)
  })

  test('a reader that stops stops the upstream (backpressure)', async () => {
    let written = 0
    const server = await http((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && written < 64_000_000) {
          written += 65_536
          if (!response.write(Buffer.alloc(65_536))) return
        }
      }
      response.on('drain', more)
      more()
    })
    const response = await pool(server.origin).request({ ...GET, bytesMax: null })
    const reader = response.body[Symbol.asyncIterator]()
    await reader.next()
    let before = -1
    // Written settles once both kernels' buffers are full, far below what the server would like to send.
    const hasSettled = (): boolean => {
      const isSame = before === written
      before = written
      return isSame
    }
    await expect.poll(hasSettled, { interval: 200 }).toBe(true)
    expect(written).toBeLessThan(20_000_000)
    await reader.return?.()
    await expect.poll(() => server.open()).toBe(0)
  })

  test('break off at the byte limit, announced or not', async () => {
    const server = await http((request, response) => {
      if (request.url === '/chunked') response.flushHeaders()
      response.end(Buffer.alloc(2_000))
    })
    const upstream = pool(server.origin)
    expect(await failure(upstream.request({ ...GET, bytesMax: 1_999 }))).toBe('tooLarge')
    const chunked = await upstream.request({ ...GET, path: '/chunked', bytesMax: 1_999 })
    expect(await failure(text(chunked.body))).toBe('tooLarge')
    expect(await text((await upstream.request({ ...GET, bytesMax: 2_000 })).body)).toHaveLength(2_000)
    await expect.poll(() => upstream.inFlight()).toBe(0)
  })

  test('are never decompressed', async () => {
    const server = await http((_request, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('x'))
    const upstream = pool(server.origin)
    expect(await failure(upstream.request(GET))).toBe('compressed')
    await expect.poll(() => upstream.inFlight()).toBe(0)
  })

  test('a connection that breaks in the middle is a reset, not an end', async () => {
    const server = await startRaw((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
        setTimeout(() => socket.destroy(), 50)
      }),
    )
    closing.push(server)
    const upstream = pool(server.origin)
    const response = await upstream.request(GET)
    expect(await failure(text(response.body))).toBe('reset')
    expect(upstream.inFlight()).toBe(0)
  })
})

describe('giving up', () => {
  test('a signal ends a request that waits for its headers, and one in the middle of its body', async () => {
    const server = await http((request, response) => {
      if (request.url === '/body') response.write('x')
    })
    const upstream = pool(server.origin)
    const waiting = new AbortController()
    const pending = upstream.request({ ...GET, signal: waiting.signal })
    await expect.poll(() => server.requests().length).toBe(1)
    waiting.abort()
    expect(await failure(pending)).toBe('aborted')

    const reading = new AbortController()
    const response = await upstream.request({ ...GET, path: '/body', signal: reading.signal })
    const rest = text(response.body)
    reading.abort()
    expect(await failure(rest)).toBe('aborted')
    await expect.poll(() => server.open()).toBe(0)
    expect(upstream.inFlight()).toBe(0)
  })

  test('a signal ends a request whose connection is still being made, at once, and its place is free when that ends', async () => {
    const resolving = Promise.withResolvers<string[]>()
    const upstream = pool('http://upstream.example:9', { resolve: () => resolving.promise })
    const signal = new AbortController()
    const pending = upstream.request({ ...GET, signal: signal.signal })
    signal.abort()
    expect(await failure(pending)).toBe('aborted')
    resolving.resolve([])
    await expect.poll(() => upstream.inFlight()).toBe(0)
    expect(await failure(upstream.request({ ...GET, signal: signal.signal }))).toBe('aborted')
    expect(upstream.inFlight()).toBe(0)
  })

  test('an interim answer is not the answer (RFC 9110 §15.2)', async () => {
    const server = await http((_request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' })
      response.end('ok')
    })
    const response = await pool(server.origin).request(GET)
    expect([response.status, await text(response.body)]).toEqual([200, 'ok'])
  })

  test('headers that do not come end at their time limit', async () => {
    const server = await http(() => {})
    expect(await failure(pool(server.origin).request({ ...GET, headersTimeoutMs: 100 }))).toBe('timedOut')
  })

  test('closing breaks off what is under way and refuses what comes after', async () => {
    const server = await http((_request, response) => response.write('x'))
    const upstream = pool(server.origin)
    const response = await upstream.request(GET)
    const rest = text(response.body)
    await upstream.close()
    expect(await failure(rest)).toBe('closed')
    expect(await failure(upstream.request(GET))).toBe('closed')
  })
})

describe('where a pool may connect', () => {
  test('an upstream on the wrong network is refused before a connection is made', async () => {
    const server = await http((_request, response) => response.end())
    expect(await failure(pool(server.origin, { network: 'private' }).request(GET))).toBe('addressNotAllowed')
    const named = pool(`http://upstream.example:${server.port}`, {
      network: 'private',
      resolve: () => Promise.resolve(['10.0.0.7', '127.0.0.1']),
    })
    expect(await failure(named.request(GET))).toBe('addressNotAllowed')
    expect(server.connections()).toBe(0)
  })

  test('a name is resolved anew for a new connection, and judged anew', async () => {
    const server = await http((_request, response) => response.setHeader('connection', 'close').end('ok'))
    const answers = [['127.0.0.1'], ['169.254.169.254']]
    const upstream = pool(`http://upstream.example:${server.port}`, {
      resolve: () => Promise.resolve(answers.shift() ?? []),
    })
    expect(await text((await upstream.request(GET)).body)).toBe('ok')
    expect(await failure(upstream.request(GET))).toBe('addressNotAllowed')
    expect(server.connections()).toBe(1)
  })

  test('the second address of a name is tried when the first cannot be reached', async () => {
    const server = await http((_request, response) => response.end('ok'))
    const upstream = pool(`http://upstream.example:${server.port}`, {
      resolve: () => Promise.resolve(['::1', '127.0.0.1']),
    })
    expect(await text((await upstream.request(GET)).body)).toBe('ok')
  })

  test('certificates are verified', async () => {
    const tls = selfSignedCertificate(['127.0.0.1'])
    const server = await startHttp((_request, response) => response.end('ok'), tls)
    closing.push(server)
    expect(await failure(pool(server.origin).request(GET))).toBe('tlsFailed')
    expect(server.requests()).toEqual([])
    expect(await text((await pool(server.origin, { ca: tls.cert }).request(GET)).body)).toBe('ok')
  })

  test('plain http to the public network, a path in the origin and other schemes cannot be opened at all', () => {
    for (const origin of [
      'http://example.com',
      'ftp://127.0.0.1',
      'https://example.com/x',
      'https://u@example.com',
      'x',
    ])
      expect(() => openUpstreamPool({ origin, network: 'public' }), origin).toThrow(TypeError)
  })
})

describe('what a request may carry', () => {
  test.each([
    [{ 'X\r\nY': 'a' }],
    [{ '': 'a' }],
    [{ 'x y': 'a' }],
    [{ x: 'a\r\nInjected: 1' }],
    [{ x: 'a\nb' }],
    [{ x: 'a\u0000' }],
    [{ x: '\u00e9' }],
    [{ host: 'other.example' }],
    [{ 'Transfer-Encoding': 'chunked' }],
    [{ 'Content-Length': '5' }],
    [{ connection: 'upgrade' }],
    [{ 'accept-encoding': 'gzip' }],
    [{ a: '1', A: '2' }],
  ])('headers %j are refused unsent', async (headers) => {
    const server = await http((_request, response) => response.end())
    await expect(pool(server.origin).request({ ...GET, headers: headers as Record<string, string> })).rejects.toThrow(
      TypeError,
    )
    expect(server.connections()).toBe(0)
  })

  test.each(['', 'x', 'http://other.example/', '/a b', '/a\r\nX: y', '/\u00e9', '/#f', '/a\\b'])(
    'path %j is refused unsent',
    async (path) => {
      const server = await http((_request, response) => response.end())
      await expect(pool(server.origin).request({ ...GET, path })).rejects.toThrow(TypeError)
      expect(server.connections()).toBe(0)
    },
  )
})
