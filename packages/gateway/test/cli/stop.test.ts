import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { eventually } from '../support/eventually.ts'
import {
  childrenOf,
  exportedRecords,
  type GatewayProcess,
  makePlace,
  type Place,
  quickstartServer,
  runCli,
  spawnGateway,
  type WrittenRecord,
} from '../support/gateway-process.ts'
import { logInCaller } from '../support/mcp-caller.ts'
import { open } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

const MEMORY = quickstartServer('memory')
/** A child that neither the end of its input nor SIGTERM ends. */
const STUBBORN = 'data:text/javascript,process.on("SIGTERM",Object),setInterval(Object,1e6)'
/** A stop takes at most this long, whatever is under way. */
const STOP_MS = 10_000

let upstream: ScriptedUpstream
let place: Place
const running: GatewayProcess[] = []

beforeEach(async () => {
  upstream = await startScriptedUpstream(async ({ body }) => {
    // Never answers.
    return body['method'] === 'tools/call' && JSON.stringify(body).includes('forever')
  })
  place = await makePlace(
    () => `servers:
  notes: { http: { url: '${upstream.url}', network: loopback } }
  memory:
    stdio: { command: node, args: ['--import', '${STUBBORN}', '${MEMORY}'] }
`,
  )
})
afterEach(async () => {
  for (const { child, exit } of running.splice(0)) {
    child.kill('SIGKILL')
    await exit
  }
  await upstream.close()
  await place.remove()
})

async function start(): Promise<GatewayProcess> {
  const gateway = spawnGateway(place)
  running.push(gateway)
  await gateway.ready()
  return gateway
}

/** Calls that never end, streams that stay open, a child that does not want to go, and a flood of small calls. */
async function load(): Promise<{ stopFlood(): void; readonly settled: Promise<unknown> }> {
  const notes = await logInCaller(place, 'alice', 'notes')
  const memory = await logInCaller(place, 'bob', 'memory')
  await notes.openSession()
  await memory.openSession()
  let isOver = false
  const outcomes: Promise<unknown>[] = []
  for (const id of ['a', 'b', 'c']) outcomes.push(notes.call(id, 'write_thing', { how: 'forever' }).catch(() => null))
  const stream = await open(notes.url, 'GET', {
    ...notes.session(),
    accept: 'text/event-stream',
    authorization: `Bearer ${notes.tokens.access_token}`,
  })
  stream.on('error', () => {}).resume()
  const flood = async () => {
    for (let id = 0; !isOver; id += 1) await notes.call(`flood-${id}`, 'write_thing').catch(() => null)
  }
  outcomes.push(flood(), flood())
  expect((await memory.call('m', 'read_graph')).status).toBe(200)
  await eventually(() => expect(upstream.of('tools/call').length).toBeGreaterThan(10))
  return {
    stopFlood: () => {
      isOver = true
    },
    settled: Promise.all(outcomes),
  }
}

const within = <T>(ms: number, promise: Promise<T>): Promise<T | 'too late'> =>
  Promise.race([promise, new Promise<'too late'>((resolve) => setTimeout(() => resolve('too late'), ms).unref())])

function callsWithout(records: readonly WrittenRecord[]): string[] {
  const ended = new Set(records.flatMap((one) => (one.activity_name === 'call.outcome' ? [one.unmapped?.call_id] : [])))
  return records.flatMap(({ activity_name: activity, unmapped }) =>
    activity === 'call.intent' && !ended.has(unmapped?.call_id) ? [unmapped?.call_id ?? ''] : [],
  )
}

it('SIGTERM under load ends within ten seconds; no child is left, and every call has its outcome', async () => {
  const gateway = await start()
  const { stopFlood, settled } = await load()
  expect(await childrenOf(place)).toHaveLength(1)
  gateway.child.kill('SIGTERM')
  expect(await within(STOP_MS, gateway.exit)).toEqual([0, null])
  stopFlood()
  await settled
  expect(await childrenOf(place)).toEqual([])
  expect(gateway.output()).toMatch(/Stopping\.\n/)
  expect(gateway.output()).not.toContain('could not be closed')
  expect(await runCli(place, 'log', 'verify')).toMatchObject({ code: 0 })

  await start()
  const records = await exportedRecords(place)
  expect(callsWithout(records)).toEqual([])
  expect(records.filter(({ status_code: reason }) => reason === 'gatewayStopped')).toEqual([])
  expect(records.filter(({ activity_name: name }) => name === 'system.stop').map(({ status }) => status)).toEqual([
    'success',
  ])
}, 60_000)

it('a second Ctrl-C does not wait, and still leaves no child', async () => {
  const gateway = await start()
  const { stopFlood, settled } = await load()
  gateway.child.kill('SIGINT')
  await eventually(() => expect(gateway.output()).toContain('Stopping.'))
  gateway.child.kill('SIGINT')
  expect(await within(1_500, gateway.exit)).toEqual([130, null])
  stopFlood()
  await settled
  await vi.waitFor(async () => expect(await childrenOf(place)).toEqual([]), { timeout: 2_000 })
  expect(gateway.output()).toContain('Not waiting any longer.')

  await start()
  await vi.waitFor(async () => expect(callsWithout(await exportedRecords(place))).toEqual([]), { timeout: 10_000 })
  expect(await runCli(place, 'log', 'verify')).toMatchObject({ code: 0 })
}, 60_000)

it('a second gateway on one state refuses in words and with exit code 3; the first is not disturbed', async () => {
  await start()
  const second = await runCli(place, 'serve', '--port', '0')
  expect(second.code).toBe(2)
  const { code, out, err } = await runCli(place, 'serve')
  expect([code, out]).toEqual([3, ''])
  expect(err).toContain('A gateway already runs on this state')
  expect(err).not.toMatch(/\n\s+at /)
  expect((await fetch(`${place.origin}/readyz`)).status).toBe(200)
  expect(await runCli(place, 'user', 'list')).toMatchObject({ code: 0 })
}, 30_000)
