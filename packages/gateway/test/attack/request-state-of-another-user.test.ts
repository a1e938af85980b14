import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { ask, begin, type ModernAsk, type ModernPair, startModernPair } from '../support/modern.ts'
import { readAnswer } from '../support/raw-client.ts'

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

const UPSTREAM_STATE = 'state of the upstream: {"step":1}'
const QUESTION = { method: 'elicitation/create', params: { mode: 'form', message: 'Sure?', requestedSchema: {} } }
const DELETE: ModernAsk = { method: 'tools/call', params: { name: 'delete_thing', arguments: { n: 1 } } }
const ANSWERS = { inputResponses: { sure: { action: 'accept', content: {} } } }

/** Asks back once; `hold` keeps the second round waiting. */
async function start(
  hold: Promise<void> = Promise.resolve(),
  limits: { readonly streamOpensAfterMs?: number } = {},
): Promise<ModernPair> {
  pair = await startModernPair(
    async ({ body, json }) => {
      if (body['method'] !== 'tools/call') return false
      const params = body['params'] as Record<string, unknown>
      if (params['inputResponses'] !== undefined) {
        await hold
        return false
      }
      const result = { resultType: 'input_required', inputRequests: { sure: QUESTION }, requestState: UPSTREAM_STATE }
      json({ jsonrpc: '2.0', id: body['id'], result })
      return true
    },
    { limits },
  )
  return pair
}

async function stateOf({ url }: ModernPair, request: ModernAsk = DELETE): Promise<string> {
  const { messages } = await ask(url, request)
  const result = messages[0]?.['result'] as Record<string, unknown>
  expect(result).toMatchObject({ resultType: 'input_required', inputRequests: { sure: QUESTION } })
  return String(result['requestState'])
}

function retry(requestState: string, change: Partial<ModernAsk> = {}): ModernAsk {
  return { ...DELETE, id: 2, ...change, params: { ...DELETE.params, ...change.params, ...ANSWERS, requestState } }
}

const secondRounds = ({ upstream }: ModernPair) =>
  upstream.of('tools/call').filter(({ params }) => (params as Record<string, unknown>)['inputResponses'] !== undefined)

describe('request state in the wrong hands (2026-07-28, patterns/mrtr §Security Considerations)', () => {
  test('its own caller goes on with it, and the upstream finds its own state byte for byte', async () => {
    const pair = await start()
    const state = await stateOf(pair)
    expect(Buffer.from(state, 'base64url').toString('latin1')).not.toContain('upstream')
    const { status, messages } = await ask(pair.url, retry(state))
    expect({ status, message: messages[0] }).toMatchObject({
      status: 200,
      message: { id: 2, result: { content: [{ text: 'done' }] } },
    })
    expect(secondRounds(pair)).toMatchObject([{ params: { ...ANSWERS, requestState: UPSTREAM_STATE } }])
  })

  test.each<[string, (state: string) => ModernAsk]>([
    ['another user', (state) => retry(state, { token: 'token-mallory' })],
    ['another client of the same user', (state) => retry(state, { token: 'token-alice.client~other' })],
    ['another tool', (state) => retry(state, { params: { name: 'write_thing' } })],
    ['other arguments', (state) => retry(state, { params: { arguments: { n: 2 } } })],
    ['another text of the same number', (state) => retry(state, { params: { arguments: { n: '1' } } })],
    ['a changed text', (state) => retry(`${state.slice(0, -8)}AAAAAAAA`)],
    ['the state of the upstream, unsealed', () => retry(UPSTREAM_STATE)],
    [
      'a state that is no text',
      () => ({ ...DELETE, params: { ...DELETE.params, ...ANSWERS, requestState: { a: 1 } } }),
    ],
  ])('%s: refused with one sentence, and nothing reaches the upstream', async (_what, attack) => {
    const pair = await start()
    const { status, messages } = await ask(pair.url, attack(await stateOf(pair)))
    expect({ status, error: messages[0]?.['error'] }).toMatchObject({ status: 200, error: { code: -32602 } })
    expect(messages[0]).not.toHaveProperty('result')
    expect(secondRounds(pair)).toEqual([])
    const { reason } = pair.gateway.records.at(-1) ?? {}
    expect(reason).toMatch(/^requestStateRefused: /)
    expect(JSON.stringify(messages)).not.toMatch(/notForThisRequest|malformed/)
  })

  test('left out: nobody’s state goes with the answers, which are the caller’s own word in a request that stands alone', async () => {
    const pair = await start()
    await stateOf(pair)
    const unasked = { ...DELETE, params: { ...DELETE.params, ...ANSWERS } }
    for (const token of ['token-alice', 'token-mallory']) {
      const { status, messages } = await ask(pair.url, { ...unasked, token })
      expect({ status, message: messages[0] }).toMatchObject({
        status: 200,
        message: { result: { content: [{ text: 'done' }] } },
      })
    }
    expect(secondRounds(pair)).toHaveLength(2)
    for (const { params } of secondRounds(pair)) expect(params).not.toHaveProperty('requestState')
    const audited = pair.gateway.records.filter(
      ({ method, tool }) => method === 'tools/call' && tool === 'delete_thing',
    )
    // First round, then twice: an intent and an outcome each.
    expect(audited).toHaveLength(6)
  })

  test.each([
    ['a text', 'yes'],
    ['a list', []],
    ['nothing', null],
    ['an answer that is a number', { sure: 7 }],
    ['an answer that is a list', { sure: [] }],
  ])('answers that are %s: refused, and nothing reaches the upstream', async (_what, inputResponses) => {
    const pair = await start()
    const state = await stateOf(pair)
    for (const params of [{ inputResponses }, { inputResponses, requestState: state }]) {
      const { messages } = await ask(pair.url, { ...DELETE, params: { ...DELETE.params, ...params } })
      expect(messages[0]?.['error']).toMatchObject({ code: -32602 })
    }
    expect(pair.upstream.of('tools/call')).toHaveLength(1)
  })

  test('at another server: refused', async () => {
    const pair = await start()
    const state = await stateOf(pair)
    pair.gateway.setSnapshot((snapshot) => {
      const notes = [...snapshot.servers.values()][0]
      if (notes === undefined) throw new Error('no server')
      const mail = { ...notes, id: 'mail' as typeof notes.id, resource: notes.resource.replace(/notes$/, 'mail') }
      return { ...snapshot, servers: new Map([...snapshot.servers, [mail.id, mail]]) }
    })
    const { messages } = await ask(pair.gateway.url('mail'), retry(state))
    expect(messages[0]?.['error']).toMatchObject({ code: -32602 })
    expect(secondRounds(pair)).toEqual([])
  })

  test('asked again after the answer was lost: the same outcome under the new id, and the tool ran once', async () => {
    const pair = await start()
    const state = await stateOf(pair)
    const first = await ask(pair.url, retry(state))
    const again = await ask(pair.url, retry(state, { id: 'third' }))
    expect(again.messages[0]).toEqual({ ...first.messages[0], id: 'third' })
    expect(secondRounds(pair)).toHaveLength(1)
  })

  test('twice at once: both get the outcome, and the tool ran once', async () => {
    const hold = Promise.withResolvers<void>()
    const pair = await start(hold.promise)
    const state = await stateOf(pair)
    const both = [ask(pair.url, retry(state)), ask(pair.url, retry(state, { id: 3 }))]
    await eventually(() => expect(secondRounds(pair)).toHaveLength(1))
    hold.resolve()
    const answers = await Promise.all(both)
    expect(answers.map(({ status, messages }) => [status, messages[0]?.['id']])).toEqual([
      [200, 2],
      [200, 3],
    ])
    expect(secondRounds(pair)).toHaveLength(1)
  })

  test('with other answers than the first time: refused, and the tool ran once', async () => {
    const pair = await start()
    const state = await stateOf(pair)
    await ask(pair.url, retry(state))
    const other = retry(state)
    const params = { ...other.params, inputResponses: { sure: { action: 'decline' } } }
    const { messages } = await ask(pair.url, { ...other, params })
    expect(messages[0]?.['error']).toMatchObject({ code: -32602 })
    expect(secondRounds(pair)).toHaveLength(1)
    expect(pair.gateway.records.at(-1)?.reason).toMatch(/\bspent$/)
  })

  test('a revoked caller gets nothing with it, not even the outcome that is kept', async () => {
    const pair = await start()
    const state = await stateOf(pair)
    await ask(pair.url, retry(state))
    pair.gateway.revoke('alice')
    expect((await ask(pair.url, retry(state))).status).toBe(401)
  })

  test('goes on for who waits when the other hangs up', async () => {
    const hold = Promise.withResolvers<void>()
    const pair = await start(hold.promise, { streamOpensAfterMs: 50 })
    const state = await stateOf(pair)
    // Its head comes with the stream, so that it is known to wait.
    const leaver = await begin(pair.url, retry(state))
    const stayer = await begin(pair.url, retry(state, { id: 3 }))
    leaver.on('error', () => {})
    leaver.destroy()
    await sleep(100)
    hold.resolve()
    const { messages } = await readAnswer(stayer)
    expect(messages).toMatchObject([{ id: 3, result: { content: [{ text: 'done' }] } }])
    expect(secondRounds(pair)).toHaveLength(1)
  })

  test('is cancelled when everybody hung up, and does not run for who comes later', async () => {
    const hold = Promise.withResolvers<void>()
    const pair = await start(hold.promise, { streamOpensAfterMs: 50 })
    const state = await stateOf(pair)
    const leaver = await begin(pair.url, retry(state))
    leaver.on('error', () => {})
    leaver.destroy()
    await eventually(() => expect(pair.gateway.records.at(-1)?.reason).toBe('cancelledByClient'))
    hold.resolve()
    const { messages } = await ask(pair.url, retry(state))
    expect(messages[0]?.['error']).toBeDefined()
    expect(secondRounds(pair)).toHaveLength(1)
  })
})
