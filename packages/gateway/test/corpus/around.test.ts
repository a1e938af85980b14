import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDataPlane } from '../support/data-plane.ts'
import { openRawSession } from '../support/raw-client.ts'
import { openClientSide, type Sight } from './client-side.ts'
import { asCarried, oddMembers } from './odd-json.ts'
import { idOf, openRoads, type Road, type Roads, underId } from './roads.ts'
import { alone } from './survives.ts'
import { openHttpUpstream } from './upstream-side.ts'
import { readWire, textAt } from './wire-text.ts'

const MODERN = ['modern-json', 'modern-sse', 'modern-stdio']
const ODD = '"__proto__":{"constructor":1},"":[{}],"x\\u2028":{"y":"\\u0000"}'

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

describe('the handshake', () => {
  it('keeps unknown members of params and result, capabilities apart', async () => {
    const upstream = await openHttpUpstream()
    const gateway = await startDataPlane({ servers: { it: { upstream: upstream.spec } } })
    try {
      const client = openClientSide(gateway.url('it'))
      const info = `"clientInfo":{"name":"odd","version":"1","icons":[{"src":"data:,"}],${ODD}},"_meta":{${ODD}},${ODD}`
      const headers = {
        authorization: 'Bearer token-alice',
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
      }
      const initialize = `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},${info}}}`
      client.send(1, 'POST', headers, initialize)
      const arrival = await upstream.arrivals.take('initialize', () => true)
      expect(asCarried(arrival.body, 'server')).toBe(asCarried(underId(initialize, idOf(arrival.body)), 'client'))
      const result = `"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"odd":1.0}},"serverInfo":{"name":"s","version":"1",${ODD}},"instructions":"\\ud800","_meta":{${ODD}},${ODD},"n":1e400}`
      arrival.response?.writeHead(200, { 'content-type': 'application/json' })
      arrival.response?.end(`{"jsonrpc":"2.0","id":${idOf(arrival.body)},${result}}`)
      const isMessage = (sight: Sight): sight is Extract<Sight, { kind: 'message' }> => sight.kind === 'message'
      const { text } = await client.sights.take('the answer', isMessage)
      expect(asCarried(text, 'server')).toBe(asCarried(`{"jsonrpc":"2.0","id":"i",${result}}`, 'server'))
    } finally {
      await gateway.close()
      await upstream.close()
    }
  })
})

describe.each(MODERN)('%s: a listener', (name) => {
  it('gets the acknowledgement, what changed and the end with their unknown members', async () => {
    const road = roadOf(name)
    const tag = '"io.modelcontextprotocol/subscriptionId":'
    const exchange = road.post(
      `{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["x://y"]},"_meta":{${road.meta}},${ODD}}}`,
    )
    const arrival = await road.arrival()
    const ourId = idOf(arrival.body)
    expect(arrival.body).toContain('"toolsListChanged":true')
    const messages = (id: string, meta: string) => [
      `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["x://y"]},"_meta":{${meta}},${ODD}}}`,
      `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{${meta}},${ODD}},${ODD}}`,
      `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x://y","_meta":{${tag}${id}},${ODD}}}`,
      `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete","_meta":{${meta}},${ODD}},${ODD}}`,
    ]
    road.say(arrival, messages(ourId, `${tag}${ourId},${ODD}`), true)
    // Which subscription it is of, the gateway alone says: after what the server says of its own.
    for (const expected of messages('"l"', `${ODD},${tag}"l"`)) {
      const heard = await road.heard()
      expect(heard.exchange).toBe(exchange)
      expect(asCarried(heard.text, 'server')).toBe(asCarried(expected, 'server'))
    }
  })
})

/** Notifications that belong to no request, each with the members it needs. */
const TOLD = [
  ['tools/list_changed', ''],
  ['prompts/list_changed', ''],
  ['resources/list_changed', ''],
  ['resources/updated', '"uri":"x://y",'],
  ['elicitation/complete', '"elicitationId":"e",'],
  ['message', '"level":"info","data":null,'],
] as const

describe.each(['legacy-json', 'legacy-sse', 'legacy-stdio'])('%s: a session', (name) => {
  it('hears what the server tells of its own accord, with unknown members', async () => {
    const road = roadOf(name)
    // A process has no stream of the call on which it could say this.
    const stream = road.answering === 'stdio' ? road.listen() : null
    if (stream !== null) expect(await road.status(stream)).toBe(200)
    const odd = oddMembers('server')
    const told = fc.record({ which: fc.constantFrom(...TOLD), params: odd, own: odd, top: odd })
    await fc.assert(
      fc.asyncProperty(told, async ({ which: [method, needed], params, own, top }) => {
        const exchange = road.post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
        const arrival = await road.arrival()
        const note = `{"jsonrpc":"2.0","method":"notifications/${method}","params":{${needed}"_meta":${alone(own)}${params}}${top}}`
        road.say(arrival, [note, `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{}}`], true)
        // On two streams either may come first.
        const heard = [await road.heard(), await road.heard()]
        const found = heard.find(({ text }) => textAt(readWire(text), ['method']) !== null)
        expect(found?.exchange).toBe(stream ?? exchange)
        expect(asCarried(found?.text ?? 'null', 'server')).toBe(asCarried(note, 'server'))
      }),
      { numRuns: 25, endOnFailure: true },
    )
  })
})

describe('characters that some readers take for line ends', () => {
  /** Node's `readline` ends lines at U+2028 and U+2029 too, and so do many who read events or standard input. */
  const READLINE = `
import { createInterface } from 'node:readline'
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  const say = (result) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n')
  if (method === 'initialize') say({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } })
  else if (method === 'tools/list') say({ tools: [{ name: 'get_it', inputSchema: { type: 'object' } }] })
  else if (method === 'tools/call') say({ content: [], got: params.arguments.text })
})
`

  it('reach a process inside its line, and it answers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-lines-'))
    const file = join(folder, 'server.mjs')
    await writeFile(file, READLINE)
    const upstream = { kind: 'stdio' as const, command: process.execPath, args: [file], env: new Map(), cwd: null }
    const gateway = await startDataPlane({ servers: { it: { upstream, limits: { callTimeoutSeconds: 5 } } } })
    try {
      const session = await openRawSession(gateway.url('it'), 'token-alice')
      const text = 'a\u2028b\u2029c\u0085d\u000be'
      const { text: answer } = await session.call(1, 'get_it', { text })
      expect(textAt(readWire(answer), ['result', 'got'])).toBe(text)
    } finally {
      await gateway.close()
      await rm(folder, { recursive: true, force: true })
    }
  })

  it.each(['legacy-sse', 'modern-sse'])('%s: are printed as escapes where the client reads lines', async (name) => {
    const road = roadOf(name)
    const args = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_it","arguments":{},"_meta":{"progressToken":"p"${road.meta === '' ? '' : `,${road.meta}`}}}}`
    road.post(args)
    const arrival = await road.arrival()
    const note = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${idOf(arrival.body)},"progress":1,"message":"a\u2028b\u2029c\u0085d"}}`
    const complete = road.era === 'modern' ? '"resultType":"complete",' : ''
    road.say(arrival, [note, `{"jsonrpc":"2.0","id":${idOf(arrival.body)},"result":{${complete}"content":[]}}`], true)
    const { text } = await road.heard()
    expect(text).not.toMatch(/[\u2028\u2029\u0085]/)
    expect(textAt(readWire(text), ['params', 'message'])).toBe('a\u2028b\u2029c\u0085d')
    await road.heard()
  })
})
