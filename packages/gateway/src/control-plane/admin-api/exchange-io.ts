import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { RequestId } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { isPlainBody, readBody } from '#http/read-body.ts'
import { sendJson } from '#http/respond.ts'
import { parseJson, REQUEST_DEPTH_MAX } from '#wire/jsonrpc/parse-strict.ts'
import { type AdminError, adminError, ERROR_STATUS, type ErrorBody } from './errors.ts'
import type { Answer, RawRequest } from './operation.ts'

const BODY_BYTES_MAX = 64 * 1024
/** What cannot be done now, because a feed, store or log does not answer, is usually back within this time. */
const RETRY_AFTER_SECONDS = 2

/** Reads what an operation may look at. A body, if there is one, is JSON. */
export async function readRequest(
  { request, query }: HttpExchange,
  params: Readonly<Record<string, string>>,
): Promise<Result<RawRequest, AdminError>> {
  const fields: Record<string, string> = {}
  for (const [name, value] of query) {
    if (Object.hasOwn(fields, name))
      return refused(adminError('invalidInput', 'A query field was sent more than once.'))
    Object.defineProperty(fields, name, { value, enumerable: true })
  }
  const body = await readJson(request)
  if (!body.ok) return body
  return ok({
    params,
    query: fields,
    body: body.value,
    ifMatch: request.headers['if-match'] ?? null,
    idempotencyKey: oneHeader(request, 'idempotency-key'),
  })
}

/** Undefined when there is no body. */
async function readJson(request: IncomingMessage): Promise<Result<unknown, AdminError>> {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  if (!hasBody) return ok(undefined)
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json')
    return refused(adminError('mediaTypeUnsupported', 'The content type must be application/json.'))
  if (!isPlainBody(request)) return refused(adminError('mediaTypeUnsupported', 'The body must not be compressed.'))
  const bytes = await readBody(request, BODY_BYTES_MAX)
  if (!bytes.ok)
    return refused(
      bytes.refusal === 'tooLarge'
        ? adminError('bodyTooLarge', `The body is larger than ${BODY_BYTES_MAX} bytes.`)
        : adminError('invalidInput', 'The body did not arrive whole.'),
    )
  const parsed = parseJson(bytes.value, { depthMax: REQUEST_DEPTH_MAX, numbers: 'request' })
  return parsed.ok
    ? ok(parsed.value)
    : refused(adminError('invalidInput', `The body cannot be read: ${parsed.refusal}.`))
}

function oneHeader(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(',') : (value ?? null)
}

export async function sendAnswer(exchange: HttpExchange, answer: Answer): Promise<void> {
  if (answer.kind === 'json') {
    sendJson(exchange.response, answer.status, answer.body, answer.etag === undefined ? {} : { etag: answer.etag })
    return
  }
  const { response } = exchange
  response.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  // Listened for once, however often a slow reader makes us wait.
  const closed = new Promise((resolve) => response.once('close', resolve))
  for await (const line of answer.lines) {
    if (response.destroyed) return
    // A slow reader holds the next page of the log back instead of filling the memory.
    if (!response.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(response, 'drain'), closed])
  }
  response.end()
}

export function sendError(exchange: HttpExchange, error: AdminError, headers: OutgoingHttpHeaders = {}): void {
  const status = ERROR_STATUS[error.code]
  const retry = status === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {}
  sendJson(exchange.response, status, errorBody(error, exchange.requestId), { ...retry, ...headers })
}

export function errorBody(error: AdminError, requestId: RequestId): ErrorBody {
  return { error: { ...error, requestId } }
}
