import { type IncomingMessage, request } from 'node:http'
import { Inbox } from './inbox.ts'

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
