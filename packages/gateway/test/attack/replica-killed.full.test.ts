import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { addUser, admin, exportedRecords } from '../support/gateway-process.ts'
import { type ReplicaProcesses, startReplicaProcesses } from '../support/replica-processes.ts'
import { fetchThrough, initialize, logInScripted, post } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/** A promise of ours (SECURITY.md, promise 4), not a speed of the machine. */
const REVOCATION_MS_MAX = 1_000
const REVOCATIONS = 30
/** What a silent gateway is given before others settle its calls, and then some. */
const SETTLED_WITHIN_MS = 45_000

let upstream: ScriptedUpstream
let processes: ReplicaProcesses

beforeEach(async () => {
  upstream = await startScriptedUpstream(async ({ body, json }) => {
    if (body['method'] === 'tools/list') {
      json({
        jsonrpc: '2.0',
        id: body['id'],
        result: { tools: [{ name: 'write_note', inputSchema: { type: 'object' } }] },
      })
      return true
    }
    return body['method'] === 'tools/call' ? new Promise(() => undefined) : false
  })
  processes = await startReplicaProcesses(
    `registration: { perAddressPerHour: 10000 }\nservers:\n  notes: { http: { url: '${upstream.url}', network: loopback } }\n`,
  )
})
afterEach(async () => {
  await processes.remove()
  await upstream.close()
})

async function logIn(port: number) {
  const [{ origin }] = processes.places
  const endpoints = {
    authorize: `${origin}/oauth/authorize`,
    token: `${origin}/oauth/token`,
    register: `${origin}/oauth/register`,
  }
  const parameters = { resource: `${origin}/mcp/notes`, scope: 'notes:read notes:write' }
  return logInScripted(fetchThrough({ port, ca: null }), endpoints, person, parameters)
}
let person: Awaited<ReturnType<typeof addUser>>

it('a revocation at one gateway is refused at the other within a second of its answer', async () => {
  const [one, two] = processes.places
  person = await addUser(one, 'alice')
  const sendToTwo = fetchThrough({ port: two.port, ca: null })
  const waited: number[] = []
  for (let round = 0; round < REVOCATIONS; round += 1) {
    const { access_token: token } = await logIn(one.port)
    const knock = async () => {
      const answer = await initialize(sendToTwo, `${one.origin}/mcp/notes`, token)
      await answer.text()
      return answer.status
    }
    expect(await knock()).toBe(200)
    const { gid } = decodeJwt(token)
    expect((await admin(one, 'DELETE', `/grants/${String(gid)}`)).status).toBe(200)
    const revokedAt = performance.now()
    while ((await knock()) !== 401) expect(performance.now() - revokedAt).toBeLessThan(5 * REVOCATION_MS_MAX)
    waited.push(performance.now() - revokedAt)
  }
  const sorted = waited.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN)
  process.stdout.write(`revocation seen at the other gateway after p50 ${at(0.5)} ms, most ${at(1)} ms\n`)
  expect(at(1)).toBeLessThanOrEqual(REVOCATION_MS_MAX)
}, 300_000)

it('the calls of a gateway that does not come back are settled by the other', async () => {
  const [one, two] = processes.places
  person = await addUser(one, 'alice')
  const send = fetchThrough({ port: one.port, ca: null })
  const { access_token: token } = await logIn(one.port)
  const url = `${one.origin}/mcp/notes`
  const opened = await initialize(send, url, token)
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' }
  await post(send, url, token, { jsonrpc: '2.0', method: 'notifications/initialized' }, session)
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write_note', arguments: {} } }
  post(send, url, token, call, session).catch(() => undefined)
  const begunMs = performance.now()
  while (upstream.of('tools/call').length === 0) {
    expect(performance.now() - begunMs).toBeLessThan(10_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  processes.first.child.kill('SIGKILL')
  await processes.first.exit
  const killedMs = performance.now()
  const outcomes = async () =>
    (await exportedRecords(two)).filter(
      ({ activity_name: activity, unmapped }) => activity === 'call.outcome' && unmapped?.tool === 'write_note',
    )
  while ((await outcomes()).length === 0) {
    expect(performance.now() - killedMs).toBeLessThan(SETTLED_WITHIN_MS)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  expect((await outcomes()).map(({ status, status_code: reason }) => [status, reason])).toEqual([
    ['unknown', 'gatewayStopped'],
  ])
}, 120_000)
