import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'
import { eventsOf, open, openRawSession, type RawSession } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/** A server of 2025-11-25 that primes each stream of an answer, so that it may let go of it (SEP-1699). */
let upstream: ScriptedUpstream
let gateway: DataPlaneGateway
/** The stream of the newest `tools/call`, primed, and its id. */
let call: { readonly id: number; readonly response: ServerResponse } | null = null
/** Where the gateway came back for the rest, and after which event. */
let resumed: { readonly lastEventId: string; readonly response: ServerResponse } | null = null

beforeAll(async () => {
  upstream = await startScriptedUpstream(
    ({ body, response, sse }) => {
      if (body['method'] !== 'tools/call') return false
      sse()
      response.write('id: primed\nretry: 100\ndata: \n\n')
      call = { id: Number(body['id']), response }
      return true
    },
    ({ request, response, sse }) => {
      const lastEventId = request.headers['last-event-id']
      if (typeof lastEventId !== 'string') return false
      sse()
      resumed = { lastEventId, response }
      return true
    },
  )
  gateway = await startDataPlane({
    servers: { notes: { upstream: { kind: 'http', url: upstream.url, headers: new Map(), network: 'loopback' } } },
    // Never by the clock: what opens here was opened by the server.
    limits: { streamOpensAfterMs: 60_000 },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  call = null
  resumed = null
})

async function callTool(session: RawSession) {
  const body = { jsonrpc: '2.0', id: 'x', method: 'tools/call', params: { name: 'get_thing', arguments: {} } }
  const response = await open(gateway.url('notes'), 'POST', session.headers, body)
  return { response, stream: collect(response) }
}

function collect(response: IncomingMessage) {
  const state = { text: '', isEnded: false }
  response.on('data', (chunk: Buffer) => {
    state.text += chunk.toString()
  })
  response.on('close', () => {
    state.isEnded = true
  })
  return state
}

const openSession = (subject: string, revision = '2025-11-25') =>
  openRawSession(gateway.url('notes'), `token-${subject}`, { revision, capabilities: {} })

function answer(where: ServerResponse | undefined): void {
  const result = { content: [{ type: 'text', text: 'the rest' }] }
  where?.end(`id: last\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: call?.id, result })}\n\n`)
}

test('a stream that the server primes is primed for the client before there is an answer', async () => {
  const { response, stream } = await callTool(await openSession('primed'))
  expect(response.headers['content-type']).toBe('text/event-stream')
  await eventually(() => expect(stream.text).toBe('retry: 1000\nid: a1-0\ndata: \n\n'))
  answer(call?.response)
  await eventually(() => expect(stream.isEnded).toBe(true))
  expect(stream.text).toContain('the rest')
})

test('a stream that the server lets go of is let go of, and the answer waits for the client that comes back', async () => {
  const session = await openSession('polling')
  const { stream } = await callTool(session)
  call?.response.end()
  await eventually(() => expect(stream.isEnded).toBe(true))
  expect(eventsOf(stream.text)).toEqual([{ id: 'a1-0', data: '' }])
  await eventually(() => expect(resumed?.lastEventId).toBe('primed'))
  answer(resumed?.response)
  const back = collect(await session.get({ 'last-event-id': 'a1-0' }))
  await eventually(() => expect(back.isEnded).toBe(true))
  expect(back.text).toContain('the rest')
})

test('a client that is back before the server has answered is let go of again when the server lets go again', async () => {
  const session = await openSession('again')
  const { stream } = await callTool(session)
  call?.response.end()
  await eventually(() => expect(stream.isEnded).toBe(true))
  const second = collect(await session.get({ 'last-event-id': 'a1-0' }))
  await eventually(() => expect(resumed).not.toBeNull())
  const firstResumption = resumed
  firstResumption?.response.end('id: still\ndata: \n\n')
  await eventually(() => expect(second.isEnded).toBe(true))
  await eventually(() => expect(resumed?.lastEventId).toBe('still'))
  answer(resumed?.response)
  const third = collect(await session.get({ 'last-event-id': 'a1-0' }))
  await eventually(() => expect(third.text).toContain('the rest'))
})

test('a client of 2025-06-18, which does not come back, keeps its stream and gets the answer there', async () => {
  const { stream } = await callTool(await openSession('older', '2025-06-18'))
  call?.response.end()
  await eventually(() => expect(resumed).not.toBeNull())
  expect(stream).toEqual({ text: '', isEnded: false })
  answer(resumed?.response)
  await eventually(() => expect(stream.isEnded).toBe(true))
  expect(stream.text).toContain('the rest')
})

test('a stream that breaks is no stream let go of: the client keeps its own', async () => {
  const { stream } = await callTool(await openSession('broken'))
  await eventually(() => expect(stream.text).not.toBe(''))
  call?.response.destroy()
  await eventually(() => expect(resumed?.lastEventId).toBe('primed'))
  expect(stream.isEnded).toBe(false)
  answer(resumed?.response)
  await eventually(() => expect(stream.isEnded).toBe(true))
  expect(stream.text).toContain('the rest')
})
