import { afterEach, expect, test } from 'vitest'
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
