import { afterEach, describe, expect, test } from 'vitest'
import { ask, type ModernAsk, type ModernPair, startModernPair } from '../support/modern.ts'
import { BASE_HEADERS } from '../support/raw-client.ts'

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

const CALL: ModernAsk = {
  method: 'tools/call',
  params: { name: 'get_thing', arguments: { id: 'a', count: 7 } },
  headers: { 'mcp-param-id': 'a', 'mcp-param-count': '7' },
}

function with_(headers: ModernAsk['headers'], params: ModernAsk['params'] = CALL.params): ModernAsk {
  return { ...CALL, ...(params === undefined ? {} : { params }), headers: { ...CALL.headers, ...headers } }
}

describe('a request whose headers and body would be judged differently (2026-07-28, streamable-http §Server Validation)', () => {
  test('goes through where they agree, and the next hop gets headers made from what it is sent', async () => {
    pair = await startModernPair()
    const { status, messages } = await ask(pair.url, with_({ 'mcp-param-id': '=?base64?YQ==?=', 'x-extra': 'kept' }))
    expect({ status, result: messages[0]?.['result'] }).toMatchObject({
      status: 200,
      result: { resultType: 'complete' },
    })
    const call = pair.upstream.seen.find(({ body }) => body?.['method'] === 'tools/call')
    expect(call?.headers).toMatchObject({
      'mcp-method': 'tools/call',
      'mcp-name': 'get_thing',
      'mcp-param-id': 'a',
      'mcp-param-count': '7',
      'mcp-protocol-version': '2026-07-28',
    })
    expect(call?.headers['x-extra']).toBeUndefined()
    expect(call?.headers['authorization']).toBeUndefined()
  })

  test.each<[string, ModernAsk]>([
    ['another method', with_({ 'mcp-method': 'tools/list' })],
    ['another spelling of the method', with_({ 'mcp-method': 'Tools/Call' })],
    ['no method', with_({ 'mcp-method': undefined })],
    ['another tool', with_({ 'mcp-name': 'delete_thing' })],
    ['another tool in the body', with_({ 'mcp-name': 'get_thing' }, { name: 'delete_thing', arguments: {} })],
    ['another tool, encoded', with_({ 'mcp-name': '=?base64?ZGVsZXRlX3RoaW5n?=' })],
    ['a tool whose encoding is broken', with_({ 'mcp-name': '=?base64?Z2V0X3RoaW5n' })],
    ['another case of the tool', with_({ 'mcp-name': 'GET_THING' })],
    ['no tool', with_({ 'mcp-name': undefined })],
    ['another argument', with_({ 'mcp-param-id': 'b' })],
    ['an argument that is missing in the headers', with_({ 'mcp-param-id': undefined })],
    ['an argument that is missing in the body', with_({}, { name: 'get_thing', arguments: { count: 7 } })],
    ['another case of the argument', with_({ 'mcp-param-id': 'A' })],
    ['another number', with_({ 'mcp-param-count': '8' })],
    ['a number of another notation', with_({ 'mcp-param-count': '0x7' })],
    ['another revision', with_({ 'mcp-protocol-version': '2025-11-25' })],
    ['no revision', with_({ 'mcp-protocol-version': undefined })],
  ])('%s: 400 and -32020, and no call reaches the upstream', async (_what, request) => {
    pair = await startModernPair()
    const { status, messages } = await ask(pair.url, request)
    expect({ status, error: messages[0]?.['error'] }).toMatchObject({ status: 400, error: { code: -32020 } })
    expect(pair.upstream.of('tools/call')).toEqual([])
    const refusals = pair.gateway.records.filter(({ outcome }) => outcome === 'refused')
    expect(refusals.map(({ reason }) => reason)).toEqual(['headerMismatch'])
  })

  test('a number in another notation of the same value is the same', async () => {
    pair = await startModernPair()
    const { status } = await ask(pair.url, with_({ 'mcp-param-count': '7.0' }))
    expect(status).toBe(200)
  })

  test('a role that may only read is not widened by a header that names a reading tool', async () => {
    pair = await startModernPair(() => false, { roleClasses: ['read'] })
    const direct = await ask(pair.url, { method: 'tools/call', params: { name: 'delete_thing', arguments: {} } })
    expect(direct.messages[0]?.['error']).toMatchObject({ code: expect.any(Number) })
    const split = await ask(pair.url, {
      method: 'tools/call',
      params: { name: 'delete_thing', arguments: {} },
      headers: { 'mcp-name': 'get_thing' },
    })
    expect(split.status).toBe(400)
    expect(pair.upstream.of('tools/call')).toEqual([])
  })

  test('a handshake of the older era under the revision of the newer, and a notification under another name: 400 and -32020', async () => {
    pair = await startModernPair()
    const headers = { ...BASE_HEADERS, authorization: 'Bearer token-ann', 'mcp-protocol-version': '2026-07-28' }
    const post = (body: object, more: Record<string, string>) =>
      fetch(pair?.url ?? '', { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) })
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, _meta } }
    for (const response of [
      await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params }, { 'mcp-method': 'initialize' }),
      await post(cancelled, { 'mcp-method': 'notifications/progress' }),
    ]) {
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: { code: -32020 } })
    }
    expect((await post(cancelled, { 'mcp-method': 'notifications/cancelled' })).status).toBe(202)
    expect(pair.upstream.seen).toEqual([])
  })

  test('a header of a legacy session does not turn a modern body into a legacy one', async () => {
    pair = await startModernPair()
    const { status } = await ask(
      pair.url,
      with_({ 'mcp-session-id': 'some-session', 'mcp-protocol-version': undefined }),
    )
    expect(status).toBe(400)
    expect(pair.upstream.of('tools/call')).toEqual([])
  })
})

describe('a tool whose definition is forgotten between its class and its headers', () => {
  /** Every reading of the list changes somebody's roles, and with them what may be known. */
  async function startForgetful(): Promise<ModernPair> {
    let count = 0
    pair = await startModernPair(({ body }) => {
      if (body['method'] === 'tools/list' && count < 4) {
        count += 1
        pair?.gateway.setRoles(`somebody-${count}`, [])
      }
      return false
    })
    return pair
  }

  test('is still compared: 400 and -32020, and no call reaches the upstream', async () => {
    const { url, upstream } = await startForgetful()
    const { status, messages } = await ask(url, with_({ 'mcp-param-id': 'b' }))
    expect({ status, error: messages[0]?.['error'] }).toMatchObject({ status: 400, error: { code: -32020 } })
    expect(upstream.of('tools/call')).toEqual([])
  })

  test('is still repeated to the next hop', async () => {
    const { url, upstream } = await startForgetful()
    expect((await ask(url, CALL)).status).toBe(200)
    const call = upstream.seen.find(({ body }) => body?.['method'] === 'tools/call')
    expect(call?.headers).toMatchObject({ 'mcp-param-id': 'a', 'mcp-param-count': '7' })
  })
})
