import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../support/data-plane.ts'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { askModern, fetchModern } from '../support/modern-client.ts'
import { type ModernScript, type ScriptedModern, startModernUpstream } from '../support/modern-upstream.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let upstream: ScriptedModern
let gateway: DataPlaneGateway
let script: ModernScript

beforeEach(async () => {
  script = () => false
  upstream = await startModernUpstream((context) => script(context))
  gateway = await start()
})
afterEach(async () => {
  await gateway.close()
  await upstream.close()
})

function start(options: Partial<GatewayOptions> = {}, url = upstream.url): Promise<DataPlaneGateway> {
  return startDataPlane({
    servers: { it: { upstream: { kind: 'http', url, headers: new Map(), network: 'loopback' } } },
    ...options,
  })
}

async function restart(options: Partial<GatewayOptions>): Promise<void> {
  await gateway.close()
  gateway = await start(options)
}

const ask = (method: string, params: Record<string, unknown> = {}, more: object = {}) =>
  askModern(gateway.url('it'), { token: 'token-ann', method, params, ...more })
const call = (name: string, args: Record<string, unknown> = {}, more: object = {}) =>
  ask('tools/call', { name, arguments: args }, more)
const codeOf = ({ last }: { last: Record<string, unknown> }) => (last['error'] as { code?: number } | undefined)?.code
/** What was recorded, without the first use of each token. */
const records = () => gateway.records.filter(({ activity }) => activity !== 'authenticate')
const outcomes = () =>
  gateway.records
    .filter(({ activity }) => activity === 'call.outcome' || activity === 'request.refused')
    .map(({ outcome, reason }) => [outcome, reason])

describe('a request without a session', () => {
  it('is discovered with the capabilities that are carried, privately and for a bounded time', async () => {
    const { status, last } = await ask('server/discover')
    expect(status).toBe(200)
    expect(last).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: {
        resultType: 'complete',
        supportedVersions: ['2026-07-28'],
        capabilities: { tools: { listChanged: true }, resources: {} },
        _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'scripted', version: '1' } },
        instructions: 'use it',
        ttlMs: 60_000,
        cacheScope: 'private',
      },
    })
  })

  it('reaches the upstream with headers made anew, its own id and the client capabilities that are carried', async () => {
    const answer = await call(
      'get_thing',
      { deep: [{ unknown: '漢字' }] },
      {
        id: 'mine',
        capabilities: { elicitation: {}, extensions: { 'x/y': {} }, experimental: { z: {} } },
        meta: {
          'com.example/own': 7,
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
          baggage: 'a=b',
          tracestate: 'c=d',
        },
        headers: { 'mcp-param-unknown': 'smuggled', 'x-other': 'smuggled' },
      },
    )
    expect(answer.last).toEqual({
      jsonrpc: '2.0',
      id: 'mine',
      result: { resultType: 'complete', content: [{ type: 'text', text: 'done' }] },
    })
    const [sent] = upstream.of('tools/call')
    expect(sent?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'get_thing',
    })
    for (const name of ['authorization', 'mcp-param-unknown', 'x-other', 'mcp-session-id']) {
      expect(sent?.headers[name]).toBeUndefined()
    }
    expect(sent?.body['id']).not.toBe('mine')
    const params = sent?.body['params'] as { arguments: unknown; _meta: Record<string, unknown> }
    expect(params.arguments).toEqual({ deep: [{ unknown: '漢字' }] })
    const { traceparent, ...meta } = params._meta
    expect(meta).toEqual({
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
      'com.example/own': 7,
    })
    expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/)
    expect(records().map(({ activity, outcome }) => [activity, outcome])).toEqual([['call.outcome', 'success']])
  })

  it('lists the tools that the role allows and whose headers follow the rules', async () => {
    await restart({ roleClasses: ['read'] })
    const { last } = await ask('tools/list')
    const result = last['result'] as { tools: { name: string }[]; cacheScope: string; ttlMs: number }
    expect(result.tools.map(({ name }) => name)).toEqual(['get_thing', 'get_weather'])
    expect([result.cacheScope, result.ttlMs]).toEqual(['private', 60_000])
    expect(codeOf(await call('get_broken'))).toBe(-32602)
    expect(upstream.of('tools/call')).toEqual([])
  })

  it('leaves an intent before a tool that acts, and one outcome', async () => {
    await call('write_thing')
    expect(records().map(({ activity, tool }) => [activity, tool])).toEqual([
      ['call.intent', 'write_thing'],
      ['call.outcome', 'write_thing'],
    ])
  })

  it('needs the scope of the tool', async () => {
    const answer = await call('delete_thing', {}, { token: 'token-ann.scopes~read' })
    expect(answer.status).toBe(403)
    expect(answer.headers.get('www-authenticate')).toContain('scope="it:read it:destructive"')
    expect(upstream.of('tools/call')).toEqual([])
  })

  it('asks for the tools once, and anew where memberships or configuration changed', async () => {
    await call('get_thing')
    await call('write_thing')
    expect(upstream.of('tools/list')).toHaveLength(1)
    gateway.setSnapshot((snapshot) => ({ ...snapshot, version: 'next' }))
    await call('get_thing')
    expect(upstream.of('tools/list')).toHaveLength(2)
    expect(upstream.of('server/discover')).toHaveLength(1)
  })

  it('ignores a session id, and there is no stream to get nor session to end', async () => {
    expect((await call('get_thing', {}, { headers: { 'mcp-session-id': 'abc' } })).status).toBe(200)
    for (const method of ['GET', 'DELETE']) {
      const response = await fetch(gateway.url('it'), {
        method,
        headers: {
          authorization: 'Bearer token-ann',
          accept: 'text/event-stream',
          'mcp-protocol-version': '2026-07-28',
        },
      })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    }
  })

  it('may be followed by notifications, which change nothing', async () => {
    const post = (body: object) =>
      fetch(gateway.url('it'), {
        method: 'POST',
        headers: {
          authorization: 'Bearer token-ann',
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      })
    expect((await post({ method: 'notifications/cancelled', params: { requestId: 1 } })).status).toBe(202)
    expect((await post({ method: 'notifications/initialized' })).status).toBe(400)
    expect((await post({ id: 1, result: {} })).status).toBe(400)
    expect(upstream.seen).toEqual([])
  })
})

describe('what the revision says of errors', () => {
  it.each([
    ['a missing _meta', { meta: null }, 400, -32602],
    ['missing capabilities', { meta: { 'io.modelcontextprotocol/clientCapabilities': undefined } }, 400, -32602],
    ['a missing version header', { headers: { 'mcp-protocol-version': null } }, 400, -32020],
    ['another version in the header', { headers: { 'mcp-protocol-version': '2025-11-25' } }, 400, -32020],
    ['a missing Mcp-Method', { headers: { 'mcp-method': null } }, 400, -32020],
    ['another Mcp-Method', { headers: { 'mcp-method': 'tools/list' } }, 400, -32020],
    ['Mcp-Method in another case', { headers: { 'mcp-method': 'Tools/Call' } }, 400, -32020],
    ['a missing Mcp-Name', { headers: { 'mcp-name': null } }, 400, -32020],
    ['another Mcp-Name', { headers: { 'mcp-name': 'write_thing' } }, 400, -32020],
    ['an Mcp-Name that is no base64', { headers: { 'mcp-name': '=?base64?***?=' } }, 400, -32020],
    [
      'an unknown version',
      {
        meta: { 'io.modelcontextprotocol/protocolVersion': '2027-01-01' },
        headers: { 'mcp-protocol-version': '2027-01-01' },
      },
      400,
      -32022,
    ],
  ])('%s', async (_name, more, status, code) => {
    const answer = await call('get_thing', {}, more)
    expect([answer.status, codeOf(answer), answer.last['id']]).toEqual([status, code, 1])
    expect(upstream.seen).toEqual([])
    expect(records()).toHaveLength(1)
  })

  it.each(['tasks/get', 'initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'x/extension'])(
    'an unknown method is 404: %s',
    async (method) => {
      const answer = await ask(method)
      expect([answer.status, codeOf(answer)]).toEqual([404, -32601])
      expect(upstream.seen).toEqual([])
    },
  )

  it('a name in base64 is the name', async () => {
    const encoded = `=?base64?${Buffer.from('get_thing').toString('base64')}?=`
    expect((await call('get_thing', {}, { headers: { 'mcp-name': encoded } })).status).toBe(200)
  })

  it.each([
    [404, -32601],
    [400, -32021],
    [400, -32020],
  ])('the upstream’s own %i/%i passes', async (status, code) => {
    script = ({ body, error }) => {
      if (body['method'] !== 'resources/read') return false
      error(status, code, { requiredCapabilities: { sampling: {} } })
      return true
    }
    const answer = await ask('resources/read', { uri: 'file:///a' })
    expect([answer.status, codeOf(answer)]).toEqual([status, code])
  })

  it('codes that the revision gave up or never gave do not pass', async () => {
    const codes = new Map([
      ['file:///gone', -32002],
      ['file:///reserved', -32042],
    ])
    script = ({ params, error }) => {
      const code = codes.get(String(params['uri']))
      if (code !== undefined) error(200, code)
      return code !== undefined
    }
    expect(codeOf(await ask('resources/read', { uri: 'file:///gone' }))).toBe(-32602)
    expect(codeOf(await ask('resources/read', { uri: 'file:///reserved' }))).toBe(-32603)
  })
})

describe('arguments repeated in headers', () => {
  const weather = (args: Record<string, unknown>, headers: Record<string, string>) =>
    call('get_weather', args, { headers })

  it.each<[Record<string, unknown>, Record<string, string>]>([
    [
      { city: 'Bern', days: 3 },
      { 'mcp-param-city': 'Bern', 'mcp-param-days': '3.0' },
    ],
    [{ city: 'Zürich' }, { 'mcp-param-city': '=?base64?WsO8cmljaA==?=' }],
    [{ city: null }, {}],
    [{}, {}],
  ])('pass where they agree: %j', async (args, headers) => {
    expect((await weather(args, headers)).status).toBe(200)
    const sent = upstream.of('tools/call')[0]?.headers
    expect(sent?.['mcp-param-city']).toBe(headers['mcp-param-city'])
    expect(sent?.['mcp-param-days']).toBe('days' in args ? '3' : undefined)
  })

  it.each<[Record<string, unknown>, Record<string, string>]>([
    [{ city: 'Bern' }, {}],
    [{ city: 'Bern' }, { 'mcp-param-city': 'bern' }],
    [{ city: 'Bern' }, { 'mcp-param-city': '=?base64?%%%?=' }],
    [{}, { 'mcp-param-city': 'Bern' }],
    [{ days: 3 }, { 'mcp-param-days': '4' }],
    [{ days: 3 }, { 'mcp-param-days': '0x3' }],
    [{ city: { a: 1 } }, { 'mcp-param-city': '[object Object]' }],
  ])('are refused where they do not: %j under %j', async (args, headers) => {
    const answer = await weather(args, headers)
    expect([answer.status, codeOf(answer)]).toEqual([400, -32020])
    expect(upstream.of('tools/call')).toEqual([])
  })

  it('are learned anew when the upstream wants others', async () => {
    let refusals = 0
    script = ({ body, error }) => {
      if (body['method'] !== 'tools/call' || refusals > 0) return false
      refusals += 1
      error(400, -32020)
      return true
    }
    expect((await call('get_thing')).status).toBe(200)
    expect(upstream.of('tools/call')).toHaveLength(2)
    expect(upstream.of('tools/list')).toHaveLength(2)
  })
})

describe('the way back', () => {
  it('carries progress and messages that were asked for on the stream of the request, without event ids', async () => {
    script = ({ body, params, sse }) => {
      if (body['method'] !== 'tools/call') return false
      const token = (params['_meta'] as Record<string, unknown>)['progressToken']
      const send = sse()
      send({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } })
      send({ method: 'notifications/progress', params: { progressToken: 'another', progress: 2 } })
      send({ method: 'notifications/message', params: { level: 'info', data: 'asked' } })
      send({ method: 'notifications/tools/list_changed' })
      send({ id: 9, method: 'sampling/createMessage', params: {} })
      send({ id: body['id'], result: { resultType: 'complete', content: [] } })
      return true
    }
    const answer = await call(
      'get_thing',
      {},
      { meta: { progressToken: 'mine', 'io.modelcontextprotocol/logLevel': 'info' } },
    )
    expect(answer.headers.get('x-accel-buffering')).toBe('no')
    expect(answer.text).not.toMatch(/^id:/m)
    expect(answer.messages).toEqual([
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } },
      { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'asked' } },
      { jsonrpc: '2.0', id: 1, result: { resultType: 'complete', content: [] } },
    ])
  })

  it('keeps a slow request alive by comments', async () => {
    await restart({ limits: { streamOpensAfterMs: 10, keepAliveMs: 20 } })
    script = async ({ body, result }) => {
      if (body['method'] !== 'tools/call') return false
      await new Promise((resolve) => setTimeout(resolve, 150))
      result({ resultType: 'complete', content: [] })
      return true
    }
    const answer = await call('get_thing')
    expect(answer.text).toMatch(/^: /m)
    expect(answer.last).toMatchObject({ id: 1 })
  })

  it('refuses result types that nobody negotiated, and takes none for complete', async () => {
    const types = new Map<string, unknown>([
      ['get_thing', 'task'],
      ['get_weather', undefined],
    ])
    script = ({ body, params, result }) => {
      if (body['method'] !== 'tools/call') return false
      result({ resultType: types.get(String(params['name'])), content: [], 'com.example/x': [1] })
      return true
    }
    expect(codeOf(await call('get_thing'))).toBe(-32603)
    expect((await call('get_weather')).last['result']).toEqual({
      resultType: 'complete',
      content: [],
      'com.example/x': [1],
    })
  })

  it('ends at the upstream when the client hangs up', async () => {
    script = ({ body }) => body['method'] === 'tools/call'
    const controller = new AbortController()
    const asked = fetchModern(gateway.url('it'), {
      token: 'token-ann',
      method: 'tools/call',
      params: { name: 'write_thing' },
      signal: controller.signal,
    }).catch(() => null)
    await eventually(() => expect(upstream.of('tools/call')).toHaveLength(1))
    controller.abort()
    await asked
    await eventually(() => expect(upstream.of('tools/call')[0]?.hungUp).toBe(true))
    await eventually(() => expect(outcomes()).toEqual([['unknown', 'cancelledByClient']]))
  })

  it('ends with the grant', async () => {
    script = ({ body }) => body['method'] === 'tools/call'
    const asked = call('write_thing')
    await eventually(() => expect(upstream.of('tools/call')).toHaveLength(1))
    gateway.revoke('ann')
    expect((await asked).status).toBe(401)
    await eventually(() => expect(upstream.of('tools/call')[0]?.hungUp).toBe(true))
    expect(outcomes()).toEqual([['unknown', 'grantRevoked']])
  })

  it('is withheld while its outcome cannot be recorded', async () => {
    gateway.failAudit(({ activity }) => activity === 'call.outcome')
    const answer = await call('get_thing')
    expect(answer.status).toBe(503)
    expect(answer.text).not.toContain('done')
    gateway.failAudit(({ activity }) => activity === 'call.intent')
    expect((await call('write_thing')).status).toBe(503)
    expect(upstream.of('tools/call')).toHaveLength(1)
  })
})

describe('a request of several rounds', () => {
  const question = {
    method: 'elicitation/create',
    params: { mode: 'form', message: 'sure?', requestedSchema: { type: 'object' } },
  }
  const elicits = { capabilities: { elicitation: {} } }

  beforeEach(() => {
    script = ({ body, params, result }) => {
      if (body['method'] !== 'tools/call') return false
      if (params['requestState'] === 'upstream state')
        result({ resultType: 'complete', content: [], got: params['inputResponses'] })
      else result({ resultType: 'input_required', inputRequests: { q: question }, requestState: 'upstream state' })
      return true
    }
  })

  async function firstRound(): Promise<string> {
    const { last } = await call('write_thing', { a: 1 }, elicits)
    const result = last['result'] as { requestState: string; resultType: string; inputRequests: unknown }
    expect([result.resultType, result.inputRequests]).toEqual(['input_required', { q: question }])
    expect(result.requestState).not.toContain('upstream')
    return result.requestState
  }
  const answered = (requestState: string, more: object = {}, content = 'yes') =>
    ask(
      'tools/call',
      { name: 'write_thing', arguments: { a: 1 }, requestState, inputResponses: { q: { action: 'accept', content } } },
      { ...elicits, id: 2, ...more },
    )

  it('gives the upstream its own state back, and repeats an outcome that may have been lost instead of running twice', async () => {
    const state = await firstRound()
    const expected = { resultType: 'complete', content: [], got: { q: { action: 'accept', content: 'yes' } } }
    expect((await answered(state)).last['result']).toEqual(expected)
    expect((await answered(state, { id: 3 })).last).toEqual({ jsonrpc: '2.0', id: 3, result: expected })
    expect(upstream.of('tools/call')).toHaveLength(2)
    expect(codeOf(await answered(state, {}, 'other'))).toBe(-32602)
    expect(upstream.of('tools/call')).toHaveLength(2)
    expect(gateway.records.filter(({ activity }) => activity === 'call.outcome')).toHaveLength(4)
  })

  it('asks nothing that the client did not declare', async () => {
    const answer = await call('write_thing')
    expect([answer.status, codeOf(answer)]).toEqual([400, -32021])
    expect((answer.last['error'] as { data: unknown }).data).toMatchObject({
      requiredCapabilities: { elicitation: {} },
    })
  })

  it('is only for the three methods that have rounds', async () => {
    script = ({ body, result }) => {
      if (body['method'] !== 'prompts/list') return false
      result({ resultType: 'input_required', requestState: 's' })
      return true
    }
    expect(codeOf(await ask('prompts/list', {}, elicits))).toBe(-32603)
    expect(codeOf(await ask('prompts/list', { requestState: 's' }, elicits))).toBe(-32602)
  })
})

describe('eras that do not meet', () => {
  let legacy: ScriptedUpstream | null = null
  afterEach(async () => {
    await legacy?.close()
    legacy = null
  })

  it('a modern client learns which revisions a legacy server speaks, and the server is asked nothing but that', async () => {
    legacy = await startScriptedUpstream(({ body, response }) => {
      if (body['method'] === 'initialize') return false
      const error = { code: -32000, message: 'Bad Request: Server not initialized' }
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error }))
      return true
    })
    await gateway.close()
    gateway = await start({}, legacy.url)
    for (const answer of [await call('get_thing'), await ask('server/discover')]) {
      expect([answer.status, codeOf(answer)]).toEqual([400, -32022])
      expect((answer.last['error'] as { data: unknown }).data).toMatchObject({
        supported: ['2025-11-25', '2025-06-18', '2025-03-26'],
        requested: '2026-07-28',
      })
    }
    expect(legacy.seen.map(({ body }) => body?.['method'])).toEqual(['server/discover'])
  })

  const ODD = 'v999.0.0'
  const odd = (version = ODD) =>
    ask(
      'tools/list',
      {},
      {
        id: 'odd',
        meta: { 'io.modelcontextprotocol/protocolVersion': version },
        headers: { 'mcp-protocol-version': version },
      },
    )
  const supported = ({ last }: Awaited<ReturnType<typeof odd>>) =>
    (last['error'] as { data: Record<string, unknown> }).data['supported']

  it('who names a revision that nobody speaks is told all of ours, and what the server speaks once that is known', async () => {
    const unknown = await odd()
    expect([unknown.status, codeOf(unknown), unknown.last['id']]).toEqual([400, -32022, 'odd'])
    expect((unknown.last['error'] as { data: unknown }).data).toMatchObject({
      requested: ODD,
      supported: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'],
    })
    expect(upstream.seen).toEqual([])
    script = ({ body, result }) => {
      if (body['method'] !== 'server/discover') return false
      result({ supportedVersions: ['2099-01-01', '2025-11-25', 7], capabilities: {} })
      return true
    }
    const { last } = await ask('server/discover')
    expect(last['result']).toMatchObject({ supportedVersions: ['2026-07-28', '2025-11-25'] })
    expect(supported(await odd())).toEqual(['2026-07-28', '2025-11-25'])
  })

  it('who names one before a legacy server is told what that one speaks', async () => {
    legacy = await startScriptedUpstream(() => false)
    await gateway.close()
    gateway = await start({}, legacy.url)
    expect(codeOf(await ask('server/discover'))).toBe(-32022)
    expect(supported(await odd())).toEqual(['2025-11-25', '2025-06-18', '2025-03-26'])
  })

  it.each(['2026-07-28 ', '2026-7-28', 'x'.repeat(100), '__proto__'])(
    'no spelling of a revision but its own is that revision: %j',
    async (version) => {
      const answer = await odd(version)
      expect([answer.status, answer.last['id']]).toEqual([400, 'odd'])
      expect(upstream.seen).toEqual([])
    },
  )

  it('a long one is a revision that nobody speaks, not a mismatch', async () => {
    const answer = await odd('x'.repeat(100))
    expect(codeOf(answer)).toBe(-32022)
    expect((answer.last['error'] as { data: Record<string, unknown> }).data['requested']).toBe('x'.repeat(100))
  })

  it('a header alone that names none is answered under the id of its message, whatever the body is', async () => {
    const response = await fetch(gateway.url('it'), {
      method: 'POST',
      headers: {
        authorization: 'Bearer token-ann',
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': ODD,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'own', method: 'initialize', params: {} }),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ id: 'own', error: { code: -32022, data: { requested: ODD } } })
  })

  it('a legacy client learns that a modern server speaks no revision of its own', async () => {
    const response = await fetch(gateway.url('it'), {
      method: 'POST',
      headers: {
        authorization: 'Bearer token-ann',
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      }),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      id: 1,
      error: {
        code: -32022,
        message: 'Unsupported protocol version; this server speaks 2026-07-28',
        data: { supported: ['2026-07-28'] },
      },
    })
  })
})
