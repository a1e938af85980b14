import type { Log } from '#core/log.ts'
import type { Principal } from '#identity/principal.ts'
import type {
  JsonObject,
  JsonRpcMessage,
  JsonRpcNotification,
  JsonRpcRequest,
  JsonRpcResponse,
  JsonValue,
  MessageId,
} from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { FloodGate } from '../flood-gate.ts'
import { textHolds } from '../inspection/find-credential.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import type { DataPlaneLimits } from '../limits.ts'
import type { Refusal } from '../refusal.ts'
import { type PendingEntry, PendingTable, progressTokenOf, withOurIds, withParam } from '../upstream/correlation.ts'
import type { Link } from '../upstream/link.ts'
import { clientTakes } from './capabilities.ts'
import type { PostReply } from './post-reply.ts'
import type { SessionStreams } from './streams/session-streams.ts'

/** What the session keeps of a client's call while it is under way. */
export interface CallContext {
  readonly reply: PostReply
  /** Who called: in one session calls under several grants of the same subject and client may be under way. */
  readonly principal: Principal
}

/** A request of the server that waits for the client's answer. */
export interface Question {
  readonly method: string
  readonly callId: string
  readonly reply: PostReply | null
  readonly timer: NodeJS.Timeout
}

/** The audit side of the return road; rejects when the record could not be written, and then nothing crosses. */
export interface QuestionRecords {
  newCallId(): string
  asked(method: string, callId: string): Promise<void>
  ended(
    method: string,
    callId: string,
    outcome: 'success' | 'refused' | 'failed' | 'unknown',
    reason?: string,
  ): Promise<void>
}

export interface ReturnRoadOptions {
  readonly capabilities: JsonObject
  readonly streams: SessionStreams
  readonly limits: DataPlaneLimits
  /** Texts of the upstream's credential; a message that holds one does not pass. */
  readonly credentialTexts: readonly string[]
  readonly records: QuestionRecords
  readonly log: Log
  readonly monotonicMs: () => number
  /** Called before `tools/list_changed` passes on: what was known about the tools is void. */
  readonly onToolsChanged: () => void
}

const METHOD_NOT_FOUND = -32601
const INTERNAL_ERROR = -32603

/** Notifications that belong to no call, whatever else is under way. */
const UNRELATED = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/elicitation/complete',
])

/**
 * Everything the server says on its own: declared capability, pending id, inspection, audit, and then exactly one stream.
 * What is not listed here does not pass.
 */
export class ReturnRoad {
  readonly #options: ReturnRoadOptions
  readonly #questions: PendingTable<Question>
  readonly #flood: FloodGate
  /** Answers of our own that the upstream has not taken yet. */
  #answering = 0
  /** Rises when the upstream that asked is gone, so that a question which is just being recorded is not asked for it any more. */
  #era = 0
  #link: Link<CallContext> | null = null

  constructor(options: ReturnRoadOptions) {
    this.#options = options
    this.#questions = new PendingTable(options.limits.serverRequestsMax)
    this.#flood = new FloodGate(options.limits.serverRequestsPerMinuteMax, options.monotonicMs)
  }

  /** Link and road know each other; the link is made second. */
  join(link: Link<CallContext>): void {
    this.#link = link
  }

  get questionsOpen(): number {
    return this.#questions.size
  }

  receive(message: JsonRpcMessage, related: CallContext | null): void {
    const { credentialTexts, log } = this.#options
    if (message.kind === 'response') return
    if (textHolds(printJson(message.object), credentialTexts)) {
      log.warn('a message of an upstream held its own credential; dropped', { method: message.method })
      if (message.kind === 'request') this.#refuse(message, INTERNAL_ERROR, 'The message was refused.')
      return
    }
    if (message.kind === 'request') void this.#ask(message, related)
    else this.#notify(message, related)
  }

  /**
   * The client answers a question. Only an open one can be answered, once; its end is recorded before the answer goes on under the
   * server's own id. Null when it went.
   */
  async answer(cleared: Cleared, response: JsonRpcResponse): Promise<Refusal | null> {
    const entry = this.#questions.byOurId(response.id ?? undefined)
    if (entry === null) return { name: 'messageInvalid', reason: 'no request with this id is open', id: null }
    this.#take(entry)
    const { method, callId } = entry.value
    try {
      await this.#options.records.ended(method, callId, response.isError ? 'failed' : 'success')
    } catch {
      this.#answerError(entry.originalId, INTERNAL_ERROR, 'The answer cannot be taken at the moment.')
      return { name: 'auditUnavailable' }
    }
    const told = await this.#link?.tell(cleared, { ...cleared.object, id: entry.originalId })
    if (told === undefined || told.ok) return null
    return { name: 'upstreamUnavailable', reason: told.refusal.reason, id: null }
  }

  /** Progress of the client on a question of the server, under the server's own token. Null: no such question. */
  clientProgress(object: JsonObject, token: JsonValue | undefined): JsonObject | null {
    const entry = this.#questions.byOurId(token)
    return entry?.progressToken == null ? null : withParam(object, 'progressToken', entry.progressToken)
  }

  /** The upstream that asked is gone: the client need not answer any more. */
  dropQuestions(reason: string): void {
    this.#era += 1
    for (const entry of this.#questions.entries()) {
      this.#take(entry)
      this.#tellCancelled(entry, 'the server ended the request')
      this.#recordEnd(entry.value, 'unknown', reason)
    }
  }

  async #ask(request: JsonRpcRequest, related: CallContext | null): Promise<void> {
    const { capabilities, limits, records } = this.#options
    // Liveness of this hop, so it is ours to answer.
    if (request.method === 'ping') {
      this.#answerOurselves({ jsonrpc: '2.0', id: request.id, result: {} })
      return
    }
    const callId = records.newCallId()
    const flood = this.#flood.pass()
    if (flood !== 'passes') {
      this.#refuse(request, INTERNAL_ERROR, 'Too many requests.')
      // One record for all of a minute, so that an upstream cannot fill the disk.
      if (flood === 'firstBeyond') {
        await records.ended(request.method, callId, 'refused', 'serverRequestFlood').catch(() => {})
      }
      return
    }
    const era = this.#era
    if (!clientTakes(capabilities, request.method, request.params)) {
      this.#refuse(request, METHOD_NOT_FOUND, 'Method not found')
      await records.ended(request.method, callId, 'refused', 'capabilityNotDeclared').catch(() => {})
      return
    }
    try {
      await records.asked(request.method, callId)
    } catch {
      this.#refuse(request, INTERNAL_ERROR, 'The request cannot be taken at the moment.')
      return
    }
    if (era !== this.#era) {
      await records.ended(request.method, callId, 'unknown', 'serverGone').catch(() => {})
      return
    }
    const context = this.#streamFor(related, true)
    const timer = setTimeout(() => this.#expire(request), limits.serverRequestMs)
    const opened = this.#questions.open(request.id, progressTokenOf(request.params), {
      method: request.method,
      callId,
      reply: context?.reply ?? null,
      timer,
    })
    if (!opened.ok) {
      clearTimeout(timer)
      this.#refuse(request, INTERNAL_ERROR, 'Too many requests are open.')
      await records.ended(request.method, callId, 'refused', opened.refusal).catch(() => {})
      return
    }
    this.#deliver(printJson(withOurIds(request.object, opened.value)), context?.reply ?? null)
  }

  #notify(notification: JsonRpcNotification, related: CallContext | null): void {
    const { method, object, params } = notification
    if (method === 'notifications/progress') {
      const call = this.#link?.callByProgressToken(params?.['progressToken']) ?? null
      if (call === null || call.progressToken === null) return
      const context = call.value.context
      if (context === null) return
      this.#deliver(printJson(withParam(object, 'progressToken', call.progressToken)), context.reply)
      return
    }
    if (method === 'notifications/cancelled') {
      const entry = this.#questions.byOriginalId(params?.['requestId'])
      if (entry === null) return
      this.#take(entry)
      const text = printJson(withParam(object, 'requestId', entry.ourId))
      this.#deliver(text, entry.value.reply)
      this.#recordEnd(entry.value, 'unknown', 'cancelledByServer')
      return
    }
    if (method === 'notifications/tools/list_changed') this.#options.onToolsChanged()
    if (UNRELATED.has(method)) this.#deliver(printJson(object), related?.reply ?? null)
    else if (method === 'notifications/message') {
      this.#deliver(printJson(object), this.#streamFor(related, false)?.reply ?? null)
    }
  }

  /**
   * Over stdio nothing says which call a message belongs to. One call under way: that one. A question must reach somebody, so with
   * several calls and nobody listening it goes on the newest call's stream.
   */
  #streamFor(related: CallContext | null, isQuestion: boolean): CallContext | null {
    if (related !== null) return related
    const calls = this.#link?.contexts() ?? []
    const hasListener = this.#options.streams.hasListener()
    if (calls.length === 1 && (isQuestion || !hasListener)) return calls[0] ?? null
    return hasListener || !isQuestion ? null : (calls.at(-1) ?? null)
  }

  #deliver(text: string, reply: PostReply | null): void {
    if (reply?.related(text)) return
    this.#options.streams.sendUnrelated(text)
  }

  /** Takes the question off the table. */
  #take(entry: PendingEntry<Question>): void {
    clearTimeout(entry.value.timer)
    this.#questions.close(entry)
  }

  #refuse(request: JsonRpcRequest, code: number, message: string): void {
    this.#answerError(request.id, code, message)
  }

  #answerError(id: MessageId, code: number, message: string): void {
    this.#answerOurselves({ jsonrpc: '2.0', id, error: { code, message } })
  }

  /** An upstream that asks without reading what it is told gets no more answers than these: they would pile up here. */
  #answerOurselves(object: JsonObject): void {
    if (this.#link === null) return
    if (this.#answering >= this.#options.limits.serverRequestsMax) {
      this.#options.log.warn('an upstream asks faster than it reads the answers; not answered')
      return
    }
    this.#answering += 1
    void this.#link.answerOurselves(object).finally(() => {
      this.#answering -= 1
    })
  }

  #expire(request: JsonRpcRequest): void {
    const entry = this.#questions.byOriginalId(request.id)
    if (entry === null) return
    this.#take(entry)
    this.#refuse(request, INTERNAL_ERROR, 'The client did not answer in time.')
    this.#tellCancelled(entry, 'timed out')
    this.#recordEnd(entry.value, 'failed', 'clientTimedOut')
  }

  #tellCancelled(entry: PendingEntry<Question>, reason: string): void {
    const params = { requestId: entry.ourId, reason }
    const text = printJson({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
    this.#deliver(text, entry.value.reply)
  }

  #recordEnd(question: Question, outcome: 'failed' | 'unknown', reason: string): void {
    this.#options.records.ended(question.method, question.callId, outcome, reason).catch((cause: unknown) => {
      this.#options.log.error('the end of a server request could not be recorded', { cause })
    })
  }
}
