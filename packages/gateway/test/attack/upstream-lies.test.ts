import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { openRawSession } from '../support/raw-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

const SECRET_HOST = 'internal-host.example'
let gateway: DataPlaneGateway
let upstream: ScriptedUpstream
let lie = ''

const RESULT = { content: [{ type: 'text', text: 'fine' }] }

beforeAll(async () => {
  upstream = await startScriptedUpstream(({ body, json, sse, response }) => {
    if (body['method'] !== 'tools/call') return false
    const id = body['id'] as number
    switch (lie) {
      case 'not JSON':
        json(`<html>${SECRET_HOST}</html>`)
        return true
      case 'a key twice':
        json(`{"jsonrpc":"2.0","id":${id},"result":{"a":1,"a":2}}`)
        return true
      case 'another id':
        json({ jsonrpc: '2.0', id: id + 1000, result: RESULT })
        return true
      case 'the id as text':
        json({ jsonrpc: '2.0', id: String(id), result: RESULT })
        return true
      case 'another version of JSON-RPC':
        json({ jsonrpc: '1.0', id, result: RESULT })
        return true
      case 'result and error at once':
        json({ jsonrpc: '2.0', id, result: RESULT, error: { code: 1, message: 'x' } })
        return true
      case 'a huge result':
        json({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'x'.repeat(300_000) }] } })
        return true
      case 'a huge event':
        sse()({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'x'.repeat(300_000) }] } })
        return true
      case 'a page':
        response.writeHead(200, { 'content-type': 'text/html' }).end(`<h1>${SECRET_HOST}</h1>`)
        return true
      case 'a challenge':
        response
          .writeHead(401, { 'www-authenticate': `Bearer resource_metadata="https://${SECRET_HOST}/"` })
          .end(SECRET_HOST)
        return true
      case 'a redirect':
        response.writeHead(307, { location: `http://${SECRET_HOST}/mcp` }).end()
        return true
      case 'a failure':
        response.writeHead(500).end(`stack at ${SECRET_HOST}`)
        return true
      case 'a stream that ends':
        sse()
        response.end()
        return true
      case 'a broken connection':
        response.destroy()
        return true
      case 'silence':
        return true
      default:
        return false
    }
  })
  gateway = await startDataPlane({
    servers: {
      notes: {
        upstream: { kind: 'http', url: upstream.url, headers: new Map(), network: 'loopback' },
        limits: { callTimeoutSeconds: 1, responseBytesMax: 200_000 },
      },
    },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const requestIdOf = (message: Record<string, unknown> | undefined) =>
  (message?.['error'] as { data?: { requestId?: string } } | undefined)?.data?.requestId ?? 'none'

describe('an upstream that fails or lies', () => {
  test.each([
    ['not JSON', 'jsonInvalid'],
    ['a key twice', 'jsonInvalid'],
    ['another id', 'answerMissing'],
    ['the id as text', 'answerMissing'],
    ['another version of JSON-RPC', 'jsonInvalid'],
    ['result and error at once', 'jsonInvalid'],
    ['a huge result', 'resultTooLarge'],
    ['a huge event', 'streamMalformed'],
    ['a page', 'mediaTypeUnexpected'],
    ['a challenge', 'credentialRefused'],
    ['a redirect', 'redirect'],
    ['a failure', 'status500'],
    ['a stream that ends', 'streamEnded'],
    ['a broken connection', 'unreachable'],
    ['silence', 'upstreamTimeout'],
  ])(
    '%s: a JSON-RPC error with the request id, nothing of the upstream in it, one outcome (%s)',
    async (what, reason) => {
      lie = what
      const session = await openRawSession(gateway.url('notes'), 'token-alice')
      await session.post({ jsonrpc: '2.0', id: 'list', method: 'tools/list' })
      const recorded = gateway.records.length
      const answer = await session.call('call', 'write_thing')
      lie = ''
      expect(answer.messages).toHaveLength(1)
      expect(answer.messages[0]).toMatchObject({
        id: 'call',
        error: { code: -32603, data: { requestId: expect.any(String) } },
      })
      expect(answer.headers).not.toHaveProperty('www-authenticate')
      expect(answer.headers).not.toHaveProperty('location')
      expect(answer.text).not.toContain(SECRET_HOST)
      expect(answer.text).not.toContain('127.0.0.1')
      const requestId = requestIdOf(answer.messages[0])
      expect(gateway.records.slice(recorded)).toMatchObject([
        { activity: 'call.intent', requestId },
        { activity: 'call.outcome', outcome: 'unknown', reason: expect.stringContaining(reason), requestId },
      ])
      expect((await session.call('after', 'get_thing')).messages[0]).toMatchObject({ id: 'after', result: {} })
    },
  )

  test('a call that timed out is cancelled upstream under the id of the upstream', async () => {
    lie = 'silence'
    const session = await openRawSession(gateway.url('notes'), 'token-bob')
    await session.call('slow', 'write_thing')
    lie = ''
    const sent = upstream.of('tools/call').at(-1)
    expect(upstream.of('notifications/cancelled').at(-1)).toMatchObject({ params: { requestId: sent?.['id'] } })
  })
})
