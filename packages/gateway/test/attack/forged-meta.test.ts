import { afterEach, describe, expect, test } from 'vitest'
import { ask, type ModernPair, startModernPair } from '../support/modern.ts'

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

const P = 'io.modelcontextprotocol/'
const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`

async function metaSent(meta: Record<string, unknown>): Promise<Record<string, unknown>> {
  pair = await startModernPair()
  const { status } = await ask(pair.url, { method: 'tools/call', params: { name: 'get_thing', arguments: {} }, meta })
  expect(status).toBe(200)
  const params = pair.upstream.of('tools/call')[0]?.['params'] as Record<string, Record<string, unknown>>
  return params['_meta'] ?? {}
}

describe('what a client says of itself in _meta', () => {
  test('the trace goes on under a span of ours; baggage and vendor state end here', async () => {
    const sent = await metaSent({ traceparent: TRACE, tracestate: 'vendor=admin', baggage: 'user=root' })
    expect(sent['traceparent']).toMatch(new RegExp(`^00-${'a'.repeat(32)}-(?!${'b'.repeat(16)})[0-9a-f]{16}-01$`))
    expect(sent).not.toHaveProperty('tracestate')
    expect(sent).not.toHaveProperty('baggage')
  })

  test.each([
    `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
    `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    'not a trace',
    7,
    { injected: true },
  ])('a trace that is none is dropped: %j', async (traceparent) => {
    expect(await metaSent({ traceparent })).not.toHaveProperty('traceparent')
  })

  test('names of the protocol that no client may set do not cross; others do, as they came', async () => {
    const sent = await metaSent({
      [`${P}subscriptionId`]: 1,
      [`${P}serverInfo`]: { name: 'trusted' },
      [`${P}related-task`]: { taskId: 't' },
      [`${P}subject`]: 'admin',
      // Every prefix whose second label is one of the two is reserved (basic/index §_meta), whatever its case.
      'dev.mcp/principal': 'admin',
      'com.mcp.tools/trusted': true,
      'org.modelcontextprotocol.api/roles': ['admin'],
      'IO.ModelContextProtocol/subject': 'admin',
      'dev.mcp/': 1,
      'dev.mcp/a/b': 1,
      'com.example.mcp/own': 1,
      'mcp/own': 1,
      'dev.mcp': 1,
      'com.example/own': { kept: [1, 2] },
    })
    const own = ['com.example/own', 'com.example.mcp/own', 'mcp/own', 'dev.mcp']
    expect(Object.keys(sent).toSorted()).toEqual([...own, `${P}clientCapabilities`, `${P}protocolVersion`].toSorted())
    expect(sent['com.example/own']).toEqual({ kept: [1, 2] })
  })

  test('extensions and experiments that are not carried are not promised to the upstream', async () => {
    const sent = await metaSent({
      [`${P}clientCapabilities`]: {
        elicitation: { form: {} },
        extensions: { 'io.modelcontextprotocol/tasks': {} },
        experimental: { x: {} },
      },
    })
    expect(sent[`${P}clientCapabilities`]).toEqual({ elicitation: { form: {} } })
  })

  test.each<[string, Record<string, unknown>, number]>([
    ['no capabilities', { [`${P}clientCapabilities`]: undefined }, -32602],
    ['capabilities that are a list', { [`${P}clientCapabilities`]: [] }, -32602],
    ['client info that is a text', { [`${P}clientInfo`]: 'x' }, -32602],
    ['no revision', { [`${P}protocolVersion`]: undefined }, -32602],
    ['a revision that is a number', { [`${P}protocolVersion`]: 20260728 }, -32602],
  ])('%s: 400, and nothing reaches the upstream', async (_what, meta, code) => {
    pair = await startModernPair()
    const call = { method: 'tools/call', params: { name: 'get_thing', arguments: {} }, meta }
    const { status, messages } = await ask(pair.url, call)
    expect({ status, error: messages[0]?.['error'] }).toMatchObject({ status: 400, error: { code } })
    expect(pair.upstream.seen).toEqual([])
  })

  test('a revision that nobody speaks: 400, -32022 and what is spoken', async () => {
    pair = await startModernPair()
    const { status, messages } = await ask(pair.url, {
      method: 'tools/list',
      meta: { [`${P}protocolVersion`]: '2099-01-01' },
      headers: { 'mcp-protocol-version': '2099-01-01' },
    })
    expect({ status, error: messages[0]?.['error'] }).toMatchObject({
      status: 400,
      error: { code: -32022, data: { requested: '2099-01-01', supported: expect.arrayContaining(['2026-07-28']) } },
    })
    expect(pair.upstream.seen).toEqual([])
  })

  test('a question for which the client declared nothing does not reach it', async () => {
    pair = await startModernPair(({ body, json }) => {
      if (body['method'] !== 'tools/call') return false
      const inputRequests = { q: { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } } }
      json({ jsonrpc: '2.0', id: body['id'], result: { resultType: 'input_required', inputRequests } })
      return true
    })
    const call = { method: 'tools/call', params: { name: 'get_thing', arguments: {} } }
    const { status, messages } = await ask(pair.url, call)
    expect({ status, error: messages[0]?.['error'] }).toMatchObject({ status: 400, error: { code: -32021 } })
  })
})
