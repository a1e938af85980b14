import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { AddressGuard } from '#audit/exchange/address-guard.ts'
import { runAudit } from '#audit/run-audit.ts'
import { type AuditReport, auditReportSchema } from '#report/model.ts'
import { toHtml } from '#report/to-html.ts'
import { toTable } from '#report/to-table.ts'

interface Hostile extends AsyncDisposable {
  readonly origin: string
  readonly asked: string[]
}

async function hostile(listener: RequestListener): Promise<Hostile> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const UNSAFE = /[\u001b\u0007\u202e]/

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.entries(value).flat().flatMap(textsIn) : []
}

function audit(url: string, timeoutMs = 1000, tokens: readonly string[] = []): Promise<AuditReport> {
  return runAudit({
    url,
    isPublic: false,
    mayWrite: true,
    people: [],
    tokens,
    devices: 0,
    client: null,
    otherResource: null,
    foreignTokens: [],
    safeCalls: [],
    upstream: null,
    requestsPerSecond: 0,
    timeoutMs,
    authority: null,
    patienceSeconds: 0,
    wait: () => Promise.resolve(),
    version: '0.0.0',
    startedAt: new Date(),
    progress: () => undefined,
  })
}

test.for<[name: string, listener: RequestListener, detail: RegExp]>([
  ['redirects for ever', (request, response) => response.writeHead(302, { location: request.url ?? '/' }).end(), /302/],
  [
    'answers with a page',
    (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello</p>'),
    /text\/html/,
  ],
  [
    'answers too many requests to everything',
    (_, response) => response.writeHead(429, { 'retry-after': '9999' }).end(),
    /429/,
  ],
  ['closes every connection', (request) => void request.socket.destroy(), /connection reset/],
  [
    'speaks something else than HTTP',
    (request) => void request.socket.end('SSH-2.0-OpenSSH\r\n'),
    /not HTTP|connection reset/,
  ],
  ['never answers', () => undefined, /timeout/],
  ['drips', (_, response) => void setInterval(() => response.write(' '), 50).unref(), /timeout/],
  [
    'sends a header without end',
    (_, response) => response.writeHead(200, { 'x-much': 'a'.repeat(60_000) }).end(),
    /not HTTP/,
  ],
  [
    'sends escape sequences for a media type',
    (_, response) => response.writeHead(200, { 'content-type': 'text/\u009b31m' }).end('x'),
    /\\u\{9b\}/,
  ],
])('a target that %s gets a clear verdict within seconds', { timeout: 15_000 }, async ([, listener, detail]) => {
  await using target = await hostile(listener)
  const report = await audit(`${target.origin}/mcp`, 300)
  expect([report.outcome, report.outcomeDetail]).toEqual(['unreachable', expect.stringMatching(detail)])
  expect(report.checks.every(({ verdict }) => verdict === 'not tested' || verdict === 'not applicable')).toBe(true)
  expect(report.grade.letter).toBe(null)
  expect(target.asked.length).toBeLessThan(30)
})

test('a target that stops answering in the middle is left alone after a few waits', async () => {
  let count = 0
  await using target = await hostile((_, response) => {
    count += 1
    if (count < 12) response.writeHead(401, { 'www-authenticate': 'Bearer' }).end()
  })
  const report = await audit(`${target.origin}/mcp`, 200)
  expect(report.outcome).toBe('audited')
  expect(target.asked.length).toBeLessThan(30)
  expect(report.checks.some(({ verdict }) => verdict === 'inconclusive')).toBe(true)
}, 15_000)

test('metadata without end, deep, or full of escape sequences neither fills the memory nor reaches a terminal', async () => {
  const evil = '\u001b]0;owned\u0007\u202e<script>alert(1)</script>'
  await using target = await hostile((request, response) => {
    const { host } = request.headers
    if (request.url?.startsWith('/.well-known/oauth-protected-resource'))
      return void response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          resource: evil,
          authorization_servers: [`http://${host}`, evil],
          scopes_supported: [evil, '*'],
        }),
      )
    if (request.url?.startsWith('/.well-known/')) {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (response.write(`[${'['.repeat(65_536)}`));
        response.once('drain', more)
      }
      return more()
    }
    response
      .writeHead(401, {
        'www-authenticate': `Bearer resource_metadata="http://${host}/.well-known/oauth-protected-resource/mcp"`,
      })
      .end(evil)
  })
  const before = process.memoryUsage().rss
  const report = auditReportSchema.parse(await audit(`${target.origin}/mcp`))
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
  for (const printed of [...textsIn(report), toTable([report])]) expect(UNSAFE.test(printed)).toBe(false)
  expect(toHtml([report])).not.toContain('<script>alert')
}, 30_000)

test('what a target names is asked only where it may lead: nothing of this machine or its network for a target elsewhere', async () => {
  const guard = new AddressGuard(new URL('https://203.0.113.7/mcp'))
  const asked = async (url: string) => guard.mayAsk(new URL(url))
  expect(await asked('https://203.0.113.7/token')).toBe(true)
  expect(await asked('https://198.51.100.1/token')).toBe(true)
  for (const url of [
    'http://198.51.100.1/token',
    'https://127.0.0.1/token',
    'https://localhost/token',
    'https://10.1.2.3/token',
    'https://192.168.1.1/token',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/token',
    'https://[::1]/token',
    'https://[::ffff:127.0.0.1]/token',
    'https://[fd00::1]/token',
    'https://0.0.0.0/token',
    'https://user:password@198.51.100.1/token',
    'file:///etc/passwd',
  ])
    expect([url, await asked(url)]).toEqual([url, false])
})

test('a target on this machine may name others on it, and nothing without TLS beyond it', async () => {
  const guard = new AddressGuard(new URL('http://127.0.0.1:1/mcp'))
  expect(await guard.mayAsk(new URL('http://127.0.0.1:2/token'))).toBe(true)
  expect(await guard.mayAsk(new URL('http://198.51.100.1/token'))).toBe(false)
  expect(await guard.mayAsk(new URL('http://10.1.2.3/token'))).toBe(false)
})

test('a token that a target repeats, wherever it does, is not in the report', async () => {
  await using target = await hostile((request, response) => {
    const token = String(request.headers.authorization).split(' ').at(-1)
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${token}"`, 'x-seen': token }).end(`you are ${token}`)
  })
  const report = await audit(`${target.origin}/mcp`, 1000, ['opaque-token-of-somebody'])
  expect(target.asked.length).toBeGreaterThan(20)
  expect(textsIn(report).filter((text) => text.includes('opaque-token-of-somebody'))).toEqual([])
})

test('no request goes anywhere but to the target and what it names', async () => {
  await using stranger = await hostile((_, response) => response.end('{}'))
  await using target = await hostile((request, response) => {
    if (request.url === '/elsewhere')
      return void response.writeHead(302, { location: `${stranger.origin}/redirected` }).end()
    response
      .writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="/elsewhere"', location: `${stranger.origin}/` })
      .end(`<link href="${stranger.origin}/style.css"><script src="${stranger.origin}/x.js"></script>`)
  })
  await audit(`${target.origin}/mcp`)
  expect(stranger.asked).toEqual([])
})
