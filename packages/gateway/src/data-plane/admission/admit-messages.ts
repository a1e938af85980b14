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
import { modernProblem } from './admit-modern.ts'
import type { RequestHead } from './request-head.ts'

/** More than clients have been seen to batch; each message is a call of its own. */
const BATCH_MESSAGES_MAX = 50

export type MessageEra = 'legacy' | 'modern'

export interface AdmittedMessages {
  readonly messages: readonly JsonRpcMessage[]
  readonly isBatch: boolean
  readonly era: MessageEra
}

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
  /** By whose rules the messages are read; a modern envelope holds exactly one, and its headers agree with it. */
  readonly era: MessageEra

  constructor(authenticated: Authenticated, admitted: AdmittedMessages) {
    this.authenticated = authenticated
    this.messages = admitted.messages
    this.isBatch = admitted.isBatch
    this.era = admitted.era
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
  const messages = readMessages(parsed.value, head)
  return messages.ok ? ok(new AdmittedEnvelope(authenticated, messages.value)) : messages
}

/** Pure: one message of either era, or a batch where the revision has them. */
export function readMessages(
  value: JsonValue,
  head: Pick<RequestHead, 'revisionHeader' | 'mirror'>,
): Result<AdmittedMessages, Refusal> {
  const { revisionHeader } = head
  if (!Array.isArray(value)) {
    const message = readMessage(value)
    if (!message.ok) return refused({ name: 'messageInvalid', ...message.refusal })
    const era = classifyEra(revisionHeader, message.value)
    const problem = era.kind === 'legacy' ? null : modernProblem(message.value, era, head)
    return problem === null ? ok({ messages: [message.value], isBatch: false, era: era.kind }) : refused(problem)
  }
  if (!batchesAreAllowed(revisionHeader)) return refused({ name: 'batchNotAllowed' })
  if (value.length === 0 || value.length > BATCH_MESSAGES_MAX) {
    return refused({ name: 'messageInvalid', reason: `a batch has 1 to ${BATCH_MESSAGES_MAX} messages`, id: null })
  }
  const messages: JsonRpcMessage[] = []
  const ids = new Set<string | number>()
  for (const item of value) {
    const message = readMessage(item)
    if (!message.ok) return refused({ name: 'messageInvalid', ...message.refusal })
    // 2025-06-18 did away with batches, so nothing modern can be in one.
    if (classifyEra(revisionHeader, message.value).kind === 'modern') return refused({ name: 'batchNotAllowed' })
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
  return ok({ messages, isBatch: true, era: 'legacy' })
}

function batchesAreAllowed(revisionHeader: string | null): boolean {
  if (revisionHeader === null) return allowsBatches(ASSUMED_REVISION)
  return isLegacyRevision(revisionHeader) && allowsBatches(revisionHeader)
}
