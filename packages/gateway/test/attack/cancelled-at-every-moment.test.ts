import { afterEach, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { askModern, fetchModern, type ModernRequest } from '../support/modern-client.ts'
import { type ModernContext, type ScriptedModern, startModernUpstream } from '../support/modern-upstream.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const CALL: ModernRequest = {
  token: 'token-alice',
  method: 'tools/call',
  params: { name: 'write_thing', arguments: {} },
}
const OTHER: ModernRequest = { ...CALL, params: { name: 'get_thing', arguments: {} } }
const DONE = { resultType: 'complete', content: [] }

/** Where the upstream is when the client hangs up: it goes on when told. */
type Stand = (context: ModernContext, goOn: Promise<void>) => void | Promise<void>

const MOMENTS: readonly (readonly [string, string, Stand])[] = [
  ['is asked for its era', 'server/discover', async (_context, goOn) => await goOn],
  ['is asked for its tools', 'tools/list', async (_context, goOn) => await goOn],
  [
    'works, and has said nothing',
    'tools/call',
    async ({ result }, goOn) => {
      await goOn
      result(DONE)
    },
  ],
  [
    'writes its answer',
    'tools/call',
    async ({ response, body }, goOn) => {
      const text = JSON.stringify({ jsonrpc: '2.0', id: body['id'], result: DONE })
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(text.slice(0, 20))
      await goOn
      response.end(text.slice(20))
    },
  ],
  [
    'tells of its progress',
    'tools/call',
    async ({ sse, response, body, params }, goOn) => {
      const { progressToken } = params['_meta'] as Record<string, unknown>
      const emit = sse()
      emit({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
      await goOn
      emit({ method: 'notifications/progress', params: { progressToken, progress: 2 } })
      // After the cancellation, twice.
      emit({ id: body['id'], result: DONE })
      emit({ id: body['id'], result: DONE })
      response.end()
    },
  ],
]

async function start(method: string, stand: Stand) {
  const standing = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  let isFirst = true
  const upstream = await startModernUpstream(async (context) => {
    if (context.body['method'] !== method || !isFirst) return false
    isFirst = false
    standing.resolve()
    await stand(context, release.promise)
    return method === 'tools/call'
  })
  const entry = { kind: 'http' as const, url: upstream.url, headers: new Map(), network: 'loopback' as const }
  const gateway = await startDataPlane({ servers: { notes: { upstream: entry } }, limits: { callsInFlightMax: 1 } })
  closers.push(gateway.close, upstream.close)
  return { gateway, upstream, standing: standing.promise, goOn: release.resolve }
}

/** Outcomes that were written for the writing tool. */
const outcomes = (gateway: DataPlaneGateway) =>
  gateway.records.filter(({ activity, tool }) => activity === 'call.outcome' && tool === 'write_thing')

const callsOf = (upstream: ScriptedModern, name: string) =>
  upstream.of('tools/call').filter(({ body }) => (body['params'] as Record<string, unknown>)['name'] === name)

describe('a client that hangs up while the server', () => {
  test.each(MOMENTS)('%s: cancels, leaves one outcome and gives its place back', async (_when, method, stand) => {
    const { gateway, upstream, standing, goOn } = await start(method, stand)
    const url = gateway.url('notes')
    const controller = new AbortController()
    const meta = { progressToken: 'p' }
    const asked = fetchModern(url, { ...CALL, meta, signal: controller.signal }).then(
      (response) => response.text().catch(() => null),
      () => null,
    )
    await standing
    controller.abort()
    await asked
    const sent = callsOf(upstream, 'write_thing')
    if (method === 'tools/call') await eventually(() => expect(sent[0]?.hungUp).toBe(true))
    goOn()
    await eventually(async () => expect((await askModern(url, OTHER)).status).toBe(200))
    await eventually(() => expect(outcomes(gateway)).toHaveLength(1))
    expect(outcomes(gateway)[0]).toMatchObject({ outcome: 'unknown', reason: 'cancelledByClient' })
    // What was not under way yet is not begun for a client that is gone.
    expect(callsOf(upstream, 'write_thing')).toHaveLength(method === 'tools/call' ? 1 : 0)
  })
})
