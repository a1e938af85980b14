import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { newPlace, storeYaml } from '../support/postgres/place.ts'
import { startTestServer, type TestServer } from '../support/postgres/server.ts'
import {
  fetchThrough,
  type IssuedTokens,
  initialize,
  logInScripted,
  post,
  requestToken,
} from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/**
 * The database server ends under load, in order or as in a power cut, and comes back. Expected: whoever was answered was answered
 * truly, everybody else hears 503 and may ask again, no call is made without a record, and everything goes on by itself.
 */
let server: TestServer
let upstream: ScriptedUpstream
let gateway: WholeGateway
let tokens: IssuedTokens
let send: typeof fetch
let origin: string

beforeAll(async () => {
  server = await startTestServer()
  upstream = await startScriptedUpstream(({ body, json }) => {
    if (body['method'] !== 'tools/list') return false
    json({
      jsonrpc: '2.0',
      id: body['id'],
      result: { tools: [{ name: 'write_note', inputSchema: { type: 'object' } }] },
    })
    return true
  })
  const store = storeYaml(await newPlace(server.url))
  gateway = await startWholeGateway(
    (port) =>
      `version: 1\ngateway: { publicUrl: 'http://127.0.0.1:${port}' }\n${store.yaml}servers:\n  notes: { http: { url: '${upstream.url}', network: loopback } }\n`,
    { files: store.files },
  )
  send = fetchThrough({ port: gateway.port, ca: null })
  origin = `http://127.0.0.1:${gateway.port}`
  const endpoints = {
    authorize: `${origin}/oauth/authorize`,
    token: `${origin}/oauth/token`,
    register: `${origin}/oauth/register`,
  }
  const parameters = { resource: `${origin}/mcp/notes`, scope: 'notes:read notes:write' }
  tokens = await logInScripted(send, endpoints, await gateway.addUser('alice'), parameters)
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
  await server.remove()
})

interface Load {
  readonly statuses: Set<number>
  readonly users: string[]
  readonly calls: string[]
  /** Answers since the last time this was emptied. */
  readonly recent: { what: string; status: number }[]
  stop(): Promise<void>
}

/** Administrators add users and a client calls a tool that writes, one after another, until told to stop. */
async function startLoad(round: string): Promise<Load> {
  const opened = await initialize(send, `${origin}/mcp/notes`, tokens.access_token)
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' }
  await post(
    send,
    `${origin}/mcp/notes`,
    tokens.access_token,
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    session,
  )
  const load = {
    statuses: new Set<number>(),
    users: [] as string[],
    calls: [] as string[],
    recent: [] as Load['recent'],
  }
  let isOver = false
  let count = 0
  const answered = (what: string, status: number) => {
    load.statuses.add(status)
    load.recent.push({ what, status })
    return status < 300
  }
  const repeat = async (step: (number: number) => Promise<void>) => {
    while (!isOver) {
      count += 1
      await step(count)
    }
  }
  const addUser = async (number: number) => {
    const username = `user-${round}-${number}`
    const body = { username, password: `correct horse battery ${number}` }
    if (answered('user', (await gateway.admin('POST', '/users', body)).status)) load.users.push(username)
  }
  const call = async (number: number) => {
    const message = { jsonrpc: '2.0', id: number, method: 'tools/call', params: { name: 'write_note', arguments: {} } }
    const answer = await post(send, `${origin}/mcp/notes`, tokens.access_token, message, session)
    const text = await answer.text()
    const id = answer.headers.get('x-request-id')
    if (answered('call', answer.status) && id !== null && text.includes('"result"')) load.calls.push(id)
  }
  const working = Promise.all([repeat(addUser), repeat(call), repeat(call), repeat(call)])
  return {
    ...load,
    stop: async () => {
      isOver = true
      await working
    },
  }
}

const until = (load: Load, what: string, isIt: (status: number) => boolean) =>
  eventually(() => expect(load.recent.some((answer) => answer.what === what && isIt(answer.status))).toBe(true))

it.each(['crash', 'stop'] as const)(
  'a %s of the database under load loses nothing acknowledged, and heals',
  async (how) => {
    const load = await startLoad(how)
    for (let round = 0; round < 2; round += 1) {
      load.recent.length = 0
      await Promise.all(['user', 'call'].map((what) => until(load, what, (status) => status < 300)))
      await server[how]()
      load.recent.length = 0
      await Promise.all(['user', 'call'].map((what) => until(load, what, (status) => status === 503)))
      await eventually(async () => expect((await send(`${origin}/readyz`)).status).toBe(503))
      await server.start()
      await eventually(async () => expect((await send(`${origin}/readyz`)).status).toBe(200))
      load.recent.length = 0
      await Promise.all(['user', 'call'].map((what) => until(load, what, (status) => status < 300)))
    }
    await load.stop()
    expect([...load.statuses].toSorted()).toEqual([200, 201, 503])
    expect(load.users.length).toBeGreaterThan(2)
    expect(load.calls.length).toBeGreaterThan(2)
    for (const username of load.users)
      expect((await gateway.admin('GET', `/users/${username}`)).status, username).toBe(200)
    const outcomes = await eventually(expectOneOutcomeEach)
    for (const requestId of load.calls) expect(outcomes.get(requestId), requestId).toBe('success')
    expect(JSON.parse((await gateway.admin('GET', '/log/verification')).text)).toMatchObject({ isWhole: true })
    const refreshed = await requestToken(send, `${origin}/oauth/token`, {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token ?? '',
      client_id: tokens.clientId,
    })
    expect(refreshed.status).toBe(200)
    tokens = { ...tokens, ...((await refreshed.json()) as Partial<IssuedTokens>) }
  },
  120_000,
)

/** Outcomes by request. Each call has one, and was sent only if its intent is there. */
async function expectOneOutcomeEach(): Promise<Map<string, string>> {
  const calls = new Map<string, { intents: number; outcomes: number }>()
  const byRequest = new Map<string, string>()
  let sent = 0
  for (const line of (await gateway.exportLog()).split('\n').filter((one) => one.startsWith('{"type":"record"'))) {
    const record = JSON.parse((JSON.parse(line) as { body: string }).body) as {
      activity_name: string
      status: string
      metadata: { correlation_uid?: string }
      unmapped: { call_id?: string; tool?: string }
    }
    if (!record.activity_name.startsWith('call.') || record.unmapped.tool === undefined) continue
    const id = record.unmapped.call_id ?? ''
    const call = calls.get(id) ?? { intents: 0, outcomes: 0 }
    if (record.activity_name === 'call.intent') call.intents += 1
    else {
      call.outcomes += 1
      byRequest.set(record.metadata.correlation_uid ?? '', record.status)
    }
    calls.set(id, call)
    sent += record.activity_name === 'call.intent' ? 1 : 0
  }
  expect([...calls.values()].filter(({ intents, outcomes }) => intents !== 1 || outcomes !== 1)).toEqual([])
  expect(upstream.of('tools/call').length).toBeLessThanOrEqual(sent)
  return byRequest
}
