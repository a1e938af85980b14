import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { type Answer, type CountingServer, startHttp, startRaw } from '../../test/support/hostile-server.ts'
import { selfSignedCertificate } from '../../test/support/self-signed.ts'
import { type FetchDocumentOptions, fetchDocument } from './fetch-document.ts'

const servers: CountingServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function http(answer: Answer): Promise<CountingServer> {
  const server = await startHttp(answer)
  servers.push(server)
  return server
}

const LOOPBACK: FetchDocumentOptions = {
  accept: 'application/json',
  bytesMax: 5120,
  timeoutMs: 5_000,
  network: 'loopback',
}

async function reasonOf(url: string, options: Partial<FetchDocumentOptions> = {}): Promise<string> {
  const fetched = await fetchDocument(url, { ...LOOPBACK, ...options })
  return fetched.ok ? `fetched ${fetched.value.status}` : fetched.refusal.reason
}

describe('fetching a document that somebody else chose', () => {
  test('gets status, headers and body; asks for identity and sends nothing about us', async () => {
    let seen: Record<string, unknown> = {}
    const server = await http((request, response) => {
      seen = request.headers
      response.setHeader('Cache-Control', 'max-age=60').end('{"a":1}')
    })
    const fetched = await fetchDocument(`${server.origin}/doc?x=1`, LOOPBACK)
    if (!fetched.ok) throw new Error(fetched.refusal.reason)
    expect(fetched.value.status).toBe(200)
    expect(fetched.value.headers['cache-control']).toBe('max-age=60')
    expect(Buffer.from(fetched.value.body).toString()).toBe('{"a":1}')
    expect(server.requests()).toEqual(['GET /doc?x=1'])
    expect(seen).toEqual({
      host: `127.0.0.1:${server.port}`,
      connection: 'keep-alive',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'sallyport',
    })
  })

  test.each([404, 410, 500, 503])('status %i is a result, not a failure', async (status) => {
    const server = await http((_request, response) => response.writeHead(status).end('{}'))
    expect(await reasonOf(`${server.origin}/`)).toBe(`fetched ${status}`)
  })

  test.each([300, 301, 302, 303, 304, 307, 308])('a %i is refused and its Location never asked', async (status) => {
    const target = await http((_request, response) => response.end('{}'))
    const server = await http((_request, response) =>
      response.writeHead(status, { location: `${target.origin}/` }).end(),
    )
    expect(await reasonOf(`${server.origin}/`)).toBe('redirect')
    expect(target.connections()).toBe(0)
  })

  test('a body of exactly the limit is read, one byte more is refused, announced or not', async () => {
    const sized = await http((request, response) => response.end(Buffer.alloc(Number(request.url?.slice(1)), 32)))
    expect(await reasonOf(`${sized.origin}/5120`)).toBe('fetched 200')
    expect(await reasonOf(`${sized.origin}/5121`)).toBe('tooLarge')
    const chunked = await http((request, response) => {
      response.flushHeaders()
      response.end(Buffer.alloc(Number(request.url?.slice(1)), 32))
    })
    expect(await reasonOf(`${chunked.origin}/5120`)).toBe('fetched 200')
    expect(await reasonOf(`${chunked.origin}/5121`)).toBe('tooLarge')
  })

  test('an endless body is broken off at the limit', async () => {
    const server = await http((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      }
      response.on('drain', more)
      more()
    })
    expect(await reasonOf(`${server.origin}/`)).toBe('tooLarge')
    await expect.poll(() => server.open()).toBe(0)
  })

  test('a compressed body is refused unread', async () => {
    const server = await http((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1_000_000))),
    )
    expect(await reasonOf(`${server.origin}/`)).toBe('compressed')
  })

  test('a dripping body, dripping headers and silence all end at the total time limit', async () => {
    const drip = await http((_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    })
    const slowHeaders = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('X-A: b\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    })
    const silent = await startRaw(() => {})
    servers.push(slowHeaders, silent)
    for (const server of [drip, slowHeaders, silent]) {
      expect(await reasonOf(`${server.origin}/`, { timeoutMs: 300 })).toBe('timedOut')
      await expect.poll(() => server.open()).toBe(0)
    }
  })

  test('a reset, a truncated body and bytes that are not HTTP are failures with a name', async () => {
    const reset = await startRaw((socket) => socket.once('data', () => socket.resetAndDestroy()))
    const truncated = await startRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}')),
    )
    const nonsense = await startRaw((socket) => socket.once('data', () => socket.end('SSH-2.0-nothing here\r\n')))
    const bigHeaders = await startRaw((socket) =>
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)),
    )
    servers.push(reset, truncated, nonsense, bigHeaders)
    expect(await reasonOf(`${reset.origin}/`)).toBe('unreachable')
    expect(await reasonOf(`${truncated.origin}/`)).toBe('reset')
    expect(await reasonOf(`${nonsense.origin}/`)).toBe('malformedResponse')
    expect(await reasonOf(`${bigHeaders.origin}/`)).toBe('tooLarge')
  })

  test('a closed port is unreachable, an unknown name is not resolved', async () => {
    const server = await startHttp(() => {})
    await server.close()
    expect(await reasonOf(`${server.origin}/`)).toBe('unreachable')
    const resolve = (): Promise<string[]> => Promise.reject(new Error('ENOTFOUND'))
    expect(await reasonOf('https://nowhere.example/', { resolve })).toBe('nameNotResolved')
  })

  test('a resolver that never answers ends at the time limit', async () => {
    const resolve = (): Promise<string[]> => new Promise(() => {})
    expect(await reasonOf('https://slow.example/', { resolve, timeoutMs: 200 })).toBe('timedOut')
  })

  test('a self-signed certificate is refused; the same one named as trusted is not; a wrong name is refused', async () => {
    const tls = selfSignedCertificate(['localhost', '127.0.0.1'])
    const server = await startHttp((_request, response) => response.end('{}'), tls)
    servers.push(server)
    const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1'])
    expect(await reasonOf(`${server.origin}/`)).toBe('tlsFailed')
    expect(server.requests()).toEqual([])
    expect(await reasonOf(`${server.origin}/`, { ca: tls.cert })).toBe('fetched 200')
    expect(await reasonOf(`https://localhost:${server.port}/`, { ca: tls.cert, resolve })).toBe('fetched 200')
    expect(await reasonOf(`https://other.example:${server.port}/`, { ca: tls.cert, resolve })).toBe('tlsFailed')
    expect(server.requests()).toHaveLength(2)
  })

  test('URLs that parsers disagree about are refused before anything else', async () => {
    const urls = [
      '',
      'nonsense',
      '//127.0.0.1/',
      'http://user@127.0.0.1/',
      'http://@127.0.0.1/',
      'http://user:pw@127.0.0.1/',
      'http://127.0.0.1\\@evil.example/',
      'http://127.0.0.1/ x',
      'http://127.0.0.1/\n',
      'http://127.0.0.1/#f',
      'http://127.0.0.1/#',
      'http://ex\u00e4mple/',
      `http://127.0.0.1/${'a'.repeat(2048)}`,
    ]
    for (const url of urls) expect(await reasonOf(url), url).toBe('urlInvalid')
    for (const url of ['file:///etc/passwd', 'ftp://127.0.0.1/', 'gopher://127.0.0.1/', 'ws://127.0.0.1/'])
      expect(await reasonOf(url), url).toBe(url.startsWith('file') ? 'urlInvalid' : 'schemeNotAllowed')
    expect(await reasonOf('http://example.com/', { network: 'public' })).toBe('schemeNotAllowed')
  })

  test('a caller may give up', async () => {
    const server = await http(() => {})
    const controller = new AbortController()
    const pending = reasonOf(`${server.origin}/`, { signal: controller.signal })
    await expect.poll(() => server.requests().length).toBe(1)
    controller.abort()
    expect(await pending).toBe('aborted')
    await expect.poll(() => server.open()).toBe(0)
  })
})
