import type { Log } from '#core/log.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { HttpUpstream } from '#core/snapshot.ts'
import { OutboundFailure } from '#net/outbound-failure.ts'
import type { UpstreamPool, UpstreamResponse } from '#net/upstream-pool.ts'
import type { JsonRpcResponse } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { mirroringHeaders } from '#wire/mcp/mirrored-headers.ts'
import { LATEST_MODERN_REVISION } from '#wire/mcp/revisions.ts'
import type { UpstreamFailure } from './connection.ts'
import { upstreamHeaders } from './credential.ts'
import type { ModernExchange, ModernTransport } from './modern-transport.ts'
import { readUpstreamMessage } from './read-message.ts'
import { SseReader } from './sse-reader.ts'

const ACCEPT = 'application/json, text/event-stream'
/** The largest error body that is looked at. */
const ERROR_BYTES_MAX = 64 * 1024

export interface ModernHttpOptions {
  readonly pool: UpstreamPool
  readonly responseBytesMax: () => number
  readonly log: Log
}

/** Streamable HTTP of 2026-07-28: each request a POST of its own, its answer JSON or a stream that cannot be resumed. */
export function openModernHttp(spec: HttpUpstream, options: ModernHttpOptions): ModernTransport {
  const { pathname, search } = new URL(spec.url)
  const path = `${pathname}${search}`
  return {
    exchange: async (exchange) => {
      try {
        const response = await post(spec, path, exchange, options.pool)
        return await readAnswer(response, exchange, options)
      } catch (error) {
        return refused({ reason: error instanceof OutboundFailure ? error.reason : 'unreachable' })
      }
    },
    // Nothing is held between requests; the pool belongs to whoever opened it.
    close: async () => {},
  }
}

/** The headers are made from the very object that is sent; there is no inbound request here to copy from. */
function post(
  spec: HttpUpstream,
  path: string,
  { object, mirrored, signal, timeoutMs }: ModernExchange,
  pool: UpstreamPool,
): Promise<UpstreamResponse> {
  const { method, params } = object
  return pool.request({
    method: 'POST',
    path,
    headers: upstreamHeaders(spec, {
      accept: ACCEPT,
      hasBody: true,
      sessionId: null,
      revision: LATEST_MODERN_REVISION,
      lastEventId: null,
      mirroring: mirroringHeaders(
        typeof method === 'string' ? method : '',
        isJsonObject(params) ? params : null,
        mirrored,
      ),
    }),
    body: printJson(object),
    signal,
    headersTimeoutMs: timeoutMs ?? undefined,
    bodyIdleTimeoutMs: null,
    bytesMax: null,
  })
}

type Answer = Result<JsonRpcResponse, UpstreamFailure>

async function readAnswer(
  response: UpstreamResponse,
  exchange: ModernExchange,
  options: ModernHttpOptions,
): Promise<Answer> {
  const { status } = response
  const type = (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (status === 200 && type === 'text/event-stream') return await readStream(response, exchange, options)
  if (status === 200 && type === 'application/json')
    return await readJson(response, exchange, options.responseBytesMax())
  // 2026-07-28 gives its own errors these statuses, with a JSON-RPC error in the body.
  if (status >= 400 && status < 500 && status !== 401 && status !== 403 && type === 'application/json') {
    const answer = await readJson(response, exchange, ERROR_BYTES_MAX)
    if (answer.ok && answer.value.isError) return answer
    return refused({ reason: isForeign(status) ? 'notModern' : `status${status}` })
  }
  response.body.destroy()
  // What the upstream says about its own authorization never reaches a caller.
  if (status === 401 || status === 403) return refused({ reason: 'credentialRefused' })
  if (status >= 300 && status < 400) return refused({ reason: 'redirect' })
  if (isForeign(status)) return refused({ reason: 'notModern' })
  return refused({ reason: status === 200 ? 'mediaTypeUnexpected' : `status${status}` })
}

/** How servers of the older era, or of none, turn a modern request away. */
function isForeign(status: number): boolean {
  return [400, 404, 405, 406, 415, 422].includes(status)
}

async function readJson(response: UpstreamResponse, { ourId }: ModernExchange, bytesMax: number): Promise<Answer> {
  const bytes = await response.body.whole(bytesMax)
  if (bytes === null) return refused({ reason: 'resultTooLarge' })
  const message = readUpstreamMessage(bytes)
  if (message === null) return refused({ reason: 'jsonInvalid' })
  return message.kind === 'response' && isAbout(message, ourId) ? ok(message) : refused({ reason: 'answerMissing' })
}

/** An error about a request that could not be read has no id; there was only this one. */
function isAbout({ id, isError }: JsonRpcResponse, ourId: number): boolean {
  return id === ourId || (isError && id === null)
}

async function readStream(
  response: UpstreamResponse,
  exchange: ModernExchange,
  options: ModernHttpOptions,
): Promise<Answer> {
  const reader = new SseReader(options.responseBytesMax())
  for await (const chunk of response.body) {
    const events = reader.push(chunk)
    if (events === null) return refused({ reason: 'streamMalformed' })
    for (const { type, data } of events) {
      if (data === '' || type !== 'message') continue
      const message = readUpstreamMessage(data)
      if (message === null) return refused({ reason: 'jsonInvalid' })
      if (message.kind === 'notification') await exchange.onNotification(message)
      else if (message.kind === 'response' && isAbout(message, exchange.ourId)) return ok(message)
      // "The server MUST NOT send independent JSON-RPC requests on this stream": nobody would answer them.
      else options.log.warn('an upstream sent what does not belong on a stream; dropped', { kind: message.kind })
    }
  }
  // No resumption in this revision: what was under way on it is lost.
  return refused({ reason: 'streamEnded' })
}
