import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  admin,
  exportedRecords,
  type GatewayProcess,
  makePlace,
  type Place,
  runCli,
  spawnGateway,
} from '../support/gateway-process.ts'
import { logInCaller, type McpCaller } from '../support/mcp-caller.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

// 512-byte or 1-KiB blocks, by shell: no file may grow beyond 1.5 or 3 MiB. The write-ahead log gets there first.
const LITTLE_ROOM = 'ulimit -S -f 3000'

let upstream: ScriptedUpstream
let place: Place
let gateway: GatewayProcess

beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
  place = await makePlace(() => `servers: { notes: { http: { url: '${upstream.url}', network: loopback } } }\n`)
  gateway = spawnGateway(place, LITTLE_ROOM)
  await gateway.ready()
})
afterEach(async () => {
  gateway.child.kill('SIGKILL')
  await gateway.exit
  await upstream.close()
  await place.remove()
})

/** Calls until one is refused. */
async function fill(caller: McpCaller): Promise<void> {
  for (let id = 1; id < 5_000; id += 1) {
    const answer = await caller.call(id, 'write_thing')
    await answer.text()
    if (answer.status === 200) continue
    expect(answer.status).toBe(503)
    return
  }
  throw new Error('the disk did not fill')
}

it('on a full disk calls are refused and nothing is forwarded; once there is room, everything goes on', async () => {
  const caller = await logInCaller(place, 'alice', 'notes')
  await caller.openSession()
  await fill(caller)

  const forwarded = upstream.seen.length
  for (const [id, tool] of ['write_thing', 'get_thing', 'delete_thing', 'get_thing', 'write_thing'].entries()) {
    const answer = await caller.call(`full-${id}`, tool)
    const text = await answer.text()
    if (tool === 'delete_thing') {
      expect(answer.status).toBe(503)
      continue
    }
    expect([answer.status, JSON.parse(text)]).toEqual([
      503,
      {
        jsonrpc: '2.0',
        id: null,
        error: {
          code: -32000,
          message: 'This cannot be recorded at the moment, so it was not done; try again',
          data: { requestId: answer.headers.get('x-request-id') },
        },
      },
    ])
  }
  expect(upstream.seen.length).toBe(forwarded)
  // Nothing that changes anything is answered as done.
  const refused = await caller.refresh()
  expect(refused.status).toBe(503)
  expect(await refused.text()).not.toMatch(/SQLITE|disk|stack|\bat /)
  const user = await admin(place, 'POST', '/users', { username: 'bob', password: 'correct horse battery bob' })
  expect(user.status).toBeGreaterThanOrEqual(500)
  expect(gateway.output().split('the audit log cannot be written').length).toBe(2)

  execFileSync('prlimit', ['--pid', String(gateway.child.pid), '--fsize=unlimited:unlimited'])
  const again = await caller.call('again', 'write_thing')
  expect(gateway.output()).toContain('the audit log can be written again')
  expect([again.status, ((await again.json()) as { id: unknown }).id]).toEqual([200, 'again'])
  // The refresh that was refused used nothing up.
  expect((await caller.refresh()).status).toBe(200)
  await vi.waitFor(async () => expect(await unfinishedCalls()).toEqual([]), { timeout: 10_000 })
  expect(await runCli(place, 'log', 'verify')).toMatchObject({ code: 0 })

  gateway.child.kill('SIGTERM')
  expect(await gateway.exit).toEqual([0, null])
  expect(await runCli(place, 'log', 'verify')).toMatchObject({ code: 0 })
}, 60_000)

/** Ids of calls with an intent and no outcome, or more than one. */
async function unfinishedCalls(): Promise<string[]> {
  const outcomes = new Map<string, number>()
  for (const { activity_name: activity, unmapped } of await exportedRecords(place)) {
    const id = unmapped?.call_id ?? ''
    if (activity === 'call.intent') outcomes.set(id, outcomes.get(id) ?? 0)
    if (activity === 'call.outcome') outcomes.set(id, (outcomes.get(id) ?? 0) + 1)
  }
  return [...outcomes].filter(([, count]) => count !== 1).map(([id]) => id)
}
