import type { IncomingMessage } from 'node:http'
import { ok, type Result, refused } from '#core/result.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { headerCount } from '#http/header-count.ts'
import { isPlainBody, readBody } from '#http/read-body.ts'
import { sendJson } from '#http/respond.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { type BearerCredential, parseBearer } from '#wire/oauth/bearer.ts'
import type { ClientRegistry } from './clients/registry.ts'

const REGISTRATION_BYTES_MAX = 64 * 1024
/** Keys lie three levels deep; the rest is flat. */
const METADATA_DEPTH_MAX = 16

/**
 * RFC 7591 §3: reads the JSON document and hands it to the registry, which decides, words the answer and records it. `recordUnread` is
 * told the status of a body that is refused before that, and has it recorded when it resolves.
 */
export async function register(
  exchange: HttpExchange,
  registry: ClientRegistry,
  recordUnread: (status: number) => Promise<void>,
): Promise<void> {
  const { request, response, requestId, clientAddress } = exchange
  const document = await readDocument(request)
  if (!document.ok) {
    const { status, problem } = document.refusal
    await recordUnread(status)
    sendJson(response, status, {
      error: 'invalid_client_metadata',
      error_description: `${problem} (request ${requestId})`,
    })
    return
  }
  const credential = credentialOf(request)
  const answer = await registry.register(document.value, { address: clientAddress, requestId, credential })
  sendJson(response, answer.status, answer.body, { ...answer.headers })
}

/** Whatever stands there is meant to be a token: another scheme, two headers or none readable is a bad one, not none. */
function credentialOf(request: IncomingMessage): BearerCredential {
  const { authorization } = request.headers
  if (authorization === undefined) return { kind: 'missing' }
  if (headerCount(request, 'authorization') > 1) return { kind: 'malformed' }
  const credential = parseBearer(authorization)
  return credential.kind === 'missing' ? { kind: 'malformed' } : credential
}

async function readDocument(
  request: IncomingMessage,
): Promise<Result<unknown, { readonly status: number; readonly problem: string }>> {
  const mediaType = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') {
    return refused({ status: 415, problem: 'The content type must be application/json' })
  }
  if (!isPlainBody(request)) return refused({ status: 415, problem: 'The document must not be compressed' })
  const body = await readBody(request, REGISTRATION_BYTES_MAX)
  if (!body.ok) {
    if (body.refusal === 'tooLarge') return refused({ status: 413, problem: 'The document is larger than 64 KiB' })
    const status = body.refusal === 'timedOut' ? 408 : 400
    return refused({ status, problem: 'The document did not arrive whole' })
  }
  // Which of two redirect_uris was meant is not for us to choose.
  const parsed = parseJson(body.value, { depthMax: METADATA_DEPTH_MAX, numbers: 'request' })
  return parsed.ok
    ? ok(parsed.value)
    : refused({ status: 400, problem: `The document cannot be read: ${parsed.refusal}` })
}
