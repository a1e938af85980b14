import { takeEvents } from './client-side.ts'
import type { HttpEvent, Recording } from './recording.ts'
import { at, type Node, readWire, textAt } from './wire-text.ts'

type Headers = Readonly<Record<string, string>>

/** One step of a replay, of either transport. Exchanges count from 1 in the order in which the client began them. */
export type Step =
  | { readonly do: 'ask'; readonly exchange: number; readonly headers: Headers; readonly body: string }
  | { readonly do: 'listen' | 'leave'; readonly exchange: number; readonly headers: Headers }
  | { readonly do: 'answer'; readonly exchange: number; readonly status: number; readonly headers: Headers }
  /** One message of the server. `wrap` gives the bytes around it back. Exchange 0: a line of a process. */
  | {
      readonly do: 'say'
      readonly exchange: number
      readonly message: string
      readonly eventId: string | null
      readonly wrap: (message: string) => string
    }
  /** Bytes of the server that are no message: comments, priming events. */
  | { readonly do: 'fill'; readonly exchange: number; readonly text: string }
  | { readonly do: 'end'; readonly exchange: number }
  | { readonly do: 'hangUp'; readonly exchange: number }

const MCP_PATH = '/mcp'
/** These belong to one connection or to the length of one body. */
const OF_THE_HOP = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date'])

export function scriptOf(recording: Recording): readonly Step[] {
  return recording.head.transport === 'http'
    ? httpSteps(recording.events as readonly HttpEvent[])
    : stdioSteps(recording)
}

function httpSteps(events: readonly HttpEvent[]): Step[] {
  const elsewhere = new Set<number>()
  const types = new Map<number, string>()
  const texts = new Map<number, string>()
  return events.flatMap((event): Step[] => {
    const { exchange } = event
    if (event.at === 'request' && event.path !== MCP_PATH) elsewhere.add(exchange)
    // How a client looks for an authorization server is another road.
    if (elsewhere.has(exchange)) return []
    switch (event.at) {
      case 'request': {
        const headers = headersOf(event.headers)
        if (event.method === 'POST') return [{ do: 'ask', exchange, headers, body: event.body }]
        return [{ do: event.method === 'GET' ? 'listen' : 'leave', exchange, headers }]
      }
      case 'head': {
        const headers = headersOf(event.headers)
        types.set(exchange, headers['content-type'] ?? '')
        return [{ do: 'answer', exchange, status: event.status, headers }]
      }
      case 'body': {
        const text = (texts.get(exchange) ?? '') + event.text
        const isStream = types.get(exchange)?.startsWith('text/event-stream') === true
        const { events: taken, rest } = isStream ? takeEvents(text) : { events: [], rest: text }
        texts.set(exchange, rest)
        return taken.map(({ text: raw, data, id }): Step => {
          if (data === '') return { do: 'fill', exchange, text: raw }
          return {
            do: 'say',
            exchange,
            message: data,
            eventId: id,
            wrap: (message) => raw.replace(data, () => message),
          }
        })
      }
      case 'end': {
        const rest = texts.get(exchange) ?? ''
        const end: Step = { do: 'end', exchange }
        if (rest === '') return [end]
        return [{ do: 'say', exchange, message: rest, eventId: null, wrap: (message) => message }, end]
      }
      default:
        return [{ do: 'hangUp', exchange }]
    }
  })
}

/** A process has no HTTP, so the client's lines are put into requests as its own HTTP transport would put them. */
function stdioSteps({ events, head }: Recording): Step[] {
  const lines = events as readonly { at: 'client' | 'server'; line: string }[]
  const mirrored = mirroredParams(lines.map(({ line }) => readWire(line)))
  const isModern = head.revision === '2026-07-28'
  let exchange = 0
  return lines.flatMap((event): Step[] => {
    if (event.at === 'server') {
      return [{ do: 'say', exchange: 0, message: event.line, eventId: null, wrap: (message) => `${message}\n` }]
    }
    exchange += 1
    const message = readWire(event.line)
    const method = textAt(message, ['method'])
    const headers: Record<string, string> = {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(method === 'initialize' ? {} : { 'mcp-protocol-version': head.revision }),
    }
    if (isModern && method !== null) {
      const name = textAt(message, ['params', 'name']) ?? textAt(message, ['params', 'uri'])
      headers['mcp-method'] = method
      if (name !== null && method !== 'completion/complete') headers['mcp-name'] = headerValue(name)
      for (const [key, header] of mirrored.get(name ?? '') ?? []) {
        const value = textAt(message, ['params', 'arguments', key])
        if (value !== null) headers[`mcp-param-${header}`] = headerValue(value)
      }
    } else if (!isModern && method !== 'initialize') headers['mcp-session-id'] = 'the only one'
    const ask: Step = { do: 'ask', exchange, headers, body: event.line }
    if (isModern || method !== 'notifications/initialized') return [ask]
    exchange += 1
    return [ask, { do: 'listen', exchange, headers: { ...headers, accept: 'text/event-stream' } }]
  })
}

/** Per tool: the arguments that it wants repeated, each with its header. */
function mirroredParams(messages: readonly Node[]): ReadonlyMap<string, readonly (readonly [string, string])[]> {
  const tools = messages.flatMap((message) => {
    const list = at(message, ['result', 'tools'])
    return list?.type === 'array' ? list.items : []
  })
  return new Map(
    tools.map((tool) => {
      const properties = at(tool, ['inputSchema', 'properties'])
      const members = properties?.type === 'object' ? properties.members : []
      const annotated = members.flatMap(([key, schema]): [string, string][] => {
        const header = textAt(schema, ['x-mcp-header'])
        return header === null ? [] : [[key, header.toLowerCase()]]
      })
      return [textAt(tool, ['name']) ?? '', annotated]
    }),
  )
}

function headerValue(text: string): string {
  return /^[\x21-\x7e]+$/.test(text) ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}

function headersOf(pairs: readonly (readonly [string, string])[]): Headers {
  return Object.fromEntries(
    pairs.map(([name, value]) => [name.toLowerCase(), value]).filter(([name]) => !OF_THE_HOP.has(name ?? '')),
  )
}
