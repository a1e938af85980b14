import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** Headers of every answer that is not a page: nothing sniffs it, nothing keeps it unless a caller says so. */
const BASE_HEADERS: OutgoingHttpHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

/** A body up to this size is read and thrown away rather than the connection closed. */
const UNREAD_BODY_BYTES_MAX = 64 * 1024

/** Sends `body` as JSON. `headers` overrides the defaults (`Cache-Control: no-store`). */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  send(response, status, JSON.stringify(body), {
    'content-type': 'application/json',
    ...headers,
  })
}

export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  send(response, status, text, {
    'content-type': 'text/plain; charset=utf-8',
    ...headers,
  })
}

/** Sends a page. `headers` carries the page's own policy (Content-Security-Policy and its kin). */
export function sendHtml(
  response: ServerResponse,
  status: number,
  html: string,
  headers: OutgoingHttpHeaders = {},
): void {
  send(response, status, html, {
    'content-type': 'text/html; charset=utf-8',
    ...headers,
  })
}

/** An answer without a body. */
export function sendEmpty(response: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): void {
  send(response, status, '', headers)
}

/** RFC 9110 §15.4.4: the next page is fetched by GET, whatever this request was. */
export function sendRedirect(response: ServerResponse, location: string, headers: OutgoingHttpHeaders = {}): void {
  // Our addresses hold ids of logins under way; the page that the redirect leads to need not learn where it came from.
  sendEmpty(response, 303, { 'referrer-policy': 'no-referrer', ...headers, location })
}

function send(response: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders): void {
  if (response.headersSent) return
  const bytes = Buffer.from(text)
  const all: OutgoingHttpHeaders = { ...BASE_HEADERS, ...headers }
  // RFC 9110 §8.6: 204 has no length.
  if (status !== 204) all['content-length'] = bytes.length
  // A body that nobody will read: a short one is drained and the connection kept; a long one costs the client its connection.
  if (!response.req.complete) {
    if (!bodyIsShort(response)) all['connection'] = 'close'
    response.req.resume()
  }
  response.writeHead(status, all)
  response.end(response.req.method === 'HEAD' ? undefined : bytes)
}

function bodyIsShort({ req }: ServerResponse): boolean {
  const declared = req.headers['content-length']
  if (declared !== undefined) return Number(declared) <= UNREAD_BODY_BYTES_MAX
  return req.headers['transfer-encoding'] === undefined
}
