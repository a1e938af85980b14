import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** One request as the parts of the reference server see it: the head, and the body once somebody asks for it. */
export interface Incoming {
  readonly method: string
  /** Path and query exactly as sent. */
  readonly target: string
  readonly path: string
  readonly query: URLSearchParams
  readonly httpVersion: string
  readonly headers: IncomingHttpHeaders
  /** Every value of every header line. */
  readonly lines: NodeJS.Dict<string[]>
  readBody(): Promise<string>
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
}

/** Answers a request, or null when it is none of this part's. */
export type Part = (incoming: Incoming) => Reply | null | Promise<Reply | null>

export class BodyTooLarge extends Error {}

const BODY_BYTES_MAX = 128 * 1024
/** More than this is not even read away: the connection is closed. */
const DRAIN_BYTES_MAX = 4 * 1024 * 1024

export function readIncoming(request: IncomingMessage): Incoming {
  const target = request.url ?? '/'
  const split = target.indexOf('?')
  return {
    method: request.method ?? 'GET',
    target,
    path: split === -1 ? target : target.slice(0, split),
    query: new URLSearchParams(split === -1 ? '' : target.slice(split + 1)),
    httpVersion: request.httpVersion,
    headers: request.headers,
    lines: request.headersDistinct,
    readBody: () => readBody(request),
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > DRAIN_BYTES_MAX) break
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk)
  }
  if (bytes > BODY_BYTES_MAX) throw new BodyTooLarge('the body is larger than what is read')
  return Buffer.concat(chunks).toString('utf8')
}

export function writeReply(response: ServerResponse, reply: Reply, fixed: Readonly<Record<string, string>>): void {
  if (response.headersSent || response.destroyed) return
  const body = reply.body ?? ''
  const headers: Record<string, string | string[]> = { ...fixed, 'content-length': String(Buffer.byteLength(body)) }
  for (const [name, value] of Object.entries(reply.headers ?? {}))
    headers[name] = typeof value === 'string' ? value : [...value]
  response.writeHead(reply.status, headers).end(body)
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}

/** An error of RFC 6749 §5.2: JSON, never kept by a cache. */
export function oauthError(status: number, error: string, description: string, headers = {}): Reply {
  return json(status, { error, error_description: description }, { 'cache-control': 'no-store', ...headers })
}

export function html(status: number, title: string, content: string, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
      'x-frame-options': 'DENY',
      ...headers,
    },
    body: `<!doctype html><html lang="en"><title>${escapeHtml(title)}</title><h1>${escapeHtml(title)}</h1>${content}</html>`,
  }
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A form of which no field stands twice (RFC 6749 §3.1, §3.2), or null. */
export async function readForm(incoming: Incoming): Promise<Map<string, string> | null> {
  const type = incoming.headers['content-type'] ?? ''
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type)) return null
  return singleValues(new URLSearchParams(await incoming.readBody()))
}

export function singleValues(fields: URLSearchParams): Map<string, string> | null {
  const values = new Map(fields)
  // `resource` alone may stand several times (RFC 8707 §2); these servers take one.
  return values.size === [...fields.keys()].length ? values : null
}
