import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '#core/secret.ts'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { openRawSession, send } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

const SENTINEL = 'token-sentinel.client~client-9'
const OUR_KEY = 'upstream-key-0123456789'
const REVEALING_CHILD = `
const say = (o) => process.stdout.write(JSON.stringify(o) + '\\n')
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const m = JSON.parse(line)
  if (m.method === 'initialize') say({ jsonrpc: '2.0', id: m.id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } } })
  else if (m.method === 'tools/list') say({ jsonrpc: '2.0', id: m.id, result: { tools: [{ name: 'get_all', inputSchema: { type: 'object' } }] } })
  else if (m.method === 'tools/call') say({ jsonrpc: '2.0', id: m.id, result: { content: [{ type: 'text', text: JSON.stringify({ env: process.env, argv: process.argv, line }) }] } })
})`

let gateway: DataPlaneGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream(({ body, json }) => {
    const params = body['params'] as { name?: string } | undefined
    if (body['method'] !== 'tools/call' || params?.name !== 'delete_thing') return false
    json({ jsonrpc: '2.0', id: body['id'], result: { content: [{ type: 'text', text: `key is ${OUR_KEY}` }] } })
    return true
  })
  gateway = await startDataPlane({
    servers: {
      http: {
        upstream: {
          kind: 'http',
          url: upstream.url,
          headers: new Map([['authorization', new Secret(`Bearer ${OUR_KEY}`)]]),
          network: 'loopback',
        },
      },
      stdio: {
        upstream: {
          kind: 'stdio',
          command: process.execPath,
          args: ['-e', REVEALING_CHILD],
          env: new Map(),
          cwd: null,
        },
      },
    },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

describe('the token of the caller opens the outer door and stops there', () => {
  test('no header, no body and no parameter of any upstream request holds it; the own credential is there instead', async () => {
    const session = await openRawSession(gateway.url('http'), SENTINEL)
    const noisy = {
      ...session.headers,
      cookie: 'a=b',
      'x-forwarded-authorization': `Bearer ${SENTINEL}`,
      'x-custom': '1',
    }
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'get_thing', arguments: { a: 1 } } }
    expect((await send(gateway.url('http'), 'POST', noisy, call)).status).toBe(200)
    expect((await send(gateway.url('http'), 'DELETE', noisy)).status).toBe(204)
    expect(upstream.seen.length).toBeGreaterThan(3)
    for (const request of upstream.seen) {
      expect(JSON.stringify(request)).not.toContain(SENTINEL)
      expect(request.headers['authorization']).toBe(`Bearer ${OUR_KEY}`)
      expect(request.headers).not.toHaveProperty('cookie')
      expect(request.headers).not.toHaveProperty('x-custom')
      expect(request.headers['mcp-session-id']).not.toBe(session.id)
    }
  })

  test('neither the environment, the arguments nor the messages of a child process hold it', async () => {
    const session = await openRawSession(gateway.url('stdio'), SENTINEL)
    const answer = await session.call(1, 'get_all', { a: 1 })
    expect(answer.text).toContain('PATH')
    expect(answer.text).not.toContain(SENTINEL)
    expect(answer.text).not.toContain(session.id)
  })

  test.each([
    ['in a string', { a: `x ${SENTINEL} y` }],
    ['deep inside', { a: [{ b: { c: [SENTINEL] } }] }],
    ['as a key', { [SENTINEL]: 1 }],
  ])('a caller who puts it into arguments %s is refused, and nothing is sent', async (_where, args) => {
    const session = await openRawSession(gateway.url('http'), SENTINEL)
    const before = upstream.of('tools/call').length
    const answer = await session.call(7, 'get_thing', args)
    const error = { code: -32602, message: 'Invalid params: they hold a credential, which is never passed on' }
    expect(answer.messages[0]).toMatchObject({ id: 7, error })
    expect(upstream.of('tools/call')).toHaveLength(before)
    expect(gateway.records.at(-1)).toMatchObject({ reason: 'argumentsRefused: bearerInArguments' })
  })

  test('escaping it in JSON does not hide it', async () => {
    const session = await openRawSession(gateway.url('http'), SENTINEL)
    const escaped = [...SENTINEL].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    const answer = await session.post(
      `{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"get_thing","arguments":{"a":"${escaped}"}}}`,
    )
    expect(answer.messages[0]).toMatchObject({ id: 8, error: { code: -32602 } })
  })

  test('an upstream that gives our credential away is not quoted', async () => {
    const session = await openRawSession(gateway.url('http'), SENTINEL)
    const answer = await session.call(9, 'delete_thing')
    expect(answer.text).not.toContain(OUR_KEY)
    expect(answer.messages[0]).toMatchObject({ id: 9, error: { code: -32603 } })
    expect(gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'credentialInResult' })
  })

  test('a caller who sends our credential is refused', async () => {
    const session = await openRawSession(gateway.url('http'), SENTINEL)
    const answer = await session.call(10, 'get_thing', { a: OUR_KEY })
    expect(answer.messages[0]).toMatchObject({ id: 10, error: { code: -32602 } })
  })
})
