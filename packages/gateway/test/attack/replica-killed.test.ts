import { afterEach, beforeEach, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { addUser, admin, exportedRecords, type Place } from '../support/gateway-process.ts'
import { type ReplicaProcesses, startReplicaProcesses } from '../support/replica-processes.ts'
import { fetchThrough, initialize, logInScripted, post } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/**
 * One of two gateways is killed while it leads the log and a call of it is under way. Expected: the other leads at once, nothing that was
 * acknowledged is missing, and the call gets its one outcome as soon as somebody knows that it can have no other.
 */
let upstream: ScriptedUpstream
let processes: ReplicaProcesses

beforeEach(async () => {
  upstream = await startScriptedUpstream(async ({ body, json }) => {
    if (body['method'] === 'tools/list') {
      const tools = [{ name: 'write_note', inputSchema: { type: 'object' } }]
      json({ jsonrpc: '2.0', id: body['id'], result: { tools } })
      return true
    }
    // Nobody is answered about their call: it stays under way.
    if (body['method'] === 'tools/call') return new Promise(() => undefined)
    return false
  })
  processes = await startReplicaProcesses(
    `servers:\n  notes: { http: { url: '${upstream.url}', network: loopback } }\n`,
  )
})
afterEach(async () => {
  await processes.remove()
  await upstream.close()
})

/** Makes a call at this gateway, and resolves once the upstream has it. */
async function beginCall(place: Place, publicOrigin: string): Promise<void> {
  const send = fetchThrough({ port: place.port, ca: null })
  const endpoints = {
    authorize: `${publicOrigin}/oauth/authorize`,
    token: `${publicOrigin}/oauth/token`,
    register: `${publicOrigin}/oauth/register`,
  }
  const person = await addUser(place, 'alice')
  const url = `${publicOrigin}/mcp/notes`
  const tokens = await logInScripted(send, endpoints, person, { resource: url, scope: 'notes:read notes:write' })
  const opened = await initialize(send, url, tokens.access_token)
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' }
  await post(send, url, tokens.access_token, { jsonrpc: '2.0', method: 'notifications/initialized' }, session)
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write_note', arguments: {} } }
  post(send, url, tokens.access_token, call, session).catch(() => undefined)
  await eventually(() => expect(upstream.of('tools/call')).toHaveLength(1))
}

async function outcomesOfCall(place: Place): Promise<(string | undefined)[]> {
  const records = (await exportedRecords(place)).filter(({ unmapped }) => unmapped?.tool === 'write_note')
  expect(records.filter(({ activity_name: activity }) => activity === 'call.intent')).toHaveLength(1)
  return records
    .filter(({ activity_name: activity }) => activity === 'call.outcome')
    .map(({ status_code: reason }) => reason)
}

const verify = async (place: Place) => {
  const { status, text } = await admin(place, 'GET', '/log/verification')
  expect(status, text).toBe(200)
  return JSON.parse(text) as { isWhole: boolean; records: number; vouchedFor: number }
}

it('the other leads at once and loses nothing; the call is settled when the killed one comes back', async () => {
  const [one, two] = processes.places
  await beginCall(one, one.origin)
  expect(await outcomesOfCall(two)).toEqual([])
  const before = await verify(two)
  processes.first.child.kill('SIGKILL')
  await processes.first.exit
  await addUser(two, 'bob')
  const after = await verify(two)
  expect(after.isWhole).toBe(true)
  expect(after.vouchedFor).toBe(after.records)
  expect(after.records).toBeGreaterThan(before.records)
  expect(await outcomesOfCall(two)).toEqual([])

  await processes.restartFirst()
  await eventually(async () => expect(await outcomesOfCall(two)).toEqual(['gatewayStopped']))
  expect(await outcomesOfCall(one)).toEqual(['gatewayStopped'])
  expect((await verify(one)).isWhole).toBe(true)
}, 60_000)
