import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asCarried } from './odd-json.ts'
import { idOf, openRoads, type Road, type Roads, underId } from './roads.ts'

const ROADS = ['legacy-json', 'legacy-sse', 'legacy-stdio', 'modern-json', 'modern-sse', 'modern-stdio']
const LEGACY = ROADS.filter((name) => name.startsWith('legacy'))
const MODERN = ROADS.filter((name) => name.startsWith('modern'))

/** Each kind of content of the revisions, with every member that any of them gives it, and some that none does. */
const CONTENT: Readonly<Record<string, string>> = {
  text: '{"type":"text","text":"t","annotations":{"audience":["user","assistant"],"priority":0.50,"lastModified":"2026-01-01T00:00:00Z","x":1},"_meta":{"k":[]}}',
  image: '{"type":"image","data":"iVBORw0KGgo=","mimeType":"image/png","annotations":{"priority":1.0},"_meta":{}}',
  audio: '{"type":"audio","data":"UklGRg==","mimeType":"audio/wav"}',
  'resource link':
    '{"type":"resource_link","uri":"file:///a%20b","name":"n","title":"T","description":"","mimeType":"text/plain","size":9007199254740993,"icons":[{"src":"data:,","sizes":["48x48"],"theme":"dark"}],"annotations":{}}',
  'embedded text':
    '{"type":"resource","resource":{"uri":"x://y","mimeType":"text/plain","text":"","_meta":{"a":null}},"annotations":{"priority":0}}',
  'embedded blob': '{"type":"resource","resource":{"uri":"x://y","blob":"AA=="}}',
  'no type of any revision': '{"type":"hologram","depth":3.0,"frames":[{"type":"text"}]}',
  'a type that is no text': '{"type":7}',
  'no type at all': '{"text":"t"}',
  'not even an object': '"plain"',
}

const STRUCTURED = [
  '{"a":{"b":[1.0,-0,1E5,0.1e-7,9007199254740993,1e400]}}',
  '[1.50]',
  '"text"',
  '1e400',
  '-0',
  'null',
  'false',
]

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

function request(road: Road, method: string, members: string): string {
  return `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${members},"_meta":{${road.meta}}}}`
}

/** The result that the client gets for what the server says; the request is an ordinary one. */
async function resultFor(road: Road, method: string, members: string, result: string): Promise<string> {
  road.post(request(road, method, members))
  const arrival = await road.arrival()
  road.say(arrival, [`{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":${result}}`], true)
  return (await road.heard()).text
}

const CALL = '"name":"get_it","arguments":{}'
const complete = (road: Road) => (road.era === 'modern' ? '"resultType":"complete",' : '')
const expected = (result: string) => asCarried(`{"jsonrpc":"2.0","id":1,"result":${result}}`, 'server')

describe.each(ROADS)('%s: every kind of content survives', (name) => {
  it.each(Object.entries(CONTENT))('%s in the result of a tool', async (_kind, content) => {
    const road = roadOf(name)
    const result = `{${complete(road)}"content":[${content},${content}],"isError":true}`
    expect(asCarried(await resultFor(road, 'tools/call', CALL, result), 'server')).toBe(expected(result))
  })

  it.each(Object.entries(CONTENT))('%s in a prompt', async (_kind, content) => {
    const road = roadOf(name)
    const result = `{${complete(road)}"messages":[{"role":"assistant","content":${content}},{"role":"narrator","content":[${content}]}]}`
    expect(asCarried(await resultFor(road, 'prompts/get', '"name":"p"', result), 'server')).toBe(expected(result))
  })

  it.each(STRUCTURED)('structured content %s', async (value) => {
    const road = roadOf(name)
    const result = `{${complete(road)}"content":[],"structuredContent":${value}}`
    expect(asCarried(await resultFor(road, 'tools/call', CALL, result), 'server')).toBe(expected(result))
  })
})

/** What sampling knows besides (2025-11-25): tools, and their use and results, in messages both ways. */
const SAMPLING = `"messages":[{"role":"user","content":${CONTENT['image']}},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"n","input":{"a":1.0,"__proto__":{"x":null}},"_meta":{}}]},{"role":"user","content":[{"type":"tool_result","toolUseId":"t1","content":[${CONTENT['audio']},${CONTENT['resource link']}],"structuredContent":{"n":1e400},"isError":false}]}],"modelPreferences":{"hints":[{"name":"m"}],"costPriority":0.30},"systemPrompt":"s","includeContext":"none","temperature":0.70,"maxTokens":100,"stopSequences":["\\u2028"],"metadata":{"x":1e2},"tools":[{"name":"n","inputSchema":{"type":"object"}}],"toolChoice":{"mode":"auto"}`
const SAMPLED = `{"role":"assistant","model":"m","stopReason":"toolUse","content":[{"type":"tool_use","id":"t2","name":"n","input":{"":[]}},{"type":"hologram"}],"_meta":{"a":1}}`

describe('sampling with tools', () => {
  it.each(LEGACY)('%s: the question and its answer survive', async (name) => {
    const road = roadOf(name)
    road.post(request(road, 'tools/call', CALL))
    const arrival = await road.arrival()
    const question = `{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{${SAMPLING}}}`
    road.say(arrival, [question], false)
    const asked = await road.heard()
    expect(asCarried(underId(asked.text, '"q"'), 'server')).toBe(asCarried(question, 'server'))
    road.post(`{"jsonrpc":"2.0","id":${idOf(asked.text)},"result":${SAMPLED}}`)
    const answered = await road.arrival()
    answered.response?.writeHead(202).end()
    expect(asCarried(answered.body, 'server')).toBe(
      asCarried(`{"jsonrpc":"2.0","id":"q","result":${SAMPLED}}`, 'client'),
    )
    road.say(arrival, [`{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{"content":[]}}`], true)
    await road.heard()
  })

  it.each(MODERN)('%s: the question of a round and its answer survive', async (name) => {
    const road = roadOf(name)
    const asks = `{"resultType":"input_required","inputRequests":{"q":{"method":"sampling/createMessage","params":{${SAMPLING}}}},"requestState":"the state"}`
    const asked = await resultFor(road, 'tools/call', CALL, asks)
    const { requestState } = (JSON.parse(asked) as { result: { requestState: string } }).result
    expect(asCarried(asked, 'server')).toBe(expected(asks.replace('"the state"', JSON.stringify(requestState))))
    const responses = `"requestState":${JSON.stringify(requestState)},"inputResponses":{"q":${SAMPLED}}`
    road.post(request(road, 'tools/call', `${CALL},${responses}`))
    const again = await road.arrival()
    const sent = request(road, 'tools/call', `${CALL},${responses}`).replace(
      JSON.stringify(requestState),
      '"the state"',
    )
    expect(asCarried(again.body, 'server')).toBe(asCarried(underId(sent, idOf(again.body)), 'client'))
    road.say(
      again,
      [`{"jsonrpc":"2.0","id":${idOf(again.body)},"result":{"resultType":"complete","content":[]}}`],
      true,
    )
    await road.heard()
  })
})

describe('result types', () => {
  it.each(LEGACY)('%s: the older era has none, so one is an unknown member', async (name) => {
    const result = '{"resultType":"hologram","content":[]}'
    expect(asCarried(await resultFor(roadOf(name), 'tools/call', CALL, result), 'server')).toBe(expected(result))
  })

  it.each(MODERN)(
    '%s: one that nobody negotiated is invalid, and none at all means complete (basic/index §ResultType)',
    async (name) => {
      for (const type of ['"hologram"', '"task"', '7', 'null', '"Complete"', '{}']) {
        const text = await resultFor(
          roadOf(name),
          'tools/call',
          CALL,
          `{"resultType":${type},"content":[],"secret":"s"}`,
        )
        expect(JSON.parse(text)).toMatchObject({ id: 1, error: { code: -32603 } })
        expect(text).not.toContain('secret')
      }
      const text = await resultFor(roadOf(name), 'tools/call', CALL, '{"content":[],"x":1.0}')
      expect(asCarried(text, 'server')).toBe(expected('{"content":[],"x":1.0,"resultType":"complete"}'))
    },
  )

  it.each(MODERN)('%s: a question is for one moment, so hints that it may be kept are dropped', async (name) => {
    const asks = (hints: string, state: string) =>
      `{"resultType":"input_required","inputRequests":{"q":{"method":"roots/list"}},${hints}"requestState":${state},"x":1.0}`
    const text = await resultFor(roadOf(name), 'tools/call', CALL, asks('"ttlMs":5,"cacheScope":"public",', '"s"'))
    const { requestState } = (JSON.parse(text) as { result: { requestState: string } }).result
    expect(asCarried(text, 'server')).toBe(expected(asks('', JSON.stringify(requestState))))
  })
})
