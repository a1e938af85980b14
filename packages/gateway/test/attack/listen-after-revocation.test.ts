import type { IncomingMessage } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { ask, begin, type ModernAsk, type ModernPair, startModernPair } from '../support/modern.ts'
import { readAnswer } from '../support/raw-client.ts'

type Message = Record<string, unknown>

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

const TAG = 'io.modelcontextprotocol/subscriptionId'

/** What the upstream sees of one listener, and what the test makes it say. */
interface Heard {
  readonly id: unknown
  readonly notifications: unknown
  isClosed: boolean
  say(method: string, params?: Message): void
  /** The answer that ends a subscription. */
  complete(): void
  hangUp(): void
}

interface Listeners {
  readonly pair: ModernPair
  readonly heard: Heard[]
}

/** An upstream that acknowledges everything, and whatever else the options make it do. */
async function start(options: Parameters<typeof startModernPair>[1] = {}, acknowledges = true): Promise<Listeners> {
  const heard: Heard[] = []
  pair = await startModernPair(({ body, sse, response }) => {
    if (body['method'] !== 'subscriptions/listen') return false
    const id = body['id']
    const emit = sse()
    const { notifications } = body['params'] as Message
    const listener: Heard = {
      id,
      notifications,
      isClosed: false,
      say: (method, params = {}) => emit({ jsonrpc: '2.0', method, params: { _meta: { [TAG]: id }, ...params } }),
      complete: () => {
        emit({ jsonrpc: '2.0', id, result: { resultType: 'complete', _meta: { [TAG]: id } } })
        response.end()
      },
      hangUp: () => response.destroy(),
    }
    response.on('close', () => {
      listener.isClosed = true
    })
    heard.push(listener)
    if (acknowledges) listener.say('notifications/subscriptions/acknowledged', { notifications })
    return true
  }, options)
  return { pair, heard }
}

const LISTEN: ModernAsk = {
  method: 'subscriptions/listen',
  id: 'my-listen',
  params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['a:1'] } },
}

/** Reads a stream as it comes. */
function follow(response: IncomingMessage): { messages: Message[]; text: () => string; ended: Promise<void> } {
  let text = ''
  const messages: Message[] = []
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    const whole = text.slice(0, text.lastIndexOf('\n\n') + 2)
    const data = whole.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
    messages.splice(0, messages.length, ...data.map((line) => JSON.parse(line) as Message))
  })
  const ended = new Promise<void>((resolve) => response.once('close', () => resolve()))
  response.on('error', () => {})
  return { messages, text: () => text, ended }
}

async function listenTo({ pair }: Listeners, change: Partial<ModernAsk> = {}) {
  const response = await begin(pair.url, { ...LISTEN, ...change })
  const stream = follow(response)
  await eventually(() => expect(stream.messages).toHaveLength(1))
  return { response, ...stream }
}

const COMPLETE = { jsonrpc: '2.0', id: 'my-listen', result: { resultType: 'complete', _meta: { [TAG]: 'my-listen' } } }

describe('subscriptions/listen (2026-07-28, patterns/subscriptions)', () => {
  test('acknowledges first, names every message by the listener’s own id, and gives no event ids', async () => {
    const all = await start()
    const { response, messages, text } = await listenTo(all)
    all.heard[0]?.say('notifications/tools/list_changed')
    all.heard[0]?.say('notifications/resources/updated', { uri: 'a:1', own: { kept: 1 } })
    await eventually(() => expect(messages).toHaveLength(3))
    expect(messages).toMatchObject([
      { method: 'notifications/subscriptions/acknowledged', params: LISTEN.params ?? {} },
      { method: 'notifications/tools/list_changed' },
      { method: 'notifications/resources/updated', params: { uri: 'a:1', own: { kept: 1 } } },
    ])
    const tags = messages.map(({ params }) => (params as Message)['_meta'])
    expect(tags).toEqual([{ [TAG]: 'my-listen' }, { [TAG]: 'my-listen' }, { [TAG]: 'my-listen' }])
    expect(text()).not.toMatch(/^id:/m)
    expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    expect(all.heard[0]?.id).not.toBe('my-listen')
  })

  test('brings nothing that was not asked for, whatever the upstream says', async () => {
    const all = await start()
    const { messages } = await listenTo(all)
    const [upstream] = all.heard
    upstream?.say('notifications/prompts/list_changed')
    upstream?.say('notifications/resources/updated', { uri: 'a:2' })
    upstream?.say('notifications/message', { level: 'info', data: 'secret' })
    upstream?.say('notifications/subscriptions/acknowledged', { notifications: { promptsListChanged: true } })
    upstream?.say('notifications/prompts/list_changed')
    upstream?.say('notifications/tools/list_changed')
    await eventually(() => expect(messages.at(-1)?.['method']).toBe('notifications/tools/list_changed'))
    expect(messages).toHaveLength(2)
  })

  test('brings nothing before the acknowledgement', async () => {
    const all = await start({}, false)
    const opening = begin(all.pair.url, LISTEN)
    await eventually(() => expect(all.heard).toHaveLength(1))
    all.heard[0]?.say('notifications/tools/list_changed')
    all.heard[0]?.say('notifications/subscriptions/acknowledged', { notifications: { toolsListChanged: true } })
    all.heard[0]?.complete()
    const { messages } = await readAnswer(await opening)
    expect(messages).toMatchObject([
      { method: 'notifications/subscriptions/acknowledged', params: { notifications: { toolsListChanged: true } } },
      COMPLETE,
    ])
  })

  test('ends with its answer when the upstream ends it, and with an error when the upstream breaks', async () => {
    const all = await start()
    const whole = await listenTo(all)
    all.heard[0]?.complete()
    await whole.ended
    expect(whole.messages.at(-1)).toEqual(COMPLETE)
    const broken = await listenTo(all)
    all.heard[1]?.hangUp()
    await broken.ended
    expect(broken.messages.at(-1)).toMatchObject({ id: 'my-listen', error: { code: expect.any(Number) } })
  })

  test('a client that hangs up cancels it at the upstream', async () => {
    const all = await start()
    const { response } = await listenTo(all)
    response.destroy()
    await eventually(() => expect(all.heard[0]?.isClosed).toBe(true))
    await eventually(() => expect(all.pair.gateway.records.at(-1)?.reason).toBe('cancelledByClient'))
  })

  test('has a bounded number of streams per user, whatever clients they use', async () => {
    const all = await start({ limits: { listenersMax: 2 } })
    const first = await listenTo(all)
    await listenTo(all, { token: 'token-alice.client~other' })
    expect((await ask(all.pair.url, LISTEN)).status).toBe(429)
    await listenTo(all, { token: 'token-bob' })
    expect(all.heard).toHaveLength(3)
    first.response.destroy()
    await eventually(() => expect(all.heard[0]?.isClosed).toBe(true))
    await eventually(async () => expect((await begin(all.pair.url, LISTEN)).statusCode).toBe(200))
  })

  test('keeps the line alive with comments', async () => {
    const all = await start({ limits: { keepAliveMs: 20 } })
    const { text } = await listenTo(all)
    await eventually(() => expect(text()).toContain('\n: keep-alive\n\n'))
  })

  test.each([
    ['no filter', {}],
    ['a filter that is none', { notifications: 'all' }],
    ['too many resources', { notifications: { resourceSubscriptions: Array.from({ length: 300 }, String) } }],
  ])('%s: refused, and the upstream hears nothing', async (_what, params) => {
    const all = await start()
    const { messages } = await ask(all.pair.url, { ...LISTEN, params })
    expect(messages[0]?.['error']).toMatchObject({ code: -32602 })
    expect(all.heard).toEqual([])
  })

  test('a server that cannot: its error, as that of any request', async () => {
    pair = await startModernPair(({ body, json }) => {
      if (body['method'] !== 'subscriptions/listen') return false
      json({ jsonrpc: '2.0', id: body['id'], error: { code: -32601, message: 'Method not found' } })
      return true
    })
    const { status, messages } = await ask(pair.url, LISTEN)
    expect({ status, message: messages[0] }).toMatchObject({
      status: 404,
      message: { id: 'my-listen', error: { code: -32601 } },
    })
  })
})

describe('a listener whose leave is withdrawn', () => {
  test('revoked: the stream is completed at once, the upstream let go, and nothing more comes', async () => {
    const all = await start()
    const { messages, ended } = await listenTo(all)
    all.pair.gateway.revoke('alice')
    all.heard[0]?.say('notifications/tools/list_changed')
    await ended
    expect(messages.slice(1)).toEqual([COMPLETE])
    await eventually(() => expect(all.heard[0]?.isClosed).toBe(true))
    expect(all.pair.gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'grantRevoked' })
    expect((await ask(all.pair.url, LISTEN)).status).toBe(401)
    expect(all.heard).toHaveLength(1)
  })

  test('another user’s revocation ends nothing', async () => {
    const all = await start()
    const { messages } = await listenTo(all)
    all.pair.gateway.revoke('bob')
    all.heard[0]?.say('notifications/tools/list_changed')
    await eventually(() => expect(messages).toHaveLength(2))
  })

  test('expired: the stream is completed when the token ends', async () => {
    const all = await start()
    const { messages, ended } = await listenTo(all, { token: 'token-alice.client~listen-expiry.ttl~2' })
    await ended
    expect(messages.slice(1)).toEqual([COMPLETE])
    expect(all.pair.gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'tokenExpired' })
    await eventually(() => expect(all.heard[0]?.isClosed).toBe(true))
  })

  test('revoked before the upstream acknowledged: no stream opens', async () => {
    const all = await start({}, false)
    const opening = ask(all.pair.url, LISTEN)
    await eventually(() => expect(all.heard).toHaveLength(1))
    all.pair.gateway.revoke('alice')
    expect((await opening).status).toBe(401)
    await eventually(() => expect(all.heard[0]?.isClosed).toBe(true))
  })

  test('a role that may not read any more hears of nothing more', async () => {
    const all = await start()
    const { messages, ended } = await listenTo(all)
    all.pair.gateway.setSnapshot((snapshot) => ({
      ...snapshot,
      roles: new Map([['tester', { name: 'tester', admin: null, allow: new Map() }]]),
    }))
    await ended
    expect(messages.slice(1)).toEqual([COMPLETE])
    expect(all.pair.gateway.records.at(-1)?.reason).toBe('permitWithdrawn')
    await eventually(() => expect(all.heard[0]?.isClosed).toBe(true))
  })

  test('a user who loses the role: the stream is completed at once, while other users go on', async () => {
    const all = await start()
    const mine = await listenTo(all)
    const bobs = await listenTo(all, { token: 'token-bob' })
    all.pair.gateway.setRoles('carol', [])
    all.pair.gateway.setRoles('alice', [])
    await mine.ended
    expect(mine.messages.slice(1)).toEqual([COMPLETE])
    expect(all.pair.gateway.records.at(-1)?.reason).toBe('permitWithdrawn')
    await eventually(() => expect(all.heard[0]?.isClosed).toBe(true))
    all.heard[1]?.say('notifications/tools/list_changed')
    await eventually(() => expect(bobs.messages).toHaveLength(2))
  })

  test('a change of roles that leaves the leave as it was ends nothing', async () => {
    const all = await start()
    const { messages } = await listenTo(all)
    all.pair.gateway.setRoles('alice', ['tester', 'other'])
    all.heard[0]?.say('notifications/tools/list_changed')
    await eventually(() => expect(messages).toHaveLength(2))
  })

  test('a role that is lost while the intent is written opens no stream', async () => {
    const all = await start()
    all.pair.gateway.failAudit(({ activity }) => {
      if (activity === 'call.intent') all.pair.gateway.setRoles('alice', [])
      return false
    })
    expect((await ask(all.pair.url, LISTEN)).status).not.toBe(200)
    expect(all.heard).toEqual([])
  })

  test('an audit log that fails: nothing is opened', async () => {
    const all = await start()
    all.pair.gateway.failAudit(({ activity }) => activity === 'call.intent')
    expect((await ask(all.pair.url, LISTEN)).status).toBe(503)
    expect(all.heard).toEqual([])
  })

  test('a reader that takes nothing is cut, and the upstream is let go', async () => {
    const all = await start({ limits: { stallMs: 300 } })
    const response = await begin(all.pair.url, {
      ...LISTEN,
      params: { notifications: { toolsListChanged: true } },
    })
    response.on('error', () => {})
    response.pause()
    const filler = 'x'.repeat(64 * 1024)
    for (let count = 0; count < 400; count += 1) all.heard[0]?.say('notifications/tools/list_changed', { filler })
    await vi.waitFor(() => expect(all.heard[0]?.isClosed).toBe(true), { timeout: 8_000 })
    await eventually(() => expect(all.pair.gateway.records.at(-1)?.reason).toBe('cancelledByClient'))
  })

  test('a gateway that closes completes what listens', async () => {
    const all = await start()
    const { messages, ended } = await listenTo(all)
    await all.pair.gateway.endpoint.close()
    await ended
    expect(messages.slice(1)).toEqual([COMPLETE])
  })
})
