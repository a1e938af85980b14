import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../../packages/gateway/test/support/eventually.ts'
import { Job } from './job.ts'
import type { LoadJob } from './messages.ts'

const TEXT = 'bench:begin 0123456789 bench:end'

interface Seen {
  readonly method: string
  readonly name: string | undefined
  readonly headers: IncomingHttpHeaders
}

interface FakeServer {
  readonly port: number
  readonly seen: Seen[]
  /** For tools/call. */
  status: number
  close(): void
}

let folder = ''
const servers: FakeServer[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-job-'))
})
afterEach(async () => {
  for (const server of servers.splice(0)) server.close()
  await rm(folder, { recursive: true })
})

test('doors get connections, sessions and calls in turn, each with its own tokens in turn', async () => {
  const [first, second] = [await fakeServer(), await fakeServer()]
  const job = await Job.open({
    ...LEGACY,
    connections: 4,
    sessionsPerDoor: 1,
    doors: [await door(first, ['a', 'b']), await door(second, ['c'])],
  })
  const result = await runUntil(job, () => Math.min(callsOf(first).length, callsOf(second).length) > 20)
  expect(result).toMatchObject({ wrong: 0, problems: [] })
  expect(result.answered).toBe(callsOf(first).length + callsOf(second).length)
  for (const [server, tokens] of [
    [first, ['Bearer a', 'Bearer b']],
    [second, ['Bearer c']],
  ] as const) {
    expect(server.seen.filter(({ method }) => method === 'initialize')).toHaveLength(1)
    expect(server.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(1)
    expect([...new Set(callsOf(server).map(({ headers }) => headers.authorization))].sort()).toEqual(tokens)
    expect(callsOf(server).every(({ headers }) => headers['mcp-session-id'] === 'session')).toBe(true)
  }
})

test('every token is shown once, whatever the number of connections', async () => {
  const server = await fakeServer()
  const tokens = Array.from({ length: 50 }, (_, number) => `token-${number}`)
  const job = await Job.open({ ...LEGACY, doors: [await door(server, tokens)] })
  await job.showTokens()
  await job.end()
  const shown = server.seen.filter(({ method }) => method === 'ping').map(({ headers }) => headers.authorization)
  expect(shown.sort()).toEqual(tokens.map((token) => `Bearer ${token}`).sort())
})

test('the revision without sessions opens none, and its headers say what the body says', async () => {
  const server = await fakeServer()
  const job = await Job.open({ ...LEGACY, wire: 'modern', doors: [await door(server, ['a'])] })
  await runUntil(job, () => callsOf(server).length > 5)
  expect(new Set(server.seen.map(({ method }) => method))).toEqual(new Set(['tools/call']))
  expect(callsOf(server)[0]).toMatchObject({
    name: 'read_small_json',
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'read_small_json',
      authorization: 'Bearer a',
    },
  })
  expect(callsOf(server)[0]?.headers['mcp-session-id']).toBeUndefined()
})

test('answers that are not 200 are wrong, and told', async () => {
  const server = await fakeServer()
  server.status = 503
  const job = await Job.open({ ...LEGACY, doors: [await door(server, ['a'])] })
  const result = await runUntil(job, () => callsOf(server).length > 5)
  expect(result).toMatchObject({ answered: 0, wrong: callsOf(server).length })
  expect(result.problems.join()).toContain('× status 503')
})

const LEGACY: Omit<LoadJob, 'doors'> = {
  wire: 'legacy',
  connections: 2,
  sessionsPerDoor: 2,
  tool: 'read_small_json',
  chars: TEXT.length,
  logMessages: 0,
  drainMs: 5_000,
}

async function runUntil(job: Job, isEnough: () => boolean) {
  job.begin()
  job.count()
  await eventually(() => expect(isEnough()).toBe(true))
  return job.end()
}

function callsOf({ seen }: FakeServer): Seen[] {
  return seen.filter(({ method }) => method === 'tools/call')
}

async function door(server: FakeServer, tokens: readonly string[]) {
  const tokensFile = join(folder, `tokens-${server.port}`)
  await writeFile(tokensFile, tokens.join('\n'))
  return { target: { port: server.port, path: '/mcp', ca: null }, tokensFile }
}

async function fakeServer(): Promise<FakeServer> {
  const seen: Seen[] = []
  const http: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body =
        request.method === 'POST' ? JSON.parse(Buffer.concat(chunks).toString()) : { method: 'DELETE', id: 0 }
      seen.push({ method: body.method, name: body.params?.name, headers: request.headers })
      const result =
        body.method === 'initialize' ? { protocolVersion: '2025-06-18' } : { content: [{ type: 'text', text: TEXT }] }
      const text = body.id === undefined ? '' : JSON.stringify({ jsonrpc: '2.0', id: body.id, result })
      const status = body.id === undefined ? 202 : body.method === 'tools/call' ? server.status : 200
      const headers = { 'content-type': 'application/json', 'content-length': text.length, 'mcp-session-id': 'session' }
      response.writeHead(status, headers).end(text)
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo // It listens on a port.
  const server: FakeServer = {
    port,
    seen,
    status: 200,
    close: () => {
      http.closeAllConnections()
      http.close()
    },
  }
  servers.push(server)
  return server
}
