import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asCarried } from './odd-json.ts'
import { idOf, openRoads, type Road, type Roads, underId } from './roads.ts'

const ROADS = ['legacy-json', 'legacy-sse', 'legacy-stdio', 'modern-json', 'modern-sse', 'modern-stdio']
const REQUEST_DEPTH = 64
const RESULT_DEPTH = 128
const nested = (levels: number, core = '1') => '['.repeat(levels) + core + ']'.repeat(levels)

let roads: Roads
beforeAll(async () => {
  roads = await openRoads()
})
afterAll(() => roads.close())

function roadOf(name: string): Road {
  const road = roads.all.find((one) => one.name === name)
  if (road === undefined) throw new Error(`no road ${name}`)
  return road
}

const call = (road: Road, args: string, id = '1') =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"get_it","arguments":${args},"_meta":{${road.meta}}}}`

/** What no two readers may read differently, so nobody gets to read it. */
const ARGUMENTS: readonly (readonly [string, string])[] = [
  ['an integer beyond 2^53-1', '{"a":9007199254740993}'],
  ['the same, negative and deep', '{"a":[{"b":-9007199254740992}]}'],
  ['an integer that is written with an exponent', '{"a":1e300}'],
  ['a number beyond every double', '{"a":1e400}'],
  ['the same, negative', '{"a":-1E+400}'],
  ['a key twice', '{"a":1,"a":2}'],
  ['a key twice, once escaped', '{"a":1,"\\u0061":2}'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":1}'],
  ['half a surrogate pair', '{"a":"\\ud800"}'],
  ['the other half', '{"a":"x\\uDC00y"}'],
  ['half a pair in a key', '{"\\ud800":1}'],
  ['too much depth', `{"a":${nested(REQUEST_DEPTH)}}`],
  ['a number that JSON does not have', '{"a":NaN}'],
  ['a number with a leading zero', '{"a":01}'],
  ['a string with a control character', '{"a":"\n"}'],
  ['a comment', '{"a":1/**/}'],
  ['a trailing comma', '{"a":1,}'],
]

describe.each(ROADS)('%s: what cannot be told exactly is refused, and the server hears nothing', (name) => {
  it.each(ARGUMENTS)('%s in arguments', async (_what, args) => {
    const road = roadOf(name)
    const exchange = road.post(call(road, args))
    expect(await road.status(exchange)).toBe(400)
    expect(JSON.parse((await road.heard()).text)).toMatchObject({ id: null, error: { code: -32700 } })
    await expectNothingArrived(road)
  })

  it('a byte order mark before the message', async () => {
    const road = roadOf(name)
    expect(await road.status(road.post(`\ufeff${call(road, '{}')}`))).toBe(400)
    expect(JSON.parse((await road.heard()).text)).toMatchObject({ id: null, error: { code: -32700 } })
    await expectNothingArrived(road)
  })

  it('a message in a message', async () => {
    const road = roadOf(name)
    expect(await road.status(road.post(`${call(road, '{}')}\n${call(road, '{}', '2')}`))).toBe(400)
    expect(JSON.parse((await road.heard()).text)).toMatchObject({ id: null, error: { code: -32700 } })
    await expectNothingArrived(road)
  })

  it('arguments as deep as may be pass, one level more does not', async () => {
    const road = roadOf(name)
    // Message, params and arguments are three levels.
    const args = `{"a":${nested(REQUEST_DEPTH - 3)}}`
    road.post(call(road, args))
    const arrival = await road.arrival()
    expect(asCarried(arrival.body, 'server')).toBe(asCarried(underId(call(road, args), idOf(arrival.body)), 'client'))
    road.say(arrival, [`{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{${complete(road)}"content":[]}}`], true)
    await road.heard()
    expect(await road.status(road.post(call(road, `{"a":${nested(REQUEST_DEPTH - 2)}}`)))).toBe(400)
    await road.heard()
    await expectNothingArrived(road)
  })
})

const complete = (road: Road) => (road.era === 'modern' ? '"resultType":"complete",' : '')

/** Nothing more can tell it than that the next message is the next to arrive. */
async function expectNothingArrived(road: Road): Promise<void> {
  road.post(call(road, '{"marker":true}', '"marker"'))
  const arrival = await road.arrival()
  expect(arrival.body).toContain('"marker":true')
  road.say(arrival, [`{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{${complete(road)}"content":[]}}`], true)
  expect(idOf((await road.heard()).text)).toBe('"marker"')
  expect(road.arrivals.left).toEqual([])
}

/** Members of a result that make it unreadable. */
const RESULTS: readonly (readonly [string, string])[] = [
  ['a key twice', '"a":1,"a":2'],
  ['a key twice, once escaped', '"a":1,"\\u0061":2'],
  ['too much depth', `"a":${nested(RESULT_DEPTH)}`],
  ['a number that JSON does not have', '"a":Infinity'],
  ['a string with a control character', '"a":"\u0001"'],
]

describe.each(ROADS.filter((name) => !name.endsWith('stdio')))(
  '%s: a result that nobody could read is not passed on in part',
  (name) => {
    it.each(RESULTS)('%s', async (_what, members) => {
      const road = roadOf(name)
      road.post(call(road, '{}'))
      const arrival = await road.arrival()
      const said = `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{${complete(road)}"content":[{"type":"text","text":"secret"}],${members}}}`
      road.say(arrival, [said], true)
      const { text } = await road.heard()
      expect(JSON.parse(text)).toMatchObject({ id: 1, error: { code: -32603 } })
      expect(text).not.toContain('secret')
    })
  },
)

describe.each(ROADS)('%s: what is large or deep but allowed survives', (name) => {
  it('a result as deep as may be', async () => {
    const road = roadOf(name)
    road.post(call(road, '{}'))
    const arrival = await road.arrival()
    const answer = `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{${complete(road)}"content":[],"a":${nested(RESULT_DEPTH - 2)}}}`
    road.say(arrival, [answer], true)
    expect(asCarried((await road.heard()).text, 'server')).toBe(asCarried(underId(answer, '1'), 'server'))
  })

  it('arguments of nearly a mebibyte, and a result of three', async () => {
    const road = roadOf(name)
    const args = `{"a":"${'ü\\u2028\\"😀'.repeat(50_000)}"}`
    road.post(call(road, args))
    const arrival = await road.arrival()
    expect(asCarried(arrival.body, 'server')).toBe(asCarried(underId(call(road, args), idOf(arrival.body)), 'client'))
    const answer = `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{${complete(road)}"content":[],"a":"${'東\\ud800\\u0000'.repeat(200_000)}"}}`
    road.say(arrival, [answer], true)
    expect(asCarried((await road.heard()).text, 'server')).toBe(asCarried(underId(answer, '1'), 'server'))
  })
})

/** Sockets cut a stream anywhere, servers end lines in three ways and print comments. */
describe.each(['legacy-sse', 'modern-sse'])('%s: an event stream is read the same however it is cut', (name) => {
  it.each([
    ['line feeds', '\n'],
    ['carriage returns and line feeds', '\r\n'],
    ['carriage returns', '\r'],
  ])('with %s', async (_what, end) => {
    const road = roadOf(name)
    for (const size of [1, 2, 3, 5, 7, 64]) {
      road.post(call(road, '{}'))
      const arrival = await road.arrival()
      const answer = `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{${complete(road)}"content":[],"a":"東京 \u2028 \u0085 😀 \\r\\n"}}`
      const stream = [
        `: comment`,
        `event: message`,
        `id: 1`,
        `data:${answer.slice(0, 1)}`,
        `data: ${answer.slice(1)}`,
        '',
        '',
      ].join(end)
      const bytes = Buffer.from(stream)
      arrival.response?.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
      for (let from = 0; from < bytes.length; from += size) {
        await new Promise((resolve) => arrival.response?.write(bytes.subarray(from, from + size), resolve))
      }
      arrival.response?.end()
      expect(asCarried((await road.heard()).text, 'server')).toBe(asCarried(underId(answer, '1'), 'server'))
    }
  })
})
