import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { openRawSession, type RawSession } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let gateway: DataPlaneGateway
let upstream: ScriptedUpstream
let session: RawSession
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  gateway = await startDataPlane({
    servers: { notes: { upstream: { kind: 'http', url: upstream.url, headers: new Map(), network: 'loopback' } } },
    roleClasses: ['read', 'write'],
  })
  session = await openRawSession(gateway.url('notes'), 'token-alice.scopes~read')
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const call = (name: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } })

test('a grant that is refused without end is counted beyond 120 a minute, by reason; others keep their own records', async () => {
  const noisy = await openRawSession(gateway.url('notes'), 'token-noisy')
  const before = gateway.records.length
  for (let index = 0; index < 150; index += 1) await noisy.post(call(`delete_thing_${index}`))
  const refused = gateway.records.slice(before).filter(({ activity }) => activity === 'request.refused')
  expect(refused.filter(({ tool }) => tool !== undefined)).toHaveLength(120)
  expect(new Set(refused.filter(({ tool }) => tool === undefined).map(({ reason }) => reason))).toEqual(
    new Set(['toolUnknown']),
  )
  await session.post(call('nonsense'))
  expect(gateway.records.at(-1)).toMatchObject({ subject: 'alice', tool: 'nonsense' })
})

describe('a refusal of a known caller leaves one record that says what was asked for, cut to a bounded length', () => {
  test.each<[string, object, object]>([
    [
      'beyond the scopes',
      call('write_thing'),
      { reason: 'scopeInsufficient', method: 'tools/call', tool: 'write_thing' },
    ],
    ['beyond the role', call('delete_thing'), { reason: 'roleForbids', method: 'tools/call', tool: 'delete_thing' }],
    [
      'an unknown tool',
      call('x'.repeat(9_000)),
      { reason: 'toolUnknown', method: 'tools/call', tool: 'x'.repeat(128) },
    ],
    [
      'a name that is none',
      call(7),
      { reason: 'argumentsRefused: "name" must be the name of a tool', method: 'tools/call' },
    ],
    ['a look-alike', call('get_thing\u200b'), { reason: 'toolUnknown', tool: 'get_thing\u200b' }],
    ['another case', call('GET_THING'), { reason: 'toolUnknown', tool: 'GET_THING' }],
    ['a space', call(' get_thing'), { reason: 'toolUnknown', tool: ' get_thing' }],
    ['percent and colon', call('notes:tool:get%5Fthing'), { reason: 'toolUnknown', tool: 'notes:tool:get%5Fthing' }],
    ['__proto__', call('__proto__'), { reason: 'toolUnknown', tool: '__proto__' }],
    [
      'a method in another case',
      { jsonrpc: '2.0', id: 1, method: 'Tools/Call' },
      { reason: 'methodUnmapped', method: 'Tools/Call' },
    ],
    [
      'a notification nobody knows',
      { jsonrpc: '2.0', method: 'notifications/evil' },
      { reason: 'methodUnmapped', method: 'notifications/evil' },
    ],
    [
      'a call as a notification',
      { jsonrpc: '2.0', method: 'tools/call', params: { name: 'get_thing' } },
      { reason: 'methodUnmapped', method: 'tools/call' },
    ],
    ['an answer to nothing', { jsonrpc: '2.0', id: 77, result: {} }, { reason: 'messageInvalid' }],
  ])('%s', async (_what, message, expected) => {
    const [before, sent] = [gateway.records.length, upstream.of('tools/call').length]
    const answer = await session.post(message)
    expect(answer.text).not.toContain('"result"')
    expect(gateway.records.slice(before)).toMatchObject([
      { activity: 'request.refused', outcome: 'refused', subject: 'alice', ...expected },
    ])
    expect(upstream.of('tools/call')).toHaveLength(sent)
  })
})
