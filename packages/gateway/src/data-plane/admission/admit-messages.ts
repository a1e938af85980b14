import { ok, type Result, refused } from '#core/result.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { readBody } from '#http/read-body.ts'
import type { JsonRpcMessage, JsonValue } from '#wire/jsonrpc/message.ts'
import { parseJson, REQUEST_DEPTH_MAX } from '#wire/jsonrpc/parse-strict.ts'
import { readMessage } from '#wire/jsonrpc/read-message.ts'
import { classifyEra } from '#wire/mcp/classify-era.ts'
import { ASSUMED_REVISION, allowsBatches, isLegacyRevision } from '#wire/mcp/revisions.ts'
import { type Authenticated, isAuthenticated } from '../authentication/authenticate.ts'
import type { Refusal } from '../refusal.ts'
import type { RequestHead } from './request-head.ts'

/** More than clients have been seen to batch; each message is a call of its own. */
const BATCH_MESSAGES_MAX = 50

/** An authenticated request with its body read: what every later step works on. Only `admitMessages` makes one. */
class AdmittedEnvelope {
  readonly #made = true
  readonly authenticated: Authenticated
  /** At least one, in the order sent. More than one only in a batch. */
  readonly messages: readonly JsonRpcMessage[]
  /**
   * The body was an array. The header allows it (2025-03-26, or none); the session step must still refuse it when the session negotiated a
   * later revision.
   */
  readonly isBatch: boolean

  constructor(authenticated: Authenticated, messages: readonly JsonRpcMessage[], isBatch: boolean) {
    this.authenticated = authenticated
    this.messages = messages
    this.isBatch = isBatch
    Object.freeze(this)
  }

  static isMade(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #made in value
  }
}
// Otherwise `envelope.constructor` would be a way to make another.
Reflect.deleteProperty(AdmittedEnvelope.prototype, 'constructor')

export type Envelope = AdmittedEnvelope

/** False for anything that did not come out of `admitMessages`, whatever its shape. */
export function isEnvelope(value: unknown): value is Envelope {
  return AdmittedEnvelope.isMade(value)
}

/**
 * Third step of the road: reads the body of an authenticated POST, within the server's bound, and takes it apart into messages.
 * The caller is known by now, so what is wrong may be said plainly.
 */
export async function admitMessages(
  head: RequestHead,
  authenticated: Authenticated,
  exchange: HttpExchange,
): Promise<Result<Envelope, Refusal>> {
  // A bug of ours, not of the caller: the type forbids both.
  if (!isAuthenticated(authenticated) || authenticated.head !== head)
    throw new Error('the request is not authenticated')
  const bytesMax = head.server.limits.requestBytesMax
  const body = await readBody(exchange.request, bytesMax)
  if (!body.ok) {
    return refused(body.refusal === 'tooLarge' ? { name: 'bodyTooLarge', bytesMax } : { name: 'bodyIncomplete' })
  }
  const parsed = parseJson(body.value, { depthMax: REQUEST_DEPTH_MAX, numbers: 'request' })
  if (!parsed.ok) return refused({ name: 'jsonInvalid', reason: parsed.refusal })
  const messages = readMessages(parsed.value, head.revisionHeader)
  return messages.ok ? ok(new AdmittedEnvelope(authenticated, messages.value, Array.isArray(parsed.value))) : messages
}

/** Pure: one message, or a batch where the revision has them. */
export function readMessages(
  value: JsonValue,
  revisionHeader: string | null,
): Result<readonly JsonRpcMessage[], Refusal> {
  if (!Array.isArray(value)) {
    const message = readOne(value, revisionHeader)
    return message.ok ? ok([message.value]) : message
  }
  if (!batchesAreAllowed(revisionHeader)) return refused({ name: 'batchNotAllowed' })
  if (value.length === 0 || value.length > BATCH_MESSAGES_MAX) {
    return refused({ name: 'messageInvalid', reason: `a batch has 1 to ${BATCH_MESSAGES_MAX} messages`, id: null })
  }
  const messages: JsonRpcMessage[] = []
  const ids = new Set<string | number>()
  for (const item of value) {
    const message = readOne(item, revisionHeader)
    if (!message.ok) return message
    if (message.value.kind === 'request') {
      const { id, method } = message.value
      // 2025-03-26, lifecycle §Initialization: MUST NOT be part of a batch.
      if (method === 'initialize') return refused({ name: 'messageInvalid', reason: 'initialize stands alone', id })
      // Two requests with one id would get answers that nobody can tell apart.
      if (ids.has(id)) return refused({ name: 'messageInvalid', reason: 'an id is used twice in the batch', id })
      ids.add(id)
    }
    messages.push(message.value)
  }
  return ok(messages)
}

function readOne(value: JsonValue, revisionHeader: string | null): Result<JsonRpcMessage, Refusal> {
  const message = readMessage(value)
  if (!message.ok) return refused({ name: 'messageInvalid', ...message.refusal })
  const era = classifyEra(revisionHeader, message.value)
  if (era.kind === 'legacy') return message
  const id = message.value.kind === 'notification' ? null : message.value.id
  return refused({ name: 'revisionUnsupported', requested: era.requested, id })
}

function batchesAreAllowed(revisionHeader: string | null): boolean {
  if (revisionHeader === null) return allowsBatches(ASSUMED_REVISION)
  return isLegacyRevision(revisionHeader) && allowsBatches(revisionHeader)
}
