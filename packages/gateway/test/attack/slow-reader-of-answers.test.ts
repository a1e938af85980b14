import { afterEach, expect, test } from 'vitest'
import { startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { ask, begin, type ModernAsk } from '../support/modern.ts'
import { startModernUpstream } from '../support/modern-upstream.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** More than the sockets between us hold. */
const ANSWER_BYTES = 32 * 1024 * 1024

test.each([
  ['JSON', {}],
  ['a stream', { progressToken: 'p' }],
])('an answer that is not taken keeps its place, so that answers do not pile up: %s', async (_as, meta) => {
  const text = 'x'.repeat(ANSWER_BYTES)
  const upstream = await startModernUpstream(({ body, params, sse, response }) => {
    if (body['method'] !== 'tools/call' || params['name'] !== 'get_thing') return false
    const { progressToken } = params['_meta'] as Record<string, unknown>
    const emit = sse()
    if (progressToken !== undefined) emit({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
    emit({ id: body['id'], result: { resultType: 'complete', content: [{ type: 'text', text }] } })
    response.end()
    return true
  })
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  const gateway = await startDataPlane({
    servers: { notes: { upstream: entry, limits: { responseBytesMax: 2 * ANSWER_BYTES } } },
    limits: { callsInFlightMax: 2 },
  })
  closers.push(gateway.close, upstream.close)
  const url = gateway.url('notes')
  const large: ModernAsk = { method: 'tools/call', params: { name: 'get_thing', arguments: {} }, meta }
  const small: ModernAsk = { method: 'tools/call', params: { name: 'write_thing', arguments: {} } }
  const [first, second] = [await begin(url, large), await begin(url, large)]
  for (const response of [first, second]) response.on('error', () => {}).pause()
  await eventually(() => {
    expect(
      gateway.records.filter(({ activity, outcome }) => activity === 'call.outcome' && outcome === 'success'),
    ).toHaveLength(2)
  })
  expect((await ask(url, small)).status).toBe(429)
  first.destroy()
  await eventually(async () => expect((await ask(url, small)).status).toBe(200))
  second.destroy()
})
