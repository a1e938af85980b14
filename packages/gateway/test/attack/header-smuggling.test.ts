import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FrontDoor, INITIALIZE, startFrontDoor } from '../support/front-door.ts'

let door: FrontDoor
let token: string
let host: string
beforeAll(async () => {
  door = await startFrontDoor()
  token = await door.mint.mint()
  host = new URL(door.origin).host
})
afterAll(() => door.close())
beforeEach(() => {
  door.upstreamSaw.length = 0
  door.records.length = 0
})
afterEach(() => {
  expect(door.failures).toEqual([])
})

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])

/** One raw POST with these header lines besides Host; the connection ends after it. */
function post(
  lines: readonly string[],
  options: { target?: string; method?: string; body?: string } = {},
): Promise<string> {
  const body = options.body ?? INITIALIZE
  const head = [
    `${options.method ?? 'POST'} ${options.target ?? '/mcp/files'} HTTP/1.1`,
    `Host: ${host}`,
    ...lines,
    'Connection: close',
  ]
  return door.raw(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const good = () => [
  `Authorization: Bearer ${token}`,
  'Content-Type: application/json',
  'Accept: application/json, text/event-stream',
  `Content-Length: ${INITIALIZE.length}`,
]

it('the door is open: these headers, once each, reach the upstream', async () => {
  await post(good())
  expect(door.upstreamSaw.length).toBeGreaterThan(0)
})

describe('a header that is sent twice', () => {
  it.each([
    ['Authorization', 'Bearer other'],
    ['authorization', 'Bearer other'],
    ['AUTHORIZATION', ''],
    ['Content-Type', 'application/json'],
    ['Mcp-Protocol-Version', '2025-11-25'],
    ['Mcp-Session-Id', 'abc'],
    ['Last-Event-ID', '1'],
    ['Origin', 'https://ide.example'],
    ['Mcp-Method', 'ping'],
    ['Mcp-Name', 'x'],
  ])('is refused: %s', async (name, value) => {
    // Headers that are absent from the good request are sent twice here, the others a second time.
    const isAbsent = !good().some((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    const again = `${name}: ${value}`
    const answer = await post(isAbsent ? [...good(), again, again] : [...good(), again])
    expect(statusOf(answer)).toBe(400)
    expect(door.upstreamSaw).toEqual([])
  })

  it('as Host is refused by the listener, also with the same value', async () => {
    expect([400, 421]).toContain(statusOf(await post([...good(), `Host: ${host}`])))
    expect(door.upstreamSaw).toEqual([])
  })
})

describe('framing that two readers understand differently', () => {
  it.each([
    ['length and chunks', ['Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 5']],
    ['a coding besides chunked', ['Transfer-Encoding: gzip, chunked']],
    ['chunked in disguise', ['Transfer-Encoding : chunked']],
    ['a folded header', ['X-A: b', ' Transfer-Encoding: chunked']],
  ])('is refused: %s', async (_name, lines) => {
    expect(statusOf(await post([...good(), ...lines]))).toBe(400)
    expect(door.upstreamSaw).toEqual([])
  })

  it.each(['+5', '0x5', '5,5', '-1', '5 5', ''])('is refused: a length of "%s"', async (length) => {
    const lines = good().filter((line) => !line.startsWith('Content-Length'))
    expect(statusOf(await post([...lines, `Content-Length: ${length}`]))).toBe(400)
    expect(door.upstreamSaw).toEqual([])
  })

  it('does not let a refused request carry another one behind it', async () => {
    const inner = `POST /mcp/files HTTP/1.1\r\nHost: ${host}\r\n${good().join('\r\n')}\r\n\r\n${INITIALIZE}`
    const answer = await door.raw(
      `POST /mcp/files HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    )
    expect(statusOf(answer)).toBe(400)
    expect(answer.match(/HTTP\/1\.1 /g)?.length).toBe(1)
    expect(door.upstreamSaw).toEqual([])
  })

  it('includes a body where none belongs', async () => {
    for (const method of ['GET', 'DELETE']) {
      const lines = [`Authorization: Bearer ${token}`, 'Accept: text/event-stream', 'Content-Length: 4']
      expect(statusOf(await post(lines, { method, body: 'abcd' }))).toBe(400)
    }
  })
})

describe('methods, media types and origins', () => {
  it.each(['PUT', 'PATCH', 'HEAD', 'TRACE', 'PROPFIND'])('%s is not taken', async (method) => {
    expect(statusOf(await post([`Authorization: Bearer ${token}`], { method, body: '' }))).toBe(405)
    expect(door.upstreamSaw).toEqual([])
  })

  it.each([
    ['no type', []],
    ['text', ['Content-Type: text/plain']],
    ['a form', ['Content-Type: application/x-www-form-urlencoded']],
    ['another JSON', ['Content-Type: application/json-patch+json']],
    ['a list of types', ['Content-Type: application/json, text/plain']],
    ['another charset', ['Content-Type: application/json; charset=utf-16']],
    ['compression', ['Content-Type: application/json', 'Content-Encoding: gzip']],
  ])('a body of %s is 415', async (_name, lines) => {
    const others = good().filter((line) => !line.startsWith('Content-Type'))
    expect(statusOf(await post([...others, ...lines]))).toBe(415)
    expect(door.upstreamSaw).toEqual([])
  })

  it.each([
    [],
    ['Accept: application/json'],
    ['Accept: text/event-stream'],
    ['Accept: text/html'],
    ['Accept: */*, text/event-stream;q=0'],
  ])('an answer that the caller would not take is 406: %s', async (...lines) => {
    const others = good().filter((line) => !line.startsWith('Accept'))
    expect(statusOf(await post([...others, ...lines]))).toBe(406)
    expect(door.upstreamSaw).toEqual([])
  })

  it.each(['Accept: */*', 'Accept: application/*, text/*', 'Accept: TEXT/EVENT-STREAM;q=0.5, Application/JSON'])(
    '%s is taken',
    async (line) => {
      const others = good().filter((kept) => !kept.startsWith('Accept'))
      await post([...others, line])
      expect(door.upstreamSaw.length).toBeGreaterThan(0)
    },
  )

  it.each([
    'https://attacker.example',
    'null',
    'http://127.0.0.1',
    'https://ide.example.attacker.example',
    'https://ide.example, x',
  ])('origin %s is 403, good token or none', async (origin) => {
    expect(statusOf(await post([...good(), `Origin: ${origin}`]))).toBe(403)
    expect(statusOf(await post([...good().slice(1), `Origin: ${origin}`]))).toBe(403)
    expect(door.upstreamSaw).toEqual([])
  })

  it('our own origin and a configured one are taken', async () => {
    for (const origin of [door.origin, 'https://ide.example']) {
      door.upstreamSaw.length = 0
      await post([...good(), `Origin: ${origin}`])
      expect(door.upstreamSaw.length).toBeGreaterThan(0)
    }
  })

  it('a session id with control characters or of kilobytes is a bad header', async () => {
    for (const id of ['a b', 'a\tb', 'x'.repeat(300), '\u00e9']) {
      expect(statusOf(await post([...good(), `Mcp-Session-Id: ${id}`]))).toBe(400)
    }
    expect(door.upstreamSaw).toEqual([])
  })
})
