import { afterEach, describe, expect, test } from 'vitest'
import { startDataPlane } from '../support/data-plane.ts'
import { ask, type ModernAsk } from '../support/modern.ts'
import { startModernUpstream } from '../support/modern-upstream.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const CALL: ModernAsk = {
  method: 'tools/call',
  params: { name: 'get_thing', arguments: { filler: 'x'.repeat(1_000) } },
}
const QUESTION = { method: 'elicitation/create', params: { mode: 'form', message: 'Sure?', requestedSchema: {} } }

/** A server that asks back with a state of its choice, and is content with any answer. */
async function start(state: string, requestBytesMax: number) {
  const upstream = await startModernUpstream(({ body, params, result }) => {
    if (body['method'] !== 'tools/call' || params['inputResponses'] !== undefined) return false
    result({ resultType: 'input_required', inputRequests: { sure: QUESTION }, requestState: state })
    return true
  })
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  const gateway = await startDataPlane({ servers: { notes: { upstream: entry, limits: { requestBytesMax } } } })
  closers.push(gateway.close, upstream.close)
  return { upstream, gateway, url: gateway.url('notes') }
}

describe('a server whose state is too large to come back', () => {
  test.each<[string, string, number]>([
    ['larger than any request', 'x'.repeat(2_000_000), 1_048_576],
    ['small enough until it is sealed', 'x'.repeat(50_000), 65_536],
    ['small enough until it is printed', '\u0001'.repeat(10_000), 65_536],
    ['leaving no room for arguments and answers', 'x'.repeat(30_000), 65_536],
    ['larger than states may be, however large requests may be', 'x'.repeat(300_000), 16_777_216],
  ])('%s: the round is refused where it begins, and says why on record', async (_what, state, requestBytesMax) => {
    const { gateway, url } = await start(state, requestBytesMax)
    const { messages } = await ask(url, CALL)
    expect(messages).toMatchObject([{ id: 1, error: { code: -32603 } }])
    expect(gateway.records.at(-1)).toMatchObject({ activity: 'call.outcome', reason: 'requestStateTooLarge' })
  })

  test.each<[string, string, number]>([
    ['a usual one', 'x'.repeat(16_000), 65_536],
    ['the largest', 'x'.repeat(190_000), 1_048_576],
    ['a small one where requests are small', 'x'.repeat(200), 4_096],
  ])('%s comes back whole', async (_what, state, requestBytesMax) => {
    const { upstream, url } = await start(state, requestBytesMax)
    const { messages } = await ask(url, CALL)
    const { requestState } = (messages[0]?.['result'] ?? {}) as Record<string, unknown>
    const answers = { inputResponses: { sure: { action: 'accept', content: {} } } }
    const second = await ask(url, { ...CALL, params: { ...CALL.params, ...answers, requestState } })
    expect(second.messages).toMatchObject([{ result: { content: [{ text: 'done' }] } }])
    expect(upstream.of('tools/call').at(-1)?.body['params']).toMatchObject({ requestState: state })
  })
})
