import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { Inbox } from './inbox.ts'

/** One message as the gateway sent it to the server, by whatever transport. */
export interface Arrival {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  /** Empty for GET and DELETE. */
  readonly body: string
  /** Null for a line of a process. */
  readonly response: ServerResponse | null
}

export interface UpstreamSide {
  readonly url: string
  readonly arrivals: Inbox<Arrival>
  close(): Promise<void>
}

/** The server's place: takes every request and answers none, until the replay does. */
export async function openUpstreamSide(): Promise<UpstreamSide> {
  const arrivals = new Inbox<Arrival>(({ method, body }) => `${method} ${body}`)
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', headers } = incoming
      arrivals.put({ method, headers, body: Buffer.concat(chunks).toString(), response })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    arrivals,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What the client's side sees, in order. */
export type Sight =
  | {
      readonly kind: 'head'
      readonly exchange: number
      readonly status: number
      readonly headers: IncomingMessage['headers']
    }
  | { readonly kind: 'message'; readonly exchange: number; readonly text: string; readonly eventId: string | null }
  | { readonly kind: 'end'; readonly exchange: number }

export interface ClientSide {
  readonly sights: Inbox<Sight>
  send(exchange: number, method: string, headers: Readonly<Record<string, string>>, body: string): void
  hangUp(exchange: number): void
}

export function openClientSide(url: string): ClientSide {
  const sights = new Inbox<Sight>((sight) => JSON.stringify(sight).slice(0, 600))
  const open = new Map<number, () => void>()
  return {
    sights,
    send: (exchange, method, headers, body) => {
      const sending = request(url, { method, headers, agent: false }, (response) => {
        sights.put({ kind: 'head', exchange, status: response.statusCode ?? 0, headers: response.headers })
        readMessages(response, (text, eventId) => sights.put({ kind: 'message', exchange, text, eventId }))
        response.on('end', () => sights.put({ kind: 'end', exchange }))
        response.on('error', () => {})
      })
      sending.on('error', () => {})
      open.set(exchange, () => sending.destroy())
      sending.end(body === '' ? undefined : body)
    },
    hangUp: (exchange) => open.get(exchange)?.(),
  }
}

/** One JSON body, or the data of each event. */
function readMessages(response: IncomingMessage, onMessage: (text: string, eventId: string | null) => void): void {
  const type = String(response.headers['content-type'] ?? '')
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
    if (!type.startsWith('text/event-stream')) return
    const { events, rest } = takeEvents(text)
    text = rest
    for (const { data, id } of events) if (data !== '') onMessage(data, id)
  })
  if (type.startsWith('application/json')) response.on('end', () => onMessage(text, null))
}

export interface TakenEvent {
  /** The event as it stood, with its empty line. */
  readonly text: string
  readonly data: string
  readonly id: string | null
}

/** The complete events at the start of a text, and what is left. Both sides print one `data` line an event. */
export function takeEvents(text: string): { readonly events: readonly TakenEvent[]; readonly rest: string } {
  const blocks = text.split(/(?<=\n\n)/)
  const rest = blocks.at(-1)?.endsWith('\n\n') === true ? '' : (blocks.pop() ?? '')
  const field = (block: string, name: string) => {
    // Line feeds end lines here and nothing else does: U+2028, which a pattern takes for a line end, may stand in a message.
    const line = block.split('\n').find((one) => one.startsWith(`${name}:`))
    return line === undefined ? null : line.slice(name.length + 1).replace(/^ /, '')
  }
  return {
    events: blocks.map((block) => ({ text: block, data: field(block, 'data') ?? '', id: field(block, 'id') })),
    rest,
  }
}
