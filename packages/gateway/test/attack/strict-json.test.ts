import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FrontDoor, INITIALIZE, startFrontDoor } from '../support/front-door.ts'

let door: FrontDoor
let token: string
beforeAll(async () => {
  door = await startFrontDoor()
  token = await door.mint.mint()
  // The first use of a token leaves a record of its own.
  await door.post({ token, body: '{}' })
})
afterAll(() => door.close())
beforeEach(() => {
  door.upstreamSaw.length = 0
  door.records.length = 0
})
afterEach(() => {
  expect(door.upstreamSaw).toEqual([])
  expect(door.failures).toEqual([])
})

/** Refused with this status and code; one record; and what the caller reads holds the request id that the record has. */
async function expectRefused(
  body: string | Uint8Array<ArrayBuffer>,
  status: number,
  code: number,
  headers: Record<string, string> = {},
) {
  door.records.length = 0
  const answer = await door.post({ token, body, headers })
  const parsed = JSON.parse(answer.text) as { id: unknown; error: { code: number; data: Record<string, unknown> } }
  expect([answer.status, parsed.error.code]).toEqual([status, code])
  expect(door.records.map(({ requestId, outcome }) => [requestId, outcome])).toEqual([
    [parsed.error.data['requestId'], 'refused'],
  ])
  return parsed
}

describe('JSON that two parsers read differently', () => {
  it.each([
    ['a method twice', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"initialize","params":{}}'],
    ['a method twice, once escaped', '{"jsonrpc":"2.0","id":1,"method":"ping","\\u006dethod":"tools/call"}'],
    ['a tool named twice', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"wipe"}}'],
    [
      'an argument twice, deep inside',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[{"p":1,"p":2}]}}}',
    ],
    ['a prototype twice', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"__proto__":{},"__proto__":{}}}'],
    ['an integer that doubles cannot hold', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":9007199254740993}}'],
    ['an id that doubles cannot hold', '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}'],
    ['an infinite number', '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":1e400}}'],
    ['half a surrogate pair', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800"}}'],
    ['a byte order mark', `\ufeff${INITIALIZE}`],
    ['two messages in a row', `${INITIALIZE}${INITIALIZE}`],
    ['a trailing comma', '{"jsonrpc":"2.0","id":1,"method":"ping",}'],
    ['a comment', '{"jsonrpc":"2.0",/**/"id":1,"method":"ping"}'],
    ['single quotes', "{'jsonrpc':'2.0'}"],
    ['NaN', '{"jsonrpc":"2.0","id":NaN,"method":"ping"}'],
    ['nothing', ''],
    ['65 levels', `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${'['.repeat(63)}${']'.repeat(63)}}}`],
    ['thirty thousand levels', '['.repeat(30_000)],
  ])('is refused: %s', async (_name, body) => {
    await expectRefused(body, 400, -32700)
  })

  it.each([
    ['an invalid sequence', [0x22, 0xff, 0x22]],
    ['an overlong one', [0x22, 0xc0, 0xae, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['UTF-16 with its mark', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
  ])('is refused as UTF-8: %s', async (_name, bytes) => {
    await expectRefused(Uint8Array.from(bytes), 400, -32700)
  })
})

describe('messages that are not one JSON-RPC message', () => {
  it.each([
    ['[]'],
    [`[${INITIALIZE}]`],
    [`[${Array(51).fill('{"jsonrpc":"2.0","method":"notifications/initialized"}').join(',')}]`],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"method":"ping"}]'],
    ['[[{"jsonrpc":"2.0","id":1,"method":"ping"}]]'],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"},5]'],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}'],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'],
    ['5'],
  ])('are refused, batches of 2025-03-26 included: %s', async (body) => {
    await expectRefused(body, 400, -32600, { 'mcp-protocol-version': '2025-03-26' })
  })

  it.each(['2025-06-18', '2025-11-25'])('are refused as batches in %s', async (revision) => {
    await expectRefused('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', 400, -32600, { 'mcp-protocol-version': revision })
  })
})

describe('a body larger than the server takes', () => {
  it('is refused by its length before it is read, and while it is read if the length is not told', async () => {
    await expectRefused('x'.repeat(64 * 1024 + 1), 413, -32000)
    door.records.length = 0
    const chunk = 'x'.repeat(16 * 1024)
    const chunks = Array(5).fill(`4000\r\n${chunk}\r\n`).join('')
    const answer = await door.raw(
      `POST /mcp/files HTTP/1.1\r\nHost: ${new URL(door.origin).host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
        `Accept: application/json, text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(door.records.length).toBe(1)
  })
})

describe('a request of the modern era', () => {
  const modern = (method: string) =>
    JSON.stringify({
      jsonrpc: '2.0',
      id: 'q',
      method,
      params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }, name: 'wipe' },
    })

  it.each([
    ['without capabilities', modern('tools/call'), '2026-07-28', -32602],
    ['without a header', modern('tools/call'), undefined, -32020],
    ['under a legacy header', modern('tools/call'), '2025-11-25', -32020],
    [
      'by its header alone, over a legacy body',
      '{"jsonrpc":"2.0","id":"q","method":"tools/call","params":{"name":"wipe"}}',
      '2026-07-28',
      -32602,
    ],
    ['by its header alone, over a legacy handshake', INITIALIZE.replace('"id":1', '"id":"q"'), '2026-07-28', -32020],
  ])('is refused %s', async (_name, body, header, code) => {
    const answer = await expectRefused(body, 400, code, header === undefined ? {} : { 'mcp-protocol-version': header })
    expect(answer).toMatchObject({ id: 'q' })
  })

  it('of a revision to come gets the version error', async () => {
    const body = modern('tools/call').replace('2026-07-28', '2027-07-28')
    const answer = await expectRefused(body, 400, -32022, { 'mcp-protocol-version': '2027-07-28' })
    expect(answer).toMatchObject({
      id: 'q',
      error: { data: { supported: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26'], requested: '2027-07-28' } },
    })
  })

  it.each(['2024-11-05', 'latest', 'v999.0.0', '2026-07-28, 2025-11-25'])(
    'of a revision that nobody knows gets it too: %s',
    async (revision) => {
      const answer = await expectRefused(INITIALIZE, 400, -32022, { 'mcp-protocol-version': revision })
      expect(answer).toMatchObject({ id: 1, error: { data: { requested: revision } } })
    },
  )

  it('without a token is challenged like any other, so that its sender can log in', async () => {
    const answer = await door.post({
      body: modern('server/discover'),
      headers: { 'mcp-protocol-version': '2026-07-28' },
    })
    expect([answer.status, answer.challenge?.startsWith('Bearer realm=')]).toEqual([401, true])
  })
})
