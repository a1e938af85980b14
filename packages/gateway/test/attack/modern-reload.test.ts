import { afterEach, expect, test } from 'vitest'
import type { ServerLimits } from '#core/snapshot.ts'
import { ask, type ModernAsk, type ModernPair, startModernPair } from '../support/modern.ts'

let pair: ModernPair | undefined
afterEach(async () => {
  await pair?.close()
  pair = undefined
})

const CALL: ModernAsk = { method: 'tools/call', params: { name: 'get_thing', arguments: {} } }

/** A server whose answers have 100 KB, as JSON or as an event. */
async function start(as: 'json' | 'sse'): Promise<ModernPair> {
  pair = await startModernPair(({ body, json, sse, response }) => {
    if (body['method'] !== 'tools/call') return false
    const result = { resultType: 'complete', content: [{ type: 'text', text: 'x'.repeat(100_000) }] }
    const message = { jsonrpc: '2.0', id: body['id'], result }
    if (as === 'json') json(message)
    else {
      sse()(message)
      response.end()
    }
    return true
  })
  return pair
}

function setLimits({ gateway }: ModernPair, limits: Partial<ServerLimits>): void {
  gateway.setSnapshot((snapshot) => {
    const servers = [...snapshot.servers].map(
      ([id, server]) => [id, { ...server, limits: { ...server.limits, ...limits } }] as const,
    )
    return { ...snapshot, number: snapshot.number + 1, servers: new Map(servers) }
  })
}

test.each(['json', 'sse'] as const)(
  'a limit on answers that changes holds from the next request on: %s',
  async (as) => {
    const pair = await start(as)
    const kindOf = async () => Object.keys((await ask(pair.url, CALL)).messages[0] ?? {}).at(-1)
    setLimits(pair, { responseBytesMax: 50_000 })
    expect(await kindOf()).toBe('error')
    setLimits(pair, { responseBytesMax: 200_000 })
    expect(await kindOf()).toBe('result')
    setLimits(pair, { responseBytesMax: 50_000 })
    expect(await kindOf()).toBe('error')
  },
)
