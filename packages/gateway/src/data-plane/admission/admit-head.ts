import type { IncomingMessage } from 'node:http'
import { asServerId, NAME_PATTERN } from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { originIsAllowed } from '#http/cors.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { isLegacyRevision, isModernRevision } from '#wire/mcp/revisions.ts'
import { isSessionIdSyntax } from '#wire/mcp/session-id.ts'
import { parseCredential } from '#wire/oauth/credential.ts'
import type { Refusal } from '../refusal.ts'
import { accepts, isJsonContentType } from './media-types.ts'
import { mirrorHeaders, type RequestHead, repeatedHeader, singleHeader } from './request-head.ts'
import { holdsToken } from './token-in-query.ts'

const PATH_PREFIX = '/mcp/'
const METHODS = ['POST', 'GET', 'DELETE'] as const
const LAST_EVENT_ID_CHARACTERS_MAX = 256
/** Headers besides Authorization that carry a credential for us. RFC 6750 §2: a request uses one method only. */
const OTHER_CREDENTIAL_HEADERS = ['x-api-key', 'api-key', 'x-access-token', 'x-auth-token'] as const

/**
 * First step of the road. Judges the request line and headers, reads no body and knows no caller: everything it refuses, it refuses
 * alike with and without a token. What is wrong with the MCP side of the headers is noted in `protocolProblem` and told only to a caller
 * who has logged in: everybody else learns first how to (401), whatever they sent. A revision that we do not speak is refused by
 * `admitMessages`, with the message's own id.
 */
export function admitHead(exchange: HttpExchange, snapshot: Snapshot): Result<RequestHead, Refusal> {
  const { request } = exchange
  const server = findServer(exchange.path, snapshot)
  if (server === null) return refused({ name: 'serverUnknown' })
  const repeated = repeatedHeader(request)
  if (repeated !== null) return refused({ name: 'headerMalformed', reason: `${repeated} is sent twice` })
  // 2025-11-25, transports §Security Warning: an Origin that is present and not allowed gets 403.
  const origin = singleHeader(request, 'origin')
  if (origin !== null && !originIsAllowed(origin, snapshot)) return refused({ name: 'originForbidden' })
  if (holdsToken(exchange.query)) return refused({ name: 'tokenInQuery' })
  const method = METHODS.find((name) => name === request.method)
  if (method === undefined) return refused({ name: 'methodNotAllowed', allow: METHODS })
  const framing = framingProblem(request, method)
  if (framing !== null) return refused({ name: 'headerMalformed', reason: framing })
  const sessionId = singleHeader(request, 'mcp-session-id')
  const lastEventId = singleHeader(request, 'last-event-id')
  const revisionHeader = singleHeader(request, 'mcp-protocol-version')
  const authorization = singleHeader(request, 'authorization')
  return ok({
    requestId: exchange.requestId,
    clientAddress: exchange.clientAddress,
    method,
    server,
    snapshot,
    credential: parseCredential(authorization ?? undefined),
    proof: singleHeader(request, 'dpop'),
    certificate: exchange.certificate ?? null,
    target: exchange.otherOrigin == null ? server.resource : `${exchange.otherOrigin}${PATH_PREFIX}${server.id}`,
    hasSecondCredential:
      authorization !== null && OTHER_CREDENTIAL_HEADERS.some((name) => request.headers[name] !== undefined),
    sessionId,
    revisionHeader,
    mirror: mirrorHeaders(request),
    lastEventId,
    protocolProblem:
      mediaProblem(request, method) ?? syntaxProblem(sessionId, lastEventId) ?? revisionProblem(revisionHeader, method),
  })
}

function syntaxProblem(sessionId: string | null, lastEventId: string | null): Refusal | null {
  if (sessionId !== null && !isSessionIdSyntax(sessionId)) {
    return { name: 'headerMalformed', reason: 'Mcp-Session-Id must be visible ASCII' }
  }
  if (lastEventId !== null && lastEventId.length > LAST_EVENT_ID_CHARACTERS_MAX) {
    return { name: 'headerMalformed', reason: 'Last-Event-ID is too long' }
  }
  return null
}

/** The segment is compared as sent, without percent-decoding: the resource identifier has one spelling. */
function findServer(path: string, snapshot: Snapshot): ServerEntry | null {
  if (!path.startsWith(PATH_PREFIX)) return null
  const id = path.slice(PATH_PREFIX.length)
  return NAME_PATTERN.test(id) ? (snapshot.servers.get(asServerId(id)) ?? null) : null
}

/** RFC 9112 §6.3: a message framed in two ways is smuggling. Node's parser refuses most of these already; this does not lean on it. */
function framingProblem(request: IncomingMessage, method: RequestHead['method']): string | null {
  const length = singleHeader(request, 'content-length')
  const coding = singleHeader(request, 'transfer-encoding')
  if (length !== null && coding !== null) return 'Content-Length and Transfer-Encoding exclude each other'
  if (length !== null && !/^\d{1,15}$/.test(length)) return 'Content-Length must be a number'
  if (coding !== null && coding.toLowerCase() !== 'chunked') return 'the only Transfer-Encoding is chunked'
  if (method !== 'POST' && (coding !== null || (length !== null && Number(length) > 0))) return `${method} has no body`
  return null
}

function mediaProblem(request: IncomingMessage, method: RequestHead['method']): Refusal | null {
  if (method === 'DELETE') return null
  const accept = singleHeader(request, 'accept')
  if (method === 'GET') return accepts(accept, 'text/event-stream') ? null : { name: 'notAcceptable' }
  const encoding = singleHeader(request, 'content-encoding')
  // Inflating is work an attacker gets for free, and hides the size from the bound.
  if (encoding !== null && encoding.toLowerCase() !== 'identity') return { name: 'mediaTypeUnsupported' }
  if (!isJsonContentType(singleHeader(request, 'content-type'))) return { name: 'mediaTypeUnsupported' }
  // 2025-03-26 and later: the client MUST list both, because we choose which one to answer with.
  return accepts(accept, 'application/json') && accepts(accept, 'text/event-stream') ? null : { name: 'notAcceptable' }
}

/** GET and DELETE carry no message, so there is no later place to say it. What a POST names is judged with its message, under that one's id. */
function revisionProblem(header: string | null, method: RequestHead['method']): Refusal | null {
  if (header === null || method === 'POST') return null
  // 2026-07-28: streams of their own and sessions to end are gone.
  if (isModernRevision(header)) return { name: 'methodNotAllowed', allow: ['POST'] }
  return isLegacyRevision(header) ? null : { name: 'revisionUnsupported', requested: header, id: null }
}
