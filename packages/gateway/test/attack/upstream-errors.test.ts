import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { openRawSession } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let gateway: DataPlaneGateway
let upstream: ScriptedUpstream
let error: unknown = null

beforeAll(async () => {
  upstream = await startScriptedUpstream(({ body, json }) => {
    if (body['method'] !== 'resources/read') return false
    json({ jsonrpc: '2.0', id: body['id'], error })
    return true
  })
  gateway = await startDataPlane({
    servers: { notes: { upstream: { kind: 'http', url: upstream.url, headers: new Map(), network: 'loopback' } } },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const READ = { jsonrpc: '2.0', id: 'r', method: 'resources/read', params: { uri: 'note://1' } }

test.each([
  ['its own address in the message', { code: -32000, message: 'cannot reach http://127.0.0.1:9/mcp' }],
  ['its own address in the data', { code: -32000, message: 'failed', data: { url: 'http://127.0.0.1/x' } }],
  ['a stack trace', { code: -32000, message: 'TypeError: x\n    at read (/srv/app/index.js:10:7)\n    at main' }],
  [
    'a stack trace in the data',
    { code: -32000, message: 'x', data: { stack: 'E\n    at async f (file:///a.js:1:2)' } },
  ],
  ['a Python trace', { code: -32000, message: 'Traceback (most recent call last):\n  File "/srv/app.py", line 3' }],
])('an error with %s keeps its code and loses its words', async (_what, given) => {
  error = given
  const session = await openRawSession(gateway.url('notes'), 'token-alice')
  const answer = await session.post(READ)
  expect(answer.messages).toEqual([
    { jsonrpc: '2.0', id: 'r', error: { code: -32000, message: 'The server behind this gateway reported an error' } },
  ])
  expect(gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', outcome: 'failed', reason: 'upstreamError' })
})

test('an error that tells nothing of the kind comes as it was said', async () => {
  error = { code: -32002, message: 'Resource not found', data: { uri: 'note://1', at: 'line 3', more: [1, null] } }
  const session = await openRawSession(gateway.url('notes'), 'token-alice')
  expect((await session.post(READ)).messages).toEqual([{ jsonrpc: '2.0', id: 'r', error }])
})
