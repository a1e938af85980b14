import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { openRawSession } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

const ECHO_CHILD = `
const say = (o) => process.stdout.write(JSON.stringify(o) + '\\n')
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const m = JSON.parse(line)
  if (m.method === 'initialize') say({ jsonrpc: '2.0', id: m.id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } } })
  else if (m.method === 'tools/list') say({ jsonrpc: '2.0', id: m.id, result: { tools: [{ name: 'get_echo', inputSchema: { type: 'object' } }] } })
  else if (m.method === 'tools/call') setTimeout(() => say({ jsonrpc: '2.0', id: m.id, result: { content: [{ type: 'text', text: m.params.arguments.secret }] } }), Math.random() * 20)
})`

let gateway: DataPlaneGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream(async ({ body, json }) => {
    if (body['method'] !== 'tools/call') return false
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
    const { secret } = (body['params'] as { arguments: { secret: string } }).arguments
    json({ jsonrpc: '2.0', id: body['id'], result: { content: [{ type: 'text', text: secret }] } })
    return true
  })
  gateway = await startDataPlane({
    servers: {
      http: { upstream: { kind: 'http', url: upstream.url, headers: new Map(), network: 'loopback' } },
      stdio: {
        upstream: { kind: 'stdio', command: process.execPath, args: ['-e', ECHO_CHILD], env: new Map(), cwd: null },
      },
    },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const textOf = (message: Record<string, unknown> | undefined) =>
  (message?.['result'] as { content: { text: string }[] } | undefined)?.content[0]?.text

describe('equal ids of different callers', () => {
  test.each([
    ['http', 50, 8, 'get_thing'],
    ['stdio', 10, 8, 'get_echo'],
  ])(
    '%s: %i users with %i concurrent calls under the same ids get only their own answers',
    async (server, users, calls, tool) => {
      const answers = await Promise.all(
        Array.from({ length: users }, async (_, user) => {
          const session = await openRawSession(gateway.url(server), `token-user${user}`)
          return await Promise.all(
            Array.from({ length: calls }, async (_call, id) => {
              const answer = await session.call(id, tool, { secret: `user${user}-call${id}` })
              return { user, id, message: answer.messages[0] }
            }),
          )
        }),
      )
      for (const { user, id, message } of answers.flat()) {
        expect(message?.['id']).toBe(id)
        expect(textOf(message)).toBe(`user${user}-call${id}`)
      }
    },
  )

  test('1 and "1" at once are two calls, each answered under its own id', async () => {
    const session = await openRawSession(gateway.url('stdio'), 'token-types')
    const [number, text] = await Promise.all([
      session.call(1, 'get_echo', { secret: 'number' }),
      session.call('1', 'get_echo', { secret: 'text' }),
    ])
    expect([number.messages[0]?.['id'], textOf(number.messages[0])]).toEqual([1, 'number'])
    expect([text.messages[0]?.['id'], textOf(text.messages[0])]).toEqual(['1', 'text'])
  })

  test('an id that is under way in the session is refused, and the first call is answered as if nothing had been', async () => {
    const session = await openRawSession(gateway.url('stdio'), 'token-twice')
    await session.call('warm', 'get_echo', { secret: 'warm' })
    const both = await Promise.all([
      session.call('same', 'get_echo', { secret: 'first' }),
      session.call('same', 'get_echo', { secret: 'second' }),
    ])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400])
  })
})
