import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { decodeJwt, importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { openSealer } from '#keys/sealer.ts'
import { loadSigningKeys } from '#keys/signing-keys.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { freePort } from '../e2e/support/gateway.ts'
import {
  admin,
  exportedRecords,
  type GatewayProcess,
  makePlace,
  type Place,
  runCli,
  spawnGateway,
} from '../support/gateway-process.ts'
import { explain, logInCaller, type McpCaller } from '../support/mcp-caller.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

const OWN_CREDENTIAL = 'own-credential-of-the-gateway-4711'
const LIE = 'stack at internal-host.example'

let upstream: ScriptedUpstream
let place: Place
let gateway: GatewayProcess
let caller: McpCaller
let expired: string

beforeAll(async () => {
  upstream = await startScriptedUpstream(async ({ body, json, response }) => {
    if (body['method'] === 'tools/list') {
      const tools = ['get_thing', 'get_slow', 'get_lie', 'get_broken', 'get_failure'].map((name) => ({ name }))
      json({
        jsonrpc: '2.0',
        id: body['id'],
        result: { tools: tools.map((tool) => ({ ...tool, inputSchema: { type: 'object' } })) },
      })
      return true
    }
    const tool = (body['params'] as { name?: string } | undefined)?.name
    if (tool === 'get_lie') json(`<html>${LIE}</html>`)
    else if (tool === 'get_broken') response.destroy()
    else if (tool === 'get_failure') response.writeHead(500).end(LIE)
    return ['get_slow', 'get_lie', 'get_broken', 'get_failure'].includes(tool ?? '')
  })
  const closed = await freePort()
  place = await makePlace(
    () => `servers:
  notes:
    http:
      url: '${upstream.url}'
      network: loopback
      headers: { Authorization: 'Bearer \${file:credential}' }
    limits: { requestBytesMax: 4096, callTimeoutSeconds: 1 }
  down: { http: { url: 'http://127.0.0.1:${closed}/mcp', network: loopback } }
`,
  )
  await writeFile(join(place.folder, 'credential'), OWN_CREDENTIAL, { mode: 0o600 })
  gateway = spawnGateway(place)
  await gateway.ready()
  caller = await logInCaller(place, 'alice', 'notes')
  gateway.child.kill('SIGTERM')
  await gateway.exit
  expired = await expiredCopy(caller.tokens.access_token)
  gateway = spawnGateway(place)
  await gateway.ready()
  await caller.openSession()
  await (await caller.post({ jsonrpc: '2.0', id: 'list', method: 'tools/list' })).text()
}, 60_000)

afterAll(async () => {
  gateway.child.kill('SIGKILL')
  await gateway.exit
  await upstream.close()
  await place.remove()
})

/** The same token, signed by the gateway's own key, an hour ago. */
async function expiredCopy(token: string): Promise<string> {
  const store = await openSqliteStore({ file: join(place.stateDir, 'sallyport.db') })
  try {
    const sealer = await openSealer(join(place.stateDir, 'keys', 'sealing.key'))
    const audit = { record: async () => {}, entry: () => Promise.reject(new Error('no key is made here')) }
    const keys = await loadSigningKeys(
      store.signingKeys,
      sealer,
      DEFAULT_TENANT,
      systemClock,
      systemRandom,
      audit as never,
    )
    const { kid, privateJwk } = keys.active
    const claims = decodeJwt(token)
    return await new SignJWT({ ...claims, iat: (claims.iat ?? 0) - 3_600, exp: (claims.iat ?? 0) - 2_700 })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
      .sign(await importJWK(privateJwk, 'ES256'))
  } finally {
    await store.close()
  }
}

interface Bad {
  readonly method?: string
  readonly path?: string
  readonly body?: string | Buffer
  /** Besides token, session, revision and media types; undefined leaves one out. */
  readonly headers?: () => Readonly<Record<string, string | undefined>>
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

function sendBad({ method = 'POST', path = '/mcp/notes', body, headers = () => ({}) }: Bad): Promise<Answer> {
  const all: Record<string, string | undefined> = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${caller.tokens.access_token}`,
    ...caller.session(),
    ...headers(),
  }
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: place.port, method, path, agent: false as const, headers: given }
    const sent = request(options, (response) => {
      text(response).then(
        (whole) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: whole }),
        reject,
      )
    })
    sent.on('error', reject)
    sent.end(body ?? (method === 'POST' ? message({}) : undefined))
  })
}

const message = (change: object) =>
  JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'get_thing' }, ...change })

/** At one stroke: half a file would be another bad one. */
async function replace(file: string, content: string | Buffer): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

/** Nothing of the machine, of the server behind it or of a credential. */
function expectDiscreet({ text: body, headers }: Answer): void {
  const { port } = new URL(upstream.url)
  for (const secret of [OWN_CREDENTIAL, caller.tokens.access_token, LIE, `:${port}`, place.folder, 'node:', '.js:']) {
    expect(body + JSON.stringify(headers)).not.toContain(secret)
  }
  expect(body).not.toMatch(/\n\s+at |Error:/)
}

/** Status, JSON-RPC code, id, and the reason in the one record. */
type Row = readonly [what: string, bad: Bad, status: number, code: number, id: number | null, reason: string]

const body = (content: string | Buffer): Bad => ({ body: content })
const withHeaders = (headers: Readonly<Record<string, string | undefined>>): Bad => ({ headers: () => headers })
const deep = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"a":${'['.repeat(80)}${']'.repeat(80)}}}`

const REFUSED: readonly Row[] = [
  ['half of a message', body('{"jsonrpc":"2.0","id":7,'), 400, -32_700, null, 'jsonInvalid'],
  ['nothing', body(' '), 400, -32_700, null, 'jsonInvalid'],
  ['bytes that are not UTF-8', body(Buffer.from([0x22, 0xff, 0x22])), 400, -32_700, null, 'jsonInvalid'],
  ['a key twice', body('{"jsonrpc":"2.0","id":7,"method":"ping","method":"x"}'), 400, -32_700, null, 'jsonInvalid'],
  [
    'a key twice, escaped',
    body('{"jsonrpc":"2.0","id":7,"method":"ping","\\u0069d":8}'),
    400,
    -32_700,
    null,
    'jsonInvalid',
  ],
  ['a deep message', body(deep), 400, -32_700, null, 'jsonInvalid'],
  [
    'an inexact number',
    body(message({ params: { a: 1 } }).replace('1}', '9007199254740993}')),
    400,
    -32_700,
    null,
    'jsonInvalid',
  ],
  [
    'half a surrogate pair',
    body(message({ method: 'x' }).replace('"x"', '"\\ud800"')),
    400,
    -32_700,
    null,
    'jsonInvalid',
  ],
  ['a string', body('"ping"'), 400, -32_600, null, 'messageInvalid'],
  ['another version of JSON-RPC', body(message({ jsonrpc: '1.0' })), 400, -32_600, 7, 'messageInvalid'],
  ['an id of null', body(message({ id: null })), 400, -32_600, null, 'messageInvalid'],
  ['params in a list', body(message({ params: [1] })), 400, -32_600, 7, 'messageInvalid'],
  ['a method and a result', body(message({ result: {} })), 400, -32_600, 7, 'messageInvalid'],
  ['an answer to no question', body('{"jsonrpc":"2.0","id":99,"result":{}}'), 400, -32_600, null, 'messageInvalid'],
  ['a batch', body(`[${message({})}]`), 400, -32_600, null, 'batchNotAllowed'],
  ['a second initialize', body(message({ method: 'initialize' })), 400, -32_600, 7, 'messageInvalid'],
  [
    'a message beyond the bound',
    body(message({ params: { a: 'x'.repeat(5_000) } })),
    413,
    -32_000,
    null,
    'bodyTooLarge',
  ],
  ['text', withHeaders({ 'content-type': 'text/plain' }), 415, -32_000, null, 'mediaTypeUnsupported'],
  ['no media type', withHeaders({ 'content-type': undefined }), 415, -32_000, null, 'mediaTypeUnsupported'],
  [
    'another charset',
    withHeaders({ 'content-type': 'application/json; charset=latin1' }),
    415,
    -32_000,
    null,
    'mediaTypeUnsupported',
  ],
  ['a compressed body', withHeaders({ 'content-encoding': 'gzip' }), 415, -32_000, null, 'mediaTypeUnsupported'],
  ['one media type accepted', withHeaders({ accept: 'application/json' }), 406, -32_000, null, 'notAcceptable'],
  [
    'a revision that is no date',
    withHeaders({ 'mcp-protocol-version': 'latest' }),
    400,
    -32_022,
    7,
    'revisionUnsupported',
  ],
  ['a revision to come', withHeaders({ 'mcp-protocol-version': '2027-07-28' }), 400, -32_022, 7, 'revisionUnsupported'],
  ['a modern header alone', withHeaders({ 'mcp-protocol-version': '2026-07-28' }), 400, -32_602, 7, 'metaInvalid'],
  [
    'a revision long gone',
    withHeaders({ 'mcp-protocol-version': '2024-11-05' }),
    400,
    -32_022,
    7,
    'revisionUnsupported',
  ],
  [
    'a modern message under another header',
    body(message({ params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } } })),
    400,
    -32_020,
    7,
    'headerMismatch',
  ],
  ['no session', withHeaders({ 'mcp-session-id': undefined }), 400, -32_000, null, 'sessionRequired'],
  ['an unknown session', withHeaders({ 'mcp-session-id': 'guessed' }), 404, -32_001, null, 'sessionUnknown: unknown'],
  ['a session id with a space', withHeaders({ 'mcp-session-id': 'a b' }), 400, -32_000, null, 'headerMalformed'],
  ['an unknown method', body(message({ method: 'tools/burn' })), 200, -32_601, 7, 'methodUnmapped'],
  ['an unknown tool', body(message({ params: { name: 'no_such_tool' } })), 200, -32_602, 7, 'toolUnknown'],
  [
    'a call without a tool',
    body(message({ params: {} })),
    200,
    -32_602,
    7,
    'argumentsRefused: "name" must be the name of a tool',
  ],
  [
    'a GET that takes no stream',
    { method: 'GET', headers: () => ({ accept: 'text/html' }) },
    406,
    -32_000,
    null,
    'notAcceptable',
  ],
  ['an unknown server', { path: '/mcp/nowhere' }, 404, -32_000, null, 'serverUnknown'],
  ['a token in the URL', { path: '/mcp/notes?access_token=x' }, 400, -32_000, null, 'tokenInQuery'],
  ['no token', withHeaders({ authorization: undefined }), 401, -32_000, null, 'tokenMissing'],
  [
    'two tokens in one header',
    withHeaders({ authorization: 'Bearer a b' }),
    400,
    -32_000,
    null,
    'authorizationMalformed',
  ],
  ['a token of another server', { path: '/mcp/down' }, 401, -32_000, null, 'tokenInvalid: audienceMismatch'],
  [
    'a forged token',
    { headers: () => ({ authorization: `Bearer ${forge(caller.tokens.access_token)}` }) },
    401,
    -32_000,
    null,
    'tokenInvalid: signatureInvalid',
  ],
  [
    'an expired token',
    { headers: () => ({ authorization: `Bearer ${expired}` }) },
    401,
    -32_000,
    null,
    'tokenInvalid: expired',
  ],
]

/** Another subject under the old signature. */
function forge(token: string): string {
  const [head, , signature] = token.split('.')
  const claims = { ...decodeJwt(token), sub: 'somebody-else' }
  return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}

/** A tool that nobody knows makes the gateway ask for the list once, with nothing of the caller in it. */
function seenButLists(): number {
  return upstream.seen.length - upstream.of('tools/list').length
}

describe('what is refused', () => {
  it.each(REFUSED)('%s: one answer, one record, nothing forwarded', async (_what, bad, status, code, id, reason) => {
    const forwarded = seenButLists()
    const answer = await sendBad(bad)
    const requestId = String(answer.headers['x-request-id'])
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
      status,
      { jsonrpc: '2.0', id, error: { code, data: { requestId } } },
    ])
    expect(await explain(place, requestId)).toMatchObject([{ outcome: 'refused', reason }])
    expect(seenButLists()).toBe(forwarded)
    expectDiscreet(answer)
  })

  it.each(['PUT', 'PATCH', 'PROPFIND'])('%s: 405 with what is allowed, one record', async (method) => {
    const forwarded = upstream.seen.length
    const answer = await sendBad({ method })
    expect([answer.status, answer.headers['allow']]).toEqual([405, expect.stringContaining('POST')])
    const records = await explain(place, String(answer.headers['x-request-id']))
    // Whoever sends it is not looked at, so equal ones share a record.
    if (method === 'PUT') expect(records).toMatchObject([{ outcome: 'refused', reason: 'methodNotAllowed' }])
    expect(upstream.seen.length).toBe(forwarded)
    expectDiscreet(answer)
  })
})

describe('an upstream that is slow, lies or breaks off', () => {
  it.each([
    ['get_slow', 'upstreamTimeout'],
    ['get_lie', 'jsonInvalid'],
    ['get_broken', 'unreachable'],
    ['get_failure', 'status500'],
  ])('%s: an error in JSON-RPC, one outcome', async (name, reason) => {
    const answer = await sendBad(body(message({ params: { name } })))
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([200, { id: 7, error: { code: -32_603 } }])
    const records = await explain(place, String(answer.headers['x-request-id']))
    expect(records).toMatchObject([{ activity: 'call.outcome', outcome: 'unknown', reason }])
    expectDiscreet(answer)
    expect(await sendBad(body(message({ id: 8 })))).toMatchObject({ status: 200 })
  })

  it('that is down: no session, an error in JSON-RPC, one outcome', async () => {
    const other = await logInCaller(place, 'bob', 'down')
    const initialize = {
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
    }
    const answer = await sendBad({
      path: '/mcp/down',
      body: message(initialize),
      headers: () => ({
        authorization: `Bearer ${other.tokens.access_token}`,
        'mcp-session-id': undefined,
        'mcp-protocol-version': undefined,
      }),
    })
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([200, { id: 7, error: { code: -32_603 } }])
    expect(answer.headers['mcp-session-id']).toBeUndefined()
    const records = await explain(place, String(answer.headers['x-request-id']))
    expect(records.filter(({ outcome }) => outcome !== 'success')).toMatchObject([
      { reason: expect.stringContaining('unreachable') },
    ])
    expectDiscreet(answer)
  })
})

describe('a configuration that cannot be read', () => {
  const broken: readonly (readonly [string, (file: string) => Promise<void>])[] = [
    ['is not YAML', (file) => replace(file, 'version: 1\nservers: {a: [\n')],
    ['holds an unknown key', (file) => replace(file, 'version: 1\nserver: {}\n')],
    ['is not UTF-8', (file) => replace(file, Buffer.from([0xff, 0xfe, 0x00]))],
    ['is empty', (file) => replace(file, '')],
    ['is missing', (file) => rm(file)],
    [
      'is a folder',
      async (file) => {
        await rm(file)
        await mkdir(file)
      },
    ],
  ]

  // A file cannot become a folder at one stroke, and what is seen in between would be a record of its own.
  const atOnce = broken.filter(([what]) => what !== 'is a folder')

  it('at reload: the old one stays in force, and one record says so, whatever is wrong with it', async () => {
    const other = await makePlace(() => `servers: { notes: { http: { url: '${upstream.url}', network: loopback } } }\n`)
    const good = await readFile(other.configFile)
    const running = spawnGateway(other)
    const state = async () =>
      ((await (await fetch(`${other.origin}/readyz`)).json()) as { configuration: string }).configuration
    const rejected = async () =>
      (await exportedRecords(other)).filter(({ activity_name: name }) => name === 'config.rejected')
    try {
      await running.ready()
      const client = await logInCaller(other, 'alice', 'notes')
      await client.openSession()
      for (const [index, [what, spoil]] of atOnce.entries()) {
        await spoil(other.configFile)
        await vi.waitFor(async () => expect(await state(), what).toBe('stale'), { timeout: 10_000, interval: 50 })
        expect((await client.call(index, 'get_thing')).status, what).toBe(200)
        expect((await admin(other, 'GET', '/users')).status, what).toBe(200)
        await replace(other.configFile, good)
        running.child.kill('SIGHUP')
        await vi.waitFor(async () => expect(await state(), what).toBe('ok'), { timeout: 10_000, interval: 50 })
      }
      const records = await rejected()
      expect(records.map(({ status, status_code: reason }) => `${status} ${reason}`)).toEqual(
        atOnce.map(() => 'refused configurationInvalid'),
      )
    } finally {
      running.child.kill('SIGKILL')
      await running.exit
      await other.remove()
    }
  }, 60_000)

  it.each(broken)(
    '%s, at start: it does not start, says where, and exits with 4',
    async (_what, spoil) => {
      const other = await makePlace(() => '')
      try {
        await spoil(other.configFile)
        const { code, out, err } = await runCli(other, 'serve')
        expect([code, out]).toEqual([4, ''])
        expect(err).toContain('sallyport.yaml')
        expect(err).not.toMatch(/\n\s+at |node:/)
      } finally {
        await rm(other.folder, { recursive: true, force: true })
      }
    },
    30_000,
  )
})
