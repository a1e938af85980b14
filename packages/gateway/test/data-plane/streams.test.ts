import type { IncomingMessage } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { eventsOf, openRawSession, type RawSession, readAnswer, send } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

type Say = (message: unknown, id?: string) => void

let gateway: DataPlaneGateway
let upstream: ScriptedUpstream
/** Requests of `tools/call` that wait for the test to answer them. */
let waiting: {
  readonly id: number
  readonly say: Say
  readonly end: () => void
  readonly body: Record<string, unknown>
}[] = []
/** The standing stream of the newest upstream session. */
let standing: Say | null = null

beforeAll(async () => {
  upstream = await startScriptedUpstream(
    ({ body, sse, response }) => {
      if (body['method'] !== 'tools/call') return false
      waiting.push({ id: Number(body['id']), say: sse(), end: () => response.end(), body })
      return true
    },
    ({ sse }) => {
      standing = sse()
      return true
    },
  )
  gateway = await startDataPlane({
    servers: { notes: { upstream: { kind: 'http', url: upstream.url, headers: new Map(), network: 'loopback' } } },
    limits: { streamOpensAfterMs: 150, keepAliveMs: 100, listenersMax: 2 },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  waiting = []
  standing = null
})

const openSession = (subject: string, revision = '2025-11-25') =>
  openRawSession(gateway.url('notes'), `token-${subject}`, { revision, capabilities: { elicitation: {}, roots: {} } })

const answerOf = (id: number, text: string) => ({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } })
const note = (data: unknown) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data } })
const call = (id: string, meta?: Record<string, unknown>) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'get_thing', arguments: {}, ...(meta === undefined ? {} : { _meta: meta }) },
})

async function nextCall() {
  await eventually(() => expect(waiting.length).toBeGreaterThan(0))
  const [first] = waiting.splice(0, 1)
  if (first === undefined) throw new Error('no call')
  return first
}

/** Collects what a stream says, without ending it. */
function collect(response: IncomingMessage) {
  const state = { text: '', isEnded: false }
  response.on('data', (chunk: Buffer) => {
    state.text += chunk.toString()
  })
  response.on('close', () => {
    state.isEnded = true
  })
  response.on('error', () => {})
  return state
}

async function postOpen(session: RawSession, body: unknown) {
  const { open } = await import('../support/raw-client.ts')
  return await open(gateway.url('notes'), 'POST', session.headers, body)
}

describe('the answer to a POST', () => {
  test('is JSON when the answer is all there is to say', async () => {
    const session = await openSession('json')
    const answer = session.post(call('x'))
    const upstreamCall = await nextCall()
    upstreamCall.say(answerOf(upstreamCall.id, 'now'))
    const { status, headers, messages } = await answer
    expect([status, headers['content-type']]).toEqual([200, 'application/json'])
    expect(messages).toEqual([answerOf('x' as never, 'now')])
  })

  test('becomes a stream when something related comes first, with a priming event and headers against buffering', async () => {
    const session = await openSession('related')
    const answer = session.post(call('x'))
    const upstreamCall = await nextCall()
    upstreamCall.say(note('first'))
    upstreamCall.say(answerOf(upstreamCall.id, 'then'))
    const { headers, text, messages } = await answer
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(text.startsWith('retry: 1000\nid: a1-0\ndata: \n\n')).toBe(true)
    expect(messages).toEqual([note('first'), answerOf('x' as never, 'then')])
    expect(eventsOf(text).map(({ id }) => id)).toEqual(['a1-0', 'a1-1', 'a1-2'])
  })

  test('becomes a stream when the wait grows long, with comments that keep it alive', async () => {
    const session = await openSession('slow')
    const response = await postOpen(session, call('x'))
    expect(response.headers['content-type']).toBe('text/event-stream')
    const stream = collect(response)
    await eventually(() => expect(stream.text).toContain(': keep-alive'))
    const upstreamCall = await nextCall()
    upstreamCall.say(answerOf(upstreamCall.id, 'late'))
    await eventually(() => expect(stream.isEnded).toBe(true))
    expect(stream.text).toContain('"late"')
  })

  test('has no priming event for a client of 2025-06-18, which would parse its empty data', async () => {
    const session = await openSession('older', '2025-06-18')
    const answer = session.post(call('x'))
    const upstreamCall = await nextCall()
    upstreamCall.say(note('first'))
    upstreamCall.say(answerOf(upstreamCall.id, 'then'))
    expect((await answer).text.startsWith('id: a1-1\n')).toBe(true)
  })

  test('is 202 without a body for notifications', async () => {
    const session = await openSession('oneway')
    const answer = await session.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' })
    expect([answer.status, answer.text]).toEqual([202, ''])
    expect(upstream.of('notifications/roots/list_changed').length).toBeGreaterThan(0)
  })
})

describe('a client that hangs up', () => {
  test('does not cancel: the call goes on, its outcome is recorded, and the very stream can be resumed', async () => {
    const session = await openSession('resume')
    const response = await postOpen(session, call('x'))
    const stream = collect(response)
    const upstreamCall = await nextCall()
    upstreamCall.say(note('one'))
    await eventually(() => expect(stream.text).toContain('"one"'))
    response.destroy()
    const cancelled = upstream.of('notifications/cancelled').length
    upstreamCall.say(note('two'))
    upstreamCall.say(answerOf(upstreamCall.id, 'three'))
    await eventually(() =>
      expect(gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', outcome: 'success', tool: 'get_thing' }),
    )
    expect(upstream.of('notifications/cancelled')).toHaveLength(cancelled)
    const resumed = await readAnswer(await session.get({ 'last-event-id': 'a1-1' }))
    expect(resumed.messages).toEqual([note('two'), answerOf('x' as never, 'three')])
    expect(eventsOf(resumed.text).flatMap(({ id, data }) => (data ? [id] : []))).toEqual(['a1-2', 'a1-3'])
  })

  test('and comes back before the answer gets it on the resumed stream; the old connection gets nothing more', async () => {
    const session = await openSession('early')
    const first = await postOpen(session, call('x'))
    const old = collect(first)
    const upstreamCall = await nextCall()
    upstreamCall.say(note('one'))
    await eventually(() => expect(old.text).toContain('"one"'))
    const resumed = collect(await session.get({ 'last-event-id': 'a1-1' }))
    await eventually(() => expect(old.isEnded).toBe(true))
    upstreamCall.say(answerOf(upstreamCall.id, 'only once'))
    await eventually(() => expect(resumed.isEnded).toBe(true))
    expect(resumed.text).toContain('only once')
    expect(old.text).not.toContain('only once')
  })

  test.each(['a9-1', 'nonsense', 'a1-99', '-'])('cannot resume %j', async (cursor) => {
    const session = await openSession('cursor')
    const response = await session.get({ 'last-event-id': cursor })
    expect(response.statusCode).toBe(400)
    response.destroy()
  })
})

describe('what belongs to no request', () => {
  test('goes to exactly one GET stream', async () => {
    const session = await openSession('listener')
    const streams = [collect(await session.get()), collect(await session.get())]
    await eventually(() => expect(standing).not.toBeNull())
    standing?.({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await eventually(() => expect(streams.map(({ text }) => text).join('')).toContain('list_changed'))
    expect(streams.filter(({ text }) => text.includes('list_changed'))).toHaveLength(1)
  })

  test('has a bounded number of GET streams; the oldest makes room', async () => {
    const session = await openSession('many')
    const streams = [collect(await session.get()), collect(await session.get()), collect(await session.get())]
    await eventually(() => expect(streams.map(({ isEnded }) => isEnded)).toEqual([true, false, false]))
  })

  test('waits for a listener when there is none', async () => {
    const session = await openSession('later')
    await eventually(() => expect(standing).not.toBeNull())
    standing?.(note('kept'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const stream = collect(await session.get())
    await eventually(() => expect(stream.text).toContain('"kept"'))
  })

  test('a notification that is not on the list does not pass', async () => {
    const session = await openSession('strange')
    await eventually(() => expect(standing).not.toBeNull())
    const stream = collect(await session.get())
    standing?.({ jsonrpc: '2.0', method: 'notifications/tasks/status', params: { taskId: 'x' } })
    standing?.(note('end'))
    await eventually(() => expect(stream.text).toContain('"end"'))
    expect(stream.text).not.toContain('tasks')
  })
})

describe('ids and tokens', () => {
  test('progress comes back under the token of the client, and only for a token that is open', async () => {
    const session = await openSession('progress')
    const answer = session.post(call('x', { progressToken: 'mine', traceparent: '00-aa' }))
    const upstreamCall = await nextCall()
    const meta = (upstreamCall.body['params'] as { _meta: Record<string, unknown> })._meta
    expect(meta).toEqual({ progressToken: upstreamCall.id, traceparent: '00-aa' })
    const progress = (token: unknown) => ({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: token, progress: 1 },
    })
    upstreamCall.say(progress('mine'))
    upstreamCall.say(progress(upstreamCall.id + 1))
    upstreamCall.say(progress(upstreamCall.id))
    upstreamCall.say(answerOf(upstreamCall.id, 'done'))
    expect((await answer).messages).toEqual([progress('mine'), answerOf('x' as never, 'done')])
  })

  test('cancelling reaches the upstream under its own id, ends the POST without a message, and is recorded', async () => {
    const session = await openSession('cancel')
    const answer = session.post(call('x'))
    const upstreamCall = await nextCall()
    const told = await session.post({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'x', reason: 'changed my mind' },
    })
    expect(told.status).toBe(202)
    expect(upstream.of('notifications/cancelled').at(-1)?.['params']).toEqual({
      requestId: upstreamCall.id,
      reason: 'changed my mind',
    })
    const ended = await answer
    expect([ended.status, ended.messages]).toEqual([200, []])
    expect(gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'cancelledByClient' })
  })

  test('one session cannot cancel the call of another', async () => {
    const [mine, theirs] = [await openSession('victim'), await openSession('attacker')]
    const answer = mine.post(call('x'))
    const upstreamCall = await nextCall()
    const before = upstream.of('notifications/cancelled').length
    await theirs.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'x' } })
    await theirs.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: upstreamCall.id } })
    expect(upstream.of('notifications/cancelled')).toHaveLength(before)
    upstreamCall.say(answerOf(upstreamCall.id, 'still here'))
    expect((await answer).text).toContain('still here')
  })

  test('unknown fields survive both ways, and numbers keep their text on the way back', async () => {
    const session = await openSession('lossless')
    const answer = session.post(
      '{"jsonrpc":"2.0","id":"x","method":"tools/call","future":{"a":[1]},"params":{"name":"get_thing","arguments":{"n":1.5},"x-new":true}}',
    )
    const upstreamCall = await nextCall()
    expect(upstreamCall.body).toEqual({
      jsonrpc: '2.0',
      id: upstreamCall.id,
      method: 'tools/call',
      future: { a: [1] },
      params: { name: 'get_thing', arguments: { n: 1.5 }, 'x-new': true },
    })
    upstreamCall.say({ ...answerOf(upstreamCall.id, 'x'), extra: { kept: 1 } })
    expect((await answer).messages[0]).toMatchObject({ extra: { kept: 1 } })
  })

  test('task augmentation is not carried, because tasks are not declared', async () => {
    const session = await openSession('tasks')
    expect(session.result['capabilities']).not.toHaveProperty('tasks')
    const answer = session.post({ ...call('x'), params: { name: 'get_thing', arguments: {}, task: { ttl: 1 } } })
    const upstreamCall = await nextCall()
    expect(upstreamCall.body['params']).toEqual({ name: 'get_thing', arguments: {} })
    upstreamCall.say(answerOf(upstreamCall.id, 'x'))
    await answer
  })
})

describe('questions of the server', () => {
  const elicit = (id: unknown) => ({
    jsonrpc: '2.0',
    id,
    method: 'elicitation/create',
    params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } },
  })

  test('reach the client under an id of ours, and only that id is taken back, once, from that session', async () => {
    const [session, other] = [await openSession('asked'), await openSession('not-asked')]
    const stream = collect(await postOpen(session, call('x')))
    const upstreamCall = await nextCall()
    upstreamCall.say(elicit('server-7'))
    await eventually(() => expect(stream.text).toContain('elicitation/create'))
    const asked = JSON.parse(/data: (.*elicitation.*)/.exec(stream.text)?.[1] ?? '{}') as { id: number }
    expect(asked.id).not.toBe('server-7')
    const reply = (id: unknown) => ({ jsonrpc: '2.0', id, result: { action: 'decline' } })
    const answers = () =>
      upstream.seen.filter(({ body }) => body?.['id'] === 'server-7' && body['result'] !== undefined)
    expect((await other.post(reply(asked.id))).status).toBe(400)
    expect((await session.post(reply('server-7'))).status).toBe(400)
    expect((await session.post(reply(String(asked.id)))).status).toBe(400)
    expect(answers()).toHaveLength(0)
    expect((await session.post(reply(asked.id))).status).toBe(202)
    expect((await session.post(reply(asked.id))).status).toBe(400)
    expect(answers()).toHaveLength(1)
    upstreamCall.say(answerOf(upstreamCall.id, 'thanks'))
    await eventually(() => expect(stream.isEnded).toBe(true))
  })

  test.each([
    ['not declared', { ...elicit(1), method: 'sampling/createMessage' }, -32601],
    ['in a mode not declared', { ...elicit(2), params: { mode: 'url', url: 'https://x.example' } }, -32601],
    ['unknown', { ...elicit(3), method: 'tools/call' }, -32601],
  ])('%s: answered by us with method not found; the client sees nothing', async (_what, question, code) => {
    const session = await openSession('undeclared')
    const stream = collect(await session.get())
    await eventually(() => expect(standing).not.toBeNull())
    standing?.(question)
    await eventually(() => expect(upstream.seen.at(-1)?.body).toMatchObject({ id: question.id, error: { code } }))
    expect(stream.text).not.toContain(question.method)
  })

  test('ping is answered by us', async () => {
    await openSession('pinged')
    await eventually(() => expect(standing).not.toBeNull())
    standing?.({ jsonrpc: '2.0', id: 'p', method: 'ping' })
    await eventually(() => expect(upstream.seen.at(-1)?.body).toEqual({ jsonrpc: '2.0', id: 'p', result: {} }))
  })

  test('a client without elicitation in its revision is never asked (2025-03-26)', async () => {
    await openSession('ancient', '2025-03-26')
    const initialize = upstream.of('initialize').at(-1)?.['params']
    expect(initialize).toMatchObject({ protocolVersion: '2025-03-26', capabilities: { roots: {} } })
    expect((initialize as { capabilities: object }).capabilities).not.toHaveProperty('elicitation')
  })
})

test('a session is initialized once', async () => {
  const session = await openSession('again')
  const before = upstream.of('initialize').length
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } }
  const answer = await session.post({ jsonrpc: '2.0', id: 'i', method: 'initialize', params })
  expect(answer.status).toBe(400)
  expect(upstream.of('initialize')).toHaveLength(before)
})

describe('batches', () => {
  test('are answered together where the session negotiated 2025-03-26', async () => {
    const session = await openSession('batch', '2025-03-26')
    const answer = session.post([
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/roots/list_changed' },
      { jsonrpc: '2.0', id: 2, method: 'ping' },
    ])
    const { status, messages } = await answer
    expect(status).toBe(200)
    expect(messages.map(({ id }) => id).sort()).toEqual([1, 2])
    const oneWay = await session.post([{ jsonrpc: '2.0', method: 'notifications/roots/list_changed' }])
    expect(oneWay.status).toBe(202)
  })

  test('with one refused message are refused whole: nothing of them is sent', async () => {
    const session = await openSession('mixed.scopes~read', '2025-03-26')
    await session.post({ jsonrpc: '2.0', id: 'l', method: 'tools/list' })
    const before = upstream.of('ping').length
    const answer = await session.post([
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'delete_thing', arguments: {} } },
    ])
    expect(answer.status).toBe(403)
    expect(upstream.of('ping')).toHaveLength(before)
  })

  test('are refused where the session negotiated a later revision, header or not', async () => {
    const session = await openSession('nobatch')
    const { 'mcp-protocol-version': _, ...headers } = session.headers
    for (const sent of [headers, { ...headers, 'mcp-protocol-version': '2025-03-26' }, session.headers]) {
      const answer = await send(gateway.url('notes'), 'POST', sent, [{ jsonrpc: '2.0', id: 1, method: 'ping' }])
      expect(answer.status).toBe(400)
    }
  })
})
