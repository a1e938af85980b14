import type { RequestId } from '#core/ids.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import type { JsonObject, MessageId } from '#wire/jsonrpc/message.ts'
import { ERROR_CODES } from '#wire/mcp/error-codes.ts'
import { SUPPORTED_REVISIONS } from '#wire/mcp/revisions.ts'
import type { TokenScheme } from '#wire/oauth/credential.ts'
import { challenge } from './authentication/challenge.ts'
import type { Refusal } from './refusal.ts'

/** What a refusal looks like from outside. */
export interface RefusalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A JSON-RPC error response, also usable as one message of a stream or batch. */
  readonly body: JsonObject
}

const RETRY_AFTER_UNAVAILABLE_SECONDS = 1
const RETRY_AFTER_BUSY_SECONDS = 5
/** Names that callers chose are repeated to them, but not at any length. */
const ECHO_CHARACTERS_MAX = 128

/**
 * The one place that turns a refusal into status, headers and JSON-RPC error. The caller learns the category; the reason goes to the audit
 * record under the request id. A request that was understood and is refused by its content is answered as JSON-RPC with status 200, because
 * legacy clients take a 404 for a lost session and other statuses for a broken transport.
 * Pure. `server` is null only when it is unknown, and then no refusal that challenges can arise.
 */
export function answerRefusal(
  refusal: Refusal,
  requestId: RequestId,
  server: ServerEntry | null,
  snapshot: Snapshot,
): RefusalAnswer {
  const say = (
    status: number,
    code: number,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    data: JsonObject = {},
  ): RefusalAnswer => ({
    status,
    headers,
    body: {
      jsonrpc: '2.0',
      id: idOf(refusal),
      error: { code, message, data: { ...data, requestId } },
    },
  })
  // JSON-RPC §5: an error without an id answers nobody, so a refused notification gets an HTTP status (transports §Sending Messages).
  const sayInBand = (statusWithoutId: number, code: number, message: string) =>
    say(idOf(refusal) === null ? statusWithoutId : 200, code, message)
  const challenged = (cause: Parameters<typeof challenge>[0], scheme?: TokenScheme): Record<string, string> =>
    server === null ? {} : { 'www-authenticate': challenge(cause, server, snapshot, scheme) }
  const { refused, invalidRequest } = ERROR_CODES

  switch (refusal.name) {
    case 'originForbidden':
      return say(403, refused, 'This origin may not use this server')
    case 'serverUnknown':
      return say(404, refused, 'There is no such server here')
    case 'methodNotAllowed':
      return say(405, refused, 'This address does not take this method', { allow: refusal.allow.join(', ') })
    case 'mediaTypeUnsupported':
      return say(415, refused, 'The body must be application/json in UTF-8, not compressed', {
        accept: 'application/json',
      })
    case 'notAcceptable':
      return say(
        406,
        refused,
        'Accept must name application/json and text/event-stream for POST, text/event-stream for GET',
      )
    case 'headerMalformed':
      return say(400, refused, `Bad request: ${refusal.reason}`)
    case 'bodyTooLarge':
      return say(413, refused, `The body may have at most ${refusal.bytesMax} bytes`, CLOSE)
    case 'bodyIncomplete':
      return say(408, refused, 'The body did not arrive completely', CLOSE)
    case 'jsonInvalid':
      return say(400, ERROR_CODES.parseError, `Parse error: ${refusal.reason}`)
    case 'messageInvalid':
      return say(400, invalidRequest, `Invalid request: ${refusal.reason}`)
    case 'batchNotAllowed':
      return say(400, invalidRequest, 'Invalid request: this revision has no batches')
    case 'revisionUnsupported':
      return say(
        400,
        ERROR_CODES.unsupportedProtocolVersion,
        // Old clients show people the message alone, so where it is the server's doing the message names what it speaks.
        refusal.supported === undefined
          ? 'Unsupported protocol version'
          : `Unsupported protocol version; this server speaks ${refusal.supported.join(', ')}`,
        {},
        {
          supported: [...(refusal.supported ?? SUPPORTED_REVISIONS)],
          requested: shortened(refusal.requested),
        },
      )
    case 'headerMismatch':
      return say(400, ERROR_CODES.headerMismatch, `Header mismatch: ${refusal.header} must say what the body says`)
    case 'metaInvalid':
      return say(400, ERROR_CODES.invalidParams, `Invalid params: ${refusal.reason}`)
    case 'tokenMissing':
      return say(401, refused, 'An access token is needed', challenged({ kind: 'tokenMissing' }))
    case 'tokenInvalid':
      return say(
        401,
        refused,
        'The access token is expired, revoked or not valid here',
        challenged({ kind: 'tokenInvalid' }, refusal.scheme),
      )
    case 'senderUnproven':
      return say(
        401,
        refused,
        'The access token works only together with the key or certificate that it is bound to',
        challenged({ kind: 'senderUnproven' }, CERTIFICATE_REASONS.has(refusal.reason) ? 'bearer' : 'dpop'),
      )
    case 'proofInvalid':
      return say(
        401,
        refused,
        'The DPoP proof is missing or not valid for this request',
        challenged({ kind: 'proofInvalid' }, 'dpop'),
      )
    case 'proofNonceNeeded':
      return say(401, refused, 'The DPoP proof has to repeat the nonce of this answer', {
        ...challenged({ kind: 'proofNonceNeeded' }, 'dpop'),
        'dpop-nonce': refusal.nonce,
      })
    case 'tokenInQuery':
    case 'authorizationMalformed':
      return say(
        400,
        refused,
        'Send one access token, in the Authorization header',
        challenged({ kind: 'requestInvalid' }),
      )
    case 'verifierUnavailable':
      return say(
        503,
        refused,
        'Access tokens cannot be checked at the moment; try again',
        retryAfter(RETRY_AFTER_UNAVAILABLE_SECONDS),
      )
    case 'sessionRequired':
      return say(400, refused, 'Bad request: Mcp-Session-Id is missing; start with initialize')
    case 'sessionUnknown':
      return say(404, ERROR_CODES.sessionNotFound, 'Session not found')
    case 'sessionsExhausted':
      return say(429, refused, 'Too many sessions are open', retryAfter(RETRY_AFTER_BUSY_SECONDS))
    case 'scopeInsufficient':
      return say(
        403,
        refused,
        `More scopes are needed: ${refusal.scopes.join(' ')}`,
        challenged({ kind: 'scopeInsufficient', scopes: refusal.scopes }, refusal.scheme),
      )
    case 'loginInsufficient':
      return say(
        401,
        refused,
        'A stronger or more recent login is needed for this',
        challenged({ kind: 'loginInsufficient', scopes: refusal.scopes, demand: refusal.demand }, refusal.scheme),
      )
    case 'roleForbids':
      return say(403, refused, 'Your role does not allow this')
    case 'methodUnmapped':
      return sayInBand(400, ERROR_CODES.methodNotFound, `Method not found: ${shortened(refusal.method)}`)
    case 'methodUnknown':
      return say(404, ERROR_CODES.methodNotFound, `Method not found: ${shortened(refusal.method)}`)
    case 'toolUnknown':
      return sayInBand(400, ERROR_CODES.invalidParams, `Unknown tool: ${shortened(refusal.tool)}`)
    case 'rateLimited':
      return say(429, refused, 'Too many requests', retryAfter(refusal.retryAfterSeconds))
    case 'argumentsRefused':
      return sayInBand(400, ERROR_CODES.invalidParams, `Invalid params: ${outwardReason(refusal.reason)}`)
    case 'capabilityMissing':
      return say(
        400,
        ERROR_CODES.missingClientCapability,
        `The client needs to declare: ${refusal.required.join(', ')}`,
        {},
        { requiredCapabilities: Object.fromEntries(refusal.required.map((name) => [name, {}])) },
      )
    case 'requestStateRefused':
      return sayInBand(400, ERROR_CODES.invalidParams, 'Invalid params: requestState is not valid for this request')
    case 'resultRefused':
      return sayInBand(502, ERROR_CODES.internalError, 'The server answered something that may not be passed on')
    case 'upstreamUnavailable':
      return sayInBand(502, ERROR_CODES.internalError, 'The server behind this gateway is not available')
    case 'upstreamTimeout':
      return sayInBand(504, ERROR_CODES.internalError, 'The server behind this gateway did not answer in time')
    case 'auditUnavailable':
      return say(
        503,
        refused,
        'This cannot be recorded at the moment, so it was not done; try again',
        retryAfter(RETRY_AFTER_BUSY_SECONDS),
      )
    case 'outcomeUnrecorded':
      // No Retry-After: whoever repeats it without looking may do it twice.
      return say(
        503,
        refused,
        'This was sent to the server, but its outcome cannot be recorded at the moment, so the answer is withheld',
      )
    case 'shuttingDown':
      return say(503, refused, 'The gateway is restarting; try again', {
        ...CLOSE,
        ...retryAfter(RETRY_AFTER_BUSY_SECONDS),
      })
  }
}

/** RFC 8705 has no scheme of its own: a token bound to a certificate is shown as a bearer token. */
const CERTIFICATE_REASONS: ReadonlySet<string> = new Set([
  'certificateMissing',
  'certificateMismatch',
  'certificateExpired',
  'mtlsRequired',
])

/** The rest of the body is not read, so the connection cannot carry another request. */
const CLOSE = { connection: 'close' } as const

function retryAfter(seconds: number): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(seconds))) }
}

function idOf(refusal: Refusal): MessageId | null {
  return 'id' in refusal ? refusal.id : null
}

/** Control characters and half surrogates have no place in a message that someone will print. */
function shortened(text: string): string {
  const printable = text.toWellFormed().replace(/\p{Cc}/gu, '?')
  return printable.length > ECHO_CHARACTERS_MAX
    ? `${printable.slice(0, ECHO_CHARACTERS_MAX).toWellFormed()}…`
    : printable
}

/** What of a credential was found in the arguments is the same sentence for all: which one it was helps only somebody who guesses. */
function outwardReason(reason: string): string {
  const isCredential = reason === 'bearerInArguments' || reason === 'credentialInArguments'
  return isCredential ? 'they hold a credential, which is never passed on' : reason
}
