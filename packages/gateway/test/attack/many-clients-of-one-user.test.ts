import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { ask, type ModernAsk, type ModernPair, startModernPair } from '../support/modern.ts'

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

const CALL: ModernAsk = { method: 'tools/call', params: { name: 'get_thing', arguments: {} } }
const QUESTION = { method: 'elicitation/create', params: { mode: 'form', message: 'Sure?', requestedSchema: {} } }

test('one user has one share of the remembered rounds, however many clients they register', async () => {
  pair = await startModernPair(({ body, json }) => {
    const { inputResponses } = body['params'] as Record<string, unknown>
    if (body['method'] !== 'tools/call' || inputResponses !== undefined) return false
    json({
      jsonrpc: '2.0',
      id: body['id'],
      result: { resultType: 'input_required', inputRequests: { sure: QUESTION } },
    })
    return true
  })
  const { url } = pair
  const bothRounds = async (token: string): Promise<number> => {
    const { messages } = await ask(url, { ...CALL, token })
    const { requestState } = (messages[0]?.['result'] ?? {}) as Record<string, unknown>
    const answers = { inputResponses: { sure: { action: 'accept', content: {} } } }
    return (await ask(url, { ...CALL, token, params: { ...CALL.params, ...answers, requestState } })).status
  }
  const statuses: number[] = []
  for (let round = 0; round < 102; round += 1) statuses.push(await bothRounds(`token-mallory.client~c${round % 6}`))
  expect(statuses.slice(0, 100).every((status) => status === 200)).toBe(true)
  expect(statuses.slice(100)).toEqual([429, 429])
  expect(await bothRounds('token-alice')).toBe(200)
})

test('one user has one share of a server’s calls under way, however many clients they register', async () => {
  const release = Promise.withResolvers<void>()
  pair = await startModernPair(
    async ({ body }) => {
      const { name } = body['params'] as Record<string, unknown>
      if (body['method'] === 'tools/call' && name === 'write_thing') await release.promise
      return false
    },
    { limits: { callsInFlightMax: 3 } },
  )
  const { url, upstream } = pair
  const held = { ...CALL, params: { name: 'write_thing', arguments: {} } }
  const calls = [0, 1, 2].map((client) => ask(url, { ...held, token: `token-mallory.client~c${client}` }))
  await eventually(() => expect(upstream.of('tools/call')).toHaveLength(3))
  expect((await ask(url, { ...CALL, token: 'token-mallory.client~c3' })).status).toBe(429)
  expect((await ask(url, { ...CALL, token: 'token-alice' })).status).toBe(200)
  release.resolve()
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200])
  await eventually(async () => expect((await ask(url, { ...CALL, token: 'token-mallory.client~c3' })).status).toBe(200))
})
