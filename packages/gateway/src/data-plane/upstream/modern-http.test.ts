import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { openUpstreamPool } from '#net/upstream-pool.ts'
import { openModernHttp } from './modern-http.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A transport toward a server that answers as it is told. */
async function start(answer: (response: ServerResponse) => void, responseBytesMax = 1_000) {
  const server: Server = createServer((request, response) => {
    request.resume().on('end', () => answer(response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A TCP server that listens on a port has an AddressInfo.
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const pool = openUpstreamPool({ origin, network: 'loopback' })
  closers.push(async () => {
    await pool.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const spec = { kind: 'http' as const, url: `${origin}/mcp`, headers: new Map(), network: 'loopback' as const }
  const say = () => {}
  const log = { debug: say, info: say, warn: say, error: say }
  const transport = openModernHttp(spec, { pool, responseBytesMax: () => responseBytesMax, log })
  const exchange = (signal: AbortSignal) =>
    transport.exchange({
      object: { jsonrpc: '2.0', id: 7, method: 'tools/list', params: {} },
      ourId: 7,
      mirrored: [],
      signal,
      timeoutMs: 20_000,
      onNotification: () => {},
    })
  return { pool, exchange }
}

const LIVE = new AbortController().signal
const JSON_TYPE = { 'content-type': 'application/json' }
const RESULT = '{"jsonrpc":"2.0","id":7,"result":{}}'

describe('an answer over HTTP', () => {
  test('that is broken off while it is read is called so, and its connection is given back', async () => {
    const controller = new AbortController()
    const { pool, exchange } = await start((response) => {
      response.writeHead(200, JSON_TYPE)
      response.write(RESULT.slice(0, 10), () => controller.abort())
    })
    expect(await exchange(controller.signal)).toEqual({ ok: false, refusal: { reason: 'aborted' } })
    expect(pool.inFlight()).toBe(0)
  })

  test.each<[string, string, string]>([
    ['too large', 'x'.repeat(1_001), 'resultTooLarge'],
    ['no JSON', '{', 'jsonInvalid'],
    ['about another request', '{"jsonrpc":"2.0","id":8,"result":{}}', 'answerMissing'],
    ['about our id as a text', '{"jsonrpc":"2.0","id":"7","result":{}}', 'answerMissing'],
    ['a result about nothing', '{"jsonrpc":"2.0","id":null,"result":{}}', 'jsonInvalid'],
    ['a request', '{"jsonrpc":"2.0","id":7,"method":"ping"}', 'answerMissing'],
    ['two answers', `[${RESULT},${RESULT}]`, 'jsonInvalid'],
  ])('that is %s is no answer', async (_what, body, reason) => {
    const { exchange } = await start((response) => response.writeHead(200, JSON_TYPE).end(body))
    expect(await exchange(LIVE)).toEqual({ ok: false, refusal: { reason } })
  })

  test('is the first of two on one stream, and the rest is not read', async () => {
    const { pool, exchange } = await start((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const second = '{"jsonrpc":"2.0","id":7,"result":{"second":true}}'
      response.write(`data: ${RESULT}\n\ndata: ${second}\n\n`)
    })
    expect(await exchange(LIVE)).toMatchObject({ ok: true, value: { object: { id: 7, result: {} } } })
    expect(pool.inFlight()).toBe(0)
  })
})
