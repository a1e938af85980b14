import { type IncomingMessage, request } from 'node:http'

/** A client that does exactly what it is told, on the wire. */
export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  /** The JSON body, or the JSON of every event in order. */
  readonly messages: readonly Record<string, unknown>[]
}

export const BASE_HEADERS = {
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
} as const

export function open(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: unknown = undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const sending = request(url, { method, headers, agent: false }, resolve)
    sending.on('error', reject)
    sending.end(text)
  })
}

export async function readAnswer(response: IncomingMessage): Promise<RawAnswer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return { status: response.statusCode ?? 0, headers: response.headers, text, messages: messagesOf(response, text) }
}

export async function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: unknown = undefined,
): Promise<RawAnswer> {
  return await readAnswer(await open(url, method, headers, body))
}

/** A session opened by hand. */
export interface RawSession {
  readonly id: string
  readonly headers: Record<string, string>
  readonly result: Record<string, unknown>
  post(body: unknown): Promise<RawAnswer>
  call(
    id: string | number,
    name: string,
    args?: Record<string, unknown>,
    meta?: Record<string, unknown>,
  ): Promise<RawAnswer>
  get(extra?: Record<string, string>): Promise<IncomingMessage>
}

export async function openRawSession(
  url: string,
  token: string,
  options: { readonly revision?: string; readonly capabilities?: Record<string, unknown> } = {},
): Promise<RawSession> {
  const revision = options.revision ?? '2025-11-25'
  const base: Record<string, string> = { ...BASE_HEADERS, authorization: `Bearer ${token}` }
  const params = {
    protocolVersion: revision,
    capabilities: options.capabilities ?? {},
    clientInfo: { name: 'raw', version: '1' },
  }
  const opened = await send(url, 'POST', base, { jsonrpc: '2.0', id: 'init', method: 'initialize', params })
  const id = String(opened.headers['mcp-session-id'] ?? '')
  if (opened.status !== 200 || id === '') throw new Error(`initialize: ${opened.status} ${opened.text}`)
  const headers = { ...base, 'mcp-session-id': id, 'mcp-protocol-version': revision }
  await send(url, 'POST', headers, { jsonrpc: '2.0', method: 'notifications/initialized' })
  const post = (body: unknown) => send(url, 'POST', headers, body)
  return {
    id,
    headers,
    result: (opened.messages[0]?.['result'] ?? {}) as Record<string, unknown>,
    post,
    call: (callId, name, args = {}, meta = undefined) =>
      post({
        jsonrpc: '2.0',
        id: callId,
        method: 'tools/call',
        params: { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) },
      }),
    get: (extra = {}) => open(url, 'GET', { ...headers, accept: 'text/event-stream', ...extra }),
  }
}

/** The complete events in a text, as `{ id, data }`. */
export function eventsOf(text: string): { readonly id: string | null; readonly data: string | null }[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => !block.startsWith(':'))
    .map((block) => {
      const field = (name: string) =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? null
      return { id: field('id'), data: field('data') }
    })
}

function messagesOf(response: IncomingMessage, text: string): Record<string, unknown>[] {
  const type = String(response.headers['content-type'] ?? '')
  if (type.startsWith('application/json')) {
    const value: unknown = JSON.parse(text)
    return (Array.isArray(value) ? value : [value]) as Record<string, unknown>[]
  }
  if (!type.startsWith('text/event-stream')) return []
  return eventsOf(text).flatMap(({ data }) => (data ? [JSON.parse(data) as Record<string, unknown>] : []))
}
