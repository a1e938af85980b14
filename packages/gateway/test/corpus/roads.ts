import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { type ClientSide, openClientSide, type Sight } from './client-side.ts'
import { SHOWN_MAX } from './inbox.ts'
import { type Arrival, openHttpUpstream, openStdioUpstream, type Upstream } from './upstream-side.ts'
import { at, printWire, readWire, replaceIn, textAt } from './wire-text.ts'

export type Era = 'legacy' | 'modern'
/** How the server answers. */
export type Answering = 'json' | 'sse' | 'stdio'

const MODERN_META = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{},"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}}},"io.modelcontextprotocol/logLevel":"debug"`
const CAPABILITIES = '{"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true}}'
const TOOLS = '[{"name":"get_it","inputSchema":{"type":"object"}}]'
const SERVER_CAPABILITIES =
  '{"tools":{"listChanged":true},"prompts":{},"resources":{"subscribe":true},"logging":{},"completions":{}}'

/** One way through the data plane, with a scripted client and a scripted server at its ends. */
export interface Road {
  readonly name: string
  readonly era: Era
  readonly answering: Answering
  /** Members that the `_meta` of this era's requests must have, as text without braces; empty in the legacy era. */
  readonly meta: string
  readonly client: ClientSide
  readonly arrivals: Upstream['arrivals']
  /** A POST with the headers that this era wants; answers the number of the exchange. */
  post(body: string, headers?: Readonly<Record<string, string>>): number
  /** Opens the stream of the session; answers the number of the exchange. */
  listen(): number
  /** The next message that reached the server. */
  arrival(): Promise<Arrival>
  /** The server says this on the stream of an arrival. The last message ends it, and is all of it where the road answers in JSON. */
  say(arrival: Arrival, messages: readonly string[], isLast: boolean): void
  /** The next message at the client, with the exchange on which it came. */
  heard(): Promise<Extract<Sight, { kind: 'message' }>>
  /** The status, once known. */
  status(exchange: number): Promise<number>
}

export interface Roads {
  readonly all: readonly Road[]
  close(): Promise<void>
}

const KINDS: readonly (readonly [Era, Answering])[] = [
  ['legacy', 'json'],
  ['legacy', 'sse'],
  ['legacy', 'stdio'],
  ['modern', 'json'],
  ['modern', 'sse'],
  ['modern', 'stdio'],
]

export async function openRoads(): Promise<Roads> {
  const ends = await Promise.all(
    KINDS.map(async ([era, answering]) => {
      const upstream = answering === 'stdio' ? await openStdioUpstream() : await openHttpUpstream()
      upstream.arrivals.intercept = (arrival) => answerRoutine(arrival, era)
      return { name: `${era}-${answering}`, era, answering, upstream }
    }),
  )
  const gateway = await startDataPlane({
    servers: Object.fromEntries(ends.map(({ name, upstream: { spec } }) => [name, { upstream: spec }])),
    limits: { serverRequestsPerMinuteMax: 1_000_000, linesPerSecondMax: 1_000_000 },
  })
  const all = await Promise.all(
    ends.map(({ name, era, answering, upstream }) => openRoad(gateway, name, era, answering, upstream)),
  )
  return {
    all,
    close: async () => {
      await gateway.close()
      await Promise.all(ends.map(({ upstream }) => upstream.close()))
    },
  }
}

async function openRoad(
  gateway: DataPlaneGateway,
  name: string,
  era: Era,
  answering: Answering,
  upstream: Upstream,
): Promise<Road> {
  const client = openClientSide(gateway.url(name))
  // Nobody looks at how an answer ends, so long runs need not keep it.
  client.sights.intercept = ({ kind }) => kind === 'end'
  const base: Record<string, string> = {
    authorization: 'Bearer token-alice',
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
  }
  let exchanges = 0
  const head = async (exchange: number) => {
    const sight = await client.sights.take(
      `the head of ${exchange}`,
      (one) => one.kind === 'head' && one.exchange === exchange,
    )
    return sight as Extract<Sight, { kind: 'head' }>
  }
  const post = (body: string, headers: Readonly<Record<string, string>> = {}) => {
    exchanges += 1
    client.send(exchanges, 'POST', { ...base, ...headers }, body)
    return exchanges
  }
  const isMessage = (sight: Sight): sight is Extract<Sight, { kind: 'message' }> => sight.kind === 'message'
  const heard = () => client.sights.take('a message at the client', isMessage)
  if (era === 'legacy') {
    const params = `{"protocolVersion":"2025-11-25","capabilities":${CAPABILITIES},"clientInfo":{"name":"c","version":"1"}}`
    const { headers } = await head(post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":${params}}`))
    await heard()
    base['mcp-session-id'] = String(headers['mcp-session-id'])
    base['mcp-protocol-version'] = '2025-11-25'
    await head(post('{"jsonrpc":"2.0","method":"notifications/initialized"}'))
  } else base['mcp-protocol-version'] = '2026-07-28'
  return {
    name,
    era,
    answering,
    meta: era === 'legacy' ? '' : MODERN_META,
    client,
    arrivals: upstream.arrivals,
    post: (body, headers = {}) => post(body, era === 'legacy' ? headers : { ...mirrorOf(body), ...headers }),
    listen: () => {
      exchanges += 1
      client.send(exchanges, 'GET', { ...base, accept: 'text/event-stream' }, '')
      return exchanges
    },
    arrival: async () => {
      try {
        return await upstream.arrivals.take('a message at the server', () => true)
      } catch (cause) {
        const answers = client.sights.left
          .slice(-SHOWN_MAX)
          .map((sight) => JSON.stringify(sight))
          .join('\n')
        throw new Error(`nothing reached the server, and the client was told ${answers}`, { cause })
      }
    },
    say: (arrival, messages, isLast) => {
      const { response } = arrival
      if (response === null) return arrival.write(messages.map((message) => `${message}\n`).join(''))
      const isJson = answering === 'json' && isLast && messages.length === 1 && !response.headersSent
      if (isJson) return void response.writeHead(200, { 'content-type': 'application/json' }).end(messages[0])
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const message of messages) response.write(`data: ${message}\n\n`)
      if (isLast) response.end()
    },
    heard,
    status: async (exchange) => (await head(exchange)).status,
  }
}

function mirrorOf(body: string): Record<string, string> {
  let message: ReturnType<typeof readWire>
  try {
    message = readWire(body)
  } catch {
    return { 'mcp-method': 'tools/call', 'mcp-name': 'get_it' }
  }
  const method = textAt(message, ['method'])
  const source = method === 'resources/read' ? 'uri' : 'name'
  const name = ['tools/call', 'prompts/get', 'resources/read'].includes(method ?? '')
    ? textAt(message, ['params', source])
    : null
  return { ...(method === null ? {} : { 'mcp-method': method }), ...(name === null ? {} : { 'mcp-name': name }) }
}

/** What every server is asked before and beside the messages that a test is about. */
export function answerRoutine(arrival: Arrival, era: Era): boolean {
  const { method, body, response } = arrival
  if (method === 'GET') {
    response?.writeHead(405).end()
    return true
  }
  if (method === 'DELETE') {
    response?.writeHead(204).end()
    return true
  }
  const message = readWire(body)
  const name = textAt(message, ['method'])
  if (name === 'notifications/initialized') {
    response?.writeHead(202).end()
    return true
  }
  const isOurs = textAt(message, ['params', '_meta', 'io.modelcontextprotocol/clientInfo', 'name']) === 'sallyport'
  const isOwnListing = name === 'tools/list' && (isOurs || printWire(at(message, ['params']) ?? message) === '{}')
  const result =
    name === 'initialize' && !/"odd"/.test(body)
      ? `{"protocolVersion":"2025-11-25","capabilities":${SERVER_CAPABILITIES},"serverInfo":{"name":"s","version":"1"}}`
      : isOurs && name === 'server/discover'
        ? `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":${SERVER_CAPABILITIES},"ttlMs":0,"cacheScope":"private"}`
        : isOwnListing
          ? `{"tools":${TOOLS}${era === 'modern' ? ',"resultType":"complete","ttlMs":0,"cacheScope":"private"' : ''}}`
          : null
  const id = at(message, ['id'])
  if (result === null || id === null) return false
  // A process of the older era does not know this method.
  const isForeign = era === 'legacy' && name === 'server/discover'
  const answer = isForeign ? '"error":{"code":-32601,"message":"no"}' : `"result":${result}`
  const text = `{"jsonrpc":"2.0","id":${printWire(id)},${answer}}`
  if (response === null) arrival.write(`${text}\n`)
  else response.writeHead(200, { 'content-type': 'application/json' }).end(text)
  return true
}

/** The text with its top-level id changed, and nothing else. */
export function underId(text: string, id: string): string {
  const node = at(readWire(text), ['id'])
  return node === null ? text : replaceIn(text, node, id)
}

export function idOf(text: string): string {
  const id = at(readWire(text), ['id'])
  return id === null ? 'none' : printWire(id)
}
