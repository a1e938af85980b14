import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { asClientId, asRequestId, DEFAULT_TENANT } from '#core/ids.ts'
import { fetchDocument } from '#net/fetch-document.ts'
import {
  LOOPBACK_SNAPSHOT,
  openTestRegistry,
  type TestRegistry,
  type TestRegistryOptions,
} from '../support/client-registry.ts'
import { type Answer, type CountingServer, startHttp, startRaw } from '../support/hostile-server.ts'
import { selfSignedCertificate } from '../support/self-signed.ts'

/**
 * The attacker names a client_id URL, so that the gateway fetches something for them: a metadata service, a neighbour, a port of this
 * machine. Expected: refused before a connection is made (the target counts none), one answer for every forbidden place, no row.
 */
const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const item of closing.splice(0).reverse()) await item.close()
})

async function open(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const registry = await openTestRegistry(options)
  closing.push(registry)
  return registry
}

async function serve(answer: Answer, tls?: { key: string; cert: string }): Promise<CountingServer> {
  const server = await startHttp(answer, tls)
  closing.push(server)
  return server
}

async function problemOf(t: TestRegistry, clientId: string): Promise<string> {
  const resolved = await t.registry.resolve(asClientId(clientId), asRequestId('request-1'))
  return resolved.kind === 'documentInvalid' ? resolved.problem : resolved.kind
}

/** One address of every special-use range (RFC 6890 and updates), as it may stand in a URL. */
const SPECIAL = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '127.0.0.1',
  '127.1.2.3',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.0.170',
  '192.0.2.1',
  '192.31.196.1',
  '192.52.193.1',
  '192.88.99.1',
  '192.168.0.1',
  '192.175.48.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::ffff:7f00:1',
  '::ffff:a9fe:a9fe',
  '::ffff:808:808',
  '64:ff9b::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::808:808',
  '100::1',
  '2001::1',
  '2001:2::1',
  '2001:10::1',
  '2001:20::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '2002:808:808::1',
  '2620:4f:8000::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fec0::1',
  'ff02::1',
]

const NOT_FETCHED = 'The client metadata document could not be fetched.'
const NOT_PUBLIC = 'A client_id URL leads to the public network.'

describe('a special-use address', () => {
  let t: TestRegistry
  let answer: readonly string[] = []
  let asked = 0
  beforeAll(async () => {
    const resolve = (): Promise<readonly string[]> => {
      asked += 1
      return Promise.resolve(answer)
    }
    // Each attempt uses a host of its own, below what all hosts together may be asked in an hour.
    t = await openTestRegistry({ fetchOptions: { resolve } })
  })
  afterAll(async () => {
    await t.close()
  })

  test.each(SPECIAL)('%s by literal: refused', async (address) => {
    const host = address.includes(':') ? `[${address}]` : address
    // The canonical spelling, so that it is the address that refuses and not its spelling.
    const canonical = new URL(`https://${host}/`).host
    expect([NOT_FETCHED, NOT_PUBLIC]).toContain(await problemOf(t, `https://${canonical}/client.json`))
  })

  test.each(SPECIAL)('%s by name, alone and beside a public address: refused', async (address) => {
    for (const addresses of [[address], ['8.8.8.8', address], [address, '8.8.8.8']]) {
      answer = addresses
      const before = asked
      expect(await problemOf(t, `https://h${asked}.example/client.json`)).toBe(NOT_FETCHED)
      expect(asked).toBe(before + 1)
    }
  })

  test.each([
    'https://127.1/c',
    'https://0x7f000001/c',
    'https://2130706433/c',
    'https://0177.0.0.1/c',
    'https://127.0.0.1./c',
    'https://[::ffff:127.0.0.1]/c',
    'https://[0:0:0:0:0:0:0:1]/c',
    'https://localhost/c',
    'https://LOCALHOST/c',
    'https://127。0。0。1/c',
  ])('%s, spelled to be overlooked: refused without a lookup', async (url) => {
    const before = asked
    expect(await problemOf(t, url)).toMatch(/^A client_id URL /)
    expect(asked).toBe(before)
  })

  test('left no client behind, and every refusal its reason in the log', async () => {
    expect((await t.store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items).toEqual([])
    expect((await t.records()).some((record) => JSON.stringify(record).includes('addressNotAllowed'))).toBe(true)
  })
})

describe('a name that leads to this machine', () => {
  test('is refused before a connection: the server on that port sees nothing', async () => {
    const tls = selfSignedCertificate(['internal.example'])
    const target = await serve((_request, response) => response.end('secret'), tls)
    const t = await open({ fetchOptions: { resolve: () => Promise.resolve(['127.0.0.1']), ca: tls.cert } })
    expect(await problemOf(t, `https://internal.example:${target.port}/client.json`)).toBe(NOT_FETCHED)
    expect(target.connections()).toBe(0)
  })

  test('only when asked a second time (rebinding): the name is asked once, and the judged address is the one connected to', async () => {
    const target = await serve((_request, response) => response.end('secret'))
    let lookups = 0
    // First an address that passes and where nobody listens; whoever asked again before connecting would meet the target.
    const resolve = (): Promise<readonly string[]> => {
      lookups += 1
      return Promise.resolve(lookups === 1 ? ['127.0.0.2'] : ['127.0.0.1'])
    }
    const t = await open({ snapshot: LOOPBACK_SNAPSHOT, fetchOptions: { resolve } })
    expect(await problemOf(t, `http://localhost:${target.port}/client.json`)).toBe(NOT_FETCHED)
    expect(lookups).toBe(1)
    expect(target.connections()).toBe(0)
  })

  test('at the second fetch of a document that was fine at the first: judged anew, refused', async () => {
    const server = await serve((request, response) =>
      response.writeHead(200, JSON_TYPE).end(valid(request.headers.host)),
    )
    const answers = [['127.0.0.1'], ['169.254.169.254']]
    const t = await open({
      snapshot: LOOPBACK_SNAPSHOT,
      policy: { mode: 'open' },
      fetchOptions: { resolve: () => Promise.resolve(answers.shift() ?? []) },
    })
    expect(await problemOf(t, `http://localhost:${server.port}/client.json`)).toBe('active')
    t.clock.advance(24 * 3600)
    expect(await problemOf(t, `http://localhost:${server.port}/client.json`)).toBe(NOT_FETCHED)
    expect(server.requests()).toHaveLength(1)
  })

  test('even while the gateway itself is on loopback: only hosts that say loopback may be there', async () => {
    const tls = selfSignedCertificate(['internal.example'])
    const target = await serve((_request, response) => response.end('secret'), tls)
    const resolve = (): Promise<readonly string[]> => Promise.resolve(['127.0.0.1'])
    const t = await open({ snapshot: LOOPBACK_SNAPSHOT, fetchOptions: { resolve, ca: tls.cert } })
    expect(await problemOf(t, `https://internal.example:${target.port}/client.json`)).toBe(NOT_FETCHED)
    expect(target.connections()).toBe(0)
  })

  test('localhost that resolves elsewhere is refused, even while the gateway is on loopback', async () => {
    for (const address of ['10.0.0.1', '169.254.169.254', '8.8.8.8']) {
      const resolve = (): Promise<readonly string[]> => Promise.resolve([address])
      const t = await open({ snapshot: LOOPBACK_SNAPSHOT, fetchOptions: { resolve } })
      expect(await problemOf(t, 'http://localhost:9/client.json'), address).toBe(NOT_FETCHED)
    }
  })
})

/** From here on the fetcher may reach the hostile server, as it would reach one on the public network. */
describe('a host that answers to do harm', () => {
  const fetchOptions = { timeoutMs: 5_000 }
  let t: TestRegistry
  beforeAll(async () => {
    t = await openTestRegistry({ snapshot: LOOPBACK_SNAPSHOT, policy: { mode: 'open' }, fetchOptions })
  })
  afterAll(async () => {
    await t.close()
  })

  async function attempt(server: CountingServer, timeoutMs = 5_000): Promise<string> {
    fetchOptions.timeoutMs = timeoutMs
    const problem = await problemOf(t, `${server.origin}/client.json`)
    expect((await t.store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items).toEqual([])
    return problem
  }

  test.each([301, 302, 303, 307, 308])(
    '%i towards another server: the other server sees no connection',
    async (status) => {
      const target = await serve((_request, response) => response.end('{}'))
      const server = await serve((_request, response) =>
        response.writeHead(status, { location: `${target.origin}/` }).end(),
      )
      expect(await attempt(server)).toBe('The client metadata document is behind a redirect, which is not followed.')
      expect(target.connections()).toBe(0)
      expect(server.requests()).toEqual(['GET /client.json'])
    },
  )

  test('a document of one byte too many is refused, however it is sent', async () => {
    const announced = await serve((request, response) =>
      response.setHeader('content-type', 'application/json').end(padded(request.headers.host, 5_121)),
    )
    const chunked = await serve((request, response) => {
      response.setHeader('content-type', 'application/json').write(' ')
      response.end(padded(request.headers.host, 5_120))
    })
    for (const server of [announced, chunked])
      expect(await attempt(server)).toBe('The client metadata document is larger than 5120 bytes.')
  })

  test('a decompression bomb is not unpacked', async () => {
    const server = await serve((_request, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .end(Buffer.alloc(100)),
    )
    expect(await attempt(server)).toBe('The client metadata document came compressed although that was not asked for.')
  })

  test('a drip, silence, and a header that never ends are left at the time limit, and the connection with them', async () => {
    const drip = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    })
    const silent = await startRaw(() => {})
    const endless = await startRaw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('X: y\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    })
    closing.push(silent, endless)
    for (const server of [drip, silent, endless]) {
      expect(await attempt(server, 300)).toBe(NOT_FETCHED)
      await expect.poll(() => server.open()).toBe(0)
    }
  })

  test.each<[string, Answer]>([
    ['404', (_request, response) => response.writeHead(404, JSON_TYPE).end('{}')],
    ['201', (request, response) => response.writeHead(201, JSON_TYPE).end(valid(request.headers.host))],
    ['206', (request, response) => response.writeHead(206, JSON_TYPE).end(valid(request.headers.host))],
    [
      'HTML',
      (request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(valid(request.headers.host)),
    ],
    ['no content type', (request, response) => response.writeHead(200).end(valid(request.headers.host))],
    ['not UTF-8', (_request, response) => response.writeHead(200, JSON_TYPE).end(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['a list', (request, response) => response.writeHead(200, JSON_TYPE).end(`[${valid(request.headers.host)}]`)],
    [
      'another client_id',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { client_id: 'https://claude.ai/x' })),
    ],
    [
      'a client_id with a slash more',
      (request, response) =>
        response
          .writeHead(200, JSON_TYPE)
          .end(valid(request.headers.host, { client_id: `http://${request.headers.host}/client.json/` })),
    ],
    [
      'a secret',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { client_secret: 'x' })),
    ],
    [
      'a secret’s expiry',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { client_secret_expires_at: 0 })),
    ],
    [
      'a shared-secret method',
      (request, response) =>
        response
          .writeHead(200, JSON_TYPE)
          .end(valid(request.headers.host, { token_endpoint_auth_method: 'client_secret_basic' })),
    ],
    [
      'client_secret_jwt',
      (request, response) =>
        response
          .writeHead(200, JSON_TYPE)
          .end(valid(request.headers.host, { token_endpoint_auth_method: 'client_secret_jwt' })),
    ],
    [
      'private_key_jwt without keys',
      (request, response) =>
        response
          .writeHead(200, JSON_TYPE)
          .end(valid(request.headers.host, { token_endpoint_auth_method: 'private_key_jwt' })),
    ],
    [
      'private keys',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(
          valid(request.headers.host, {
            token_endpoint_auth_method: 'private_key_jwt',
            jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] },
          }),
        ),
    ],
    [
      'symmetric keys',
      (request, response) =>
        response
          .writeHead(200, JSON_TYPE)
          .end(valid(request.headers.host, { jwks: { keys: [{ kty: 'oct', k: 'x' }] } })),
    ],
    [
      'no name',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { client_name: undefined })),
    ],
    [
      'no redirect',
      (request, response) => response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { redirect_uris: [] })),
    ],
    [
      'a dangerous redirect',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { redirect_uris: ['javascript:alert(1)'] })),
    ],
    [
      'a dangerous logo',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { logo_uri: 'javascript:alert(1)' })),
    ],
    [
      'a jwks_uri without TLS',
      (request, response) =>
        response.writeHead(200, JSON_TYPE).end(valid(request.headers.host, { jwks_uri: 'http://169.254.169.254/' })),
    ],
  ])('a document with %s makes no client', async (_name, answer) => {
    const server = await serve(answer)
    const problem = await attempt(server)
    expect(problem).toMatch(/^(The|A) client metadata document /)
    expect(problem).not.toMatch(/127\.0\.0\.1|alert|169\.254|claude/)
  })

  test('no URL inside a document is fetched', async () => {
    const target = await serve((_request, response) => response.end())
    const inside = `https://127.0.0.1:${target.port}/x`
    const server = await serve((request, response) =>
      response.writeHead(200, JSON_TYPE).end(
        valid(request.headers.host, {
          logo_uri: inside,
          client_uri: inside,
          policy_uri: inside,
          tos_uri: inside,
          jwks_uri: inside,
          token_endpoint_auth_method: 'private_key_jwt',
        }),
      ),
    )
    const own = await open({ snapshot: LOOPBACK_SNAPSHOT, policy: { mode: 'open' } })
    expect(await problemOf(own, `${server.origin}/client.json`)).toBe('active')
    expect(target.connections()).toBe(0)
  })

  test('a self-signed certificate is not believed', async () => {
    const server = await serve((_request, response) => response.end('{}'), selfSignedCertificate(['127.0.0.1']))
    expect(await attempt(server)).toBe(NOT_FETCHED)
    expect(server.requests()).toEqual([])
  })
})

describe('client_id URLs that are refused by their text (nobody is asked)', () => {
  test.each([
    'http://client.example/c',
    'https://client.example',
    'https://client.example/',
    'https://client.example?x',
    'https://user@client.example/c',
    'https://user:pw@client.example/c',
    'https://client.example/c#f',
    'https://client.example/c#',
    'https://client.example/./c',
    'https://client.example/a/../c',
    'https://client.example/..',
    'https://client.example/%2e%2e/c',
    'https://client.example/%2E/c',
    'https://client.example/.%2e/c',
    'https://client.example/a\\..\\c',
    'https://client.example\\@evil.example/c',
    'https://client.example/c d',
    'https://client.example/c\n',
    'https://cli\tent.example/c',
    'https://CLIENT.example/c',
    'https://client.example./c',
    'https://client%2eexample/c',
    'https://cl\u0456ent.example/c',
    'https://:443/c',
    'https:/client.example/c',
    'https:client.example/c',
    'ftp://client.example/c',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:application/json,{}',
    'https://gateway.example/c',
    'https://gateway.example:443/c',
    `https://client.example/${'a'.repeat(600)}`,
  ])('%j', async (url) => {
    const t = sharedRegistry
    const resolved = await t.registry.resolve(asClientId(url), null)
    expect(['documentInvalid', 'unknown']).toContain(resolved.kind)
    expect(fetches).toBe(0)
  })

  let sharedRegistry: TestRegistry
  let fetches = 0
  beforeAll(async () => {
    sharedRegistry = await openTestRegistry({
      fetch: () => {
        fetches += 1
        throw new Error('fetched')
      },
    })
  })
  afterAll(async () => {
    await sharedRegistry.close()
  })
})

describe('while it is switched off', () => {
  test.each([{ mode: 'closed' } as const, { metadataDocuments: false }])('%j: nobody is asked', async (policy) => {
    const server = await serve((_request, response) => response.end())
    const t = await open({ policy, snapshot: LOOPBACK_SNAPSHOT })
    expect(await problemOf(t, `${server.origin}/client.json`)).toMatch(/^This gateway /)
    expect(server.connections()).toBe(0)
  })

  test('http towards the public network cannot be fetched at all', async () => {
    const fetched = await fetchDocument('http://client.example/c', {
      accept: '*/*',
      bytesMax: 1,
      timeoutMs: 100,
      network: 'public',
    })
    expect(fetched).toEqual({ ok: false, refusal: { reason: 'schemeNotAllowed' } })
  })
})

const JSON_TYPE = { 'content-type': 'application/json' }

function valid(host: string | undefined, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    client_id: `http://${host}/client.json`,
    client_name: 'Notes',
    redirect_uris: ['http://127.0.0.1/callback'],
    ...more,
  })
}

function padded(host: string | undefined, bytes: number): string {
  return valid(host).padEnd(bytes, ' ')
}
