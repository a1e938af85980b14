import { uuidv7 } from '#core/random.ts'
import type { Result } from '#core/result.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendJson } from '#http/respond.ts'
import type { JsonObject, JsonRpcNotification, JsonRpcRequest } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { metaOf, SUBSCRIPTION_ID_META } from '#wire/mcp/meta.ts'
import { authorize, type ToolLookup } from '../authorization/authorize.ts'
import { textHolds } from '../inspection/find-credential.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import { inspectModernResult, type ModernAnswer } from '../inspection/inspect-modern-result.ts'
import { contextOf, describeEvent, describePermit, type RecordSubject } from '../record.ts'
import type { Refusal } from '../refusal.ts'
import { answerRefusal } from '../refusal-answer.ts'
import { respond } from '../respond.ts'
import type { Road } from '../road.ts'
import { refusalOfLoss } from '../upstream/loss.ts'
import type { ModernEnd } from '../upstream/modern.ts'
import type { Counterpart, UnderWay } from './counterpart.ts'
import { EventStream } from './event-stream.ts'
import { bothWant, isWanted, printFilter, readFilter, type SubscriptionFilter } from './subscription-filter.ts'

/** One `subscriptions/listen` that may go. */
export interface Listening {
  readonly exchange: HttpExchange
  readonly cleared: Cleared
  readonly request: JsonRpcRequest
  readonly counterpart: Counterpart
}

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged'
const RETRY_AFTER_SECONDS = 5
/** The longest a timer of the platform can wait; a token lives shorter. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Ends after which the client may listen again, and so is told that this stream is complete. */
const COMPLETING: ReadonlySet<string> = new Set([
  'completed',
  'tokenExpired',
  'grantRevoked',
  'permitWithdrawn',
  'serverChanged',
  'shutdown',
])

/**
 * Lets a client hear of changes for as long as its token stands: what it asked for, what the server said it would send, and what its
 * roles still allow at that moment. Both records are durable: the intent before the server is asked, the end before the stream closes.
 * Null once the exchange is answered; a refusal means that nothing was sent.
 */
export async function listen(listening: Listening, road: Road): Promise<Refusal | null> {
  const { cleared, request, counterpart } = listening
  const { principal } = cleared.permit.authenticated
  const { id } = request
  const asked = readFilter(request.params)
  if (!asked.ok) return { name: 'argumentsRefused', reason: asked.refusal, id }
  if (road.revocations.isRevoked(principal)) return { name: 'tokenInvalid', reason: 'revoked' }
  const busy: Refusal = { name: 'rateLimited', retryAfterSeconds: RETRY_AFTER_SECONDS, id }
  const leave = road.listeners.take(principal, counterpart.server.id)
  if (leave === null) return busy
  const begun = counterpart.begin(principal)
  if (!begun.ok) {
    leave()
    return busy
  }
  const underWay = begun.value
  const callId = uuidv7(road.random, road.clock.nowMs())
  try {
    await record(listening, callId, { activity: 'call.intent', outcome: 'unknown' }, road)
  } catch {
    leave()
    underWay.done()
    return { name: 'auditUnavailable' }
  }
  const stopWatching = watch(listening, underWay, road)
  const subscription = new Subscription(listening, asked.value, underWay, road)
  try {
    if (!(await isStillAllowed(cleared, request, road))) underWay.end('permitWithdrawn')
    const end = await run(listening, underWay, subscription, road)
    await settle(end, callId, listening, underWay, subscription, road)
  } finally {
    stopWatching()
    leave()
    underWay.done()
  }
  return null
}

/** Ends with the token, the roles that allow it, and whoever listens. A revoked grant ends all that is under way with it (`endpoint.ts`). */
function watch({ exchange, cleared, request, counterpart }: Listening, underWay: UnderWay, road: Road): () => void {
  const { principal } = cleared.permit.authenticated
  const { response } = exchange
  const leftMs = principal.expiresAt * 1000 - road.clock.nowMs()
  const expiry = setTimeout(() => underWay.end('tokenExpired'), Math.max(0, Math.min(leftMs, TIMER_MS_MAX)))
  const hangUp = () => underWay.end('cancelledByClient')
  const judge = async () => {
    if (!(await isStillAllowed(cleared, request, road))) underWay.end('permitWithdrawn')
  }
  const stopHeeding = [
    road.memberships.onChange((tenant, subject) => {
      const isOurs = tenant === null || tenant === principal.tenant
      if (isOurs && (subject === null || subject === principal.subject)) void judge()
    }),
    road.snapshots.onSwap(() => void judge()),
  ]
  if (response.destroyed) hangUp()
  response.once('close', hangUp)
  return () => {
    clearTimeout(expiry)
    for (const stop of stopHeeding) stop()
    response.off('close', hangUp)
    // Nobody says any more when they change.
    counterpart.forgetTools()
  }
}

async function run(
  listening: Listening,
  underWay: UnderWay,
  subscription: Subscription,
  road: Road,
): Promise<ModernEnd> {
  const { counterpart, cleared } = listening
  const late = setTimeout(() => {
    if (!subscription.isAcknowledged) underWay.end('notAcknowledged')
  }, counterpart.server.limits.callTimeoutSeconds * 1000)
  try {
    const upstream = await counterpart.upstream()
    if (!upstream.ok) return { kind: 'lost', reason: upstream.refusal.reason }
    const end = await upstream.value.send(cleared, {
      mirrored: [],
      signal: underWay.signal,
      timeoutMs: null,
      onNotification: (notification) => subscription.receive(notification),
    })
    if (end.kind === 'lost' && end.reason === 'notModern') road.counterparts.forgetEra(counterpart.server)
    return end
  } finally {
    clearTimeout(late)
  }
}

/** What the client sees of one listening upstream. */
class Subscription {
  readonly #listening: Listening
  readonly #asked: SubscriptionFilter
  readonly #underWay: UnderWay
  readonly #road: Road
  #filter: SubscriptionFilter | null = null
  #stream: EventStream | null = null

  constructor(listening: Listening, asked: SubscriptionFilter, underWay: UnderWay, road: Road) {
    this.#listening = listening
    this.#asked = asked
    this.#underWay = underWay
    this.#road = road
  }

  get isAcknowledged(): boolean {
    return this.#filter !== null
  }

  /** Resolves when the client has room for more. */
  async receive(notification: JsonRpcNotification): Promise<void> {
    const { counterpart, exchange } = this.#listening
    if (this.#underWay.endedBecause() !== null || exchange.response.destroyed) return
    const { method, params } = notification
    if (method === 'notifications/tools/list_changed') counterpart.forgetTools()
    // patterns/cancellation has servers end a subscription so; patterns/subscriptions has them answer it. Either is heard.
    if (method === 'notifications/cancelled') return this.#underWay.end('completed')
    if (this.#filter === null) {
      const granted = method === ACKNOWLEDGED ? readFilter(params) : null
      // "MUST send it first": what comes before says nothing about what was asked.
      if (granted === null || !granted.ok) return
      this.#filter = bothWant(this.#asked, granted.value)
      this.#stream = new EventStream(exchange.response, this.#road.limits)
      const shown = { ...params, notifications: printFilter(this.#filter) }
      return await this.#send({ ...notification.object, params: shown })
    }
    if (!isWanted(notification, this.#filter)) return
    const { cleared, request } = this.#listening
    if (!(await isStillAllowed(cleared, request, this.#road))) return this.#underWay.end('permitWithdrawn')
    await this.#send(notification.object)
  }

  /** The last word: a result under the client's id where the stream is complete, an error where it broke. */
  async finish(closing: JsonObject): Promise<void> {
    const { response } = this.#listening.exchange
    if (this.#stream === null || response.destroyed) return
    void this.#stream.send(printJson(closing))
    await this.#stream.end()
  }

  async #send(object: JsonObject): Promise<void> {
    const { request, counterpart } = this.#listening
    const text = printJson(tagged(object, request))
    if (textHolds(text, counterpart.credentialTexts)) {
      counterpart.log.warn('a message of an upstream held its own credential; dropped', { method: object['method'] })
    } else if (this.#underWay.endedBecause() === null) await this.#stream?.send(text)
  }
}

/** By the roles and the configuration of now: those of the beginning may be hours old. */
async function isStillAllowed(
  { permit: { authenticated, era } }: Cleared,
  request: JsonRpcRequest,
  { memberships, snapshots, clock }: Road,
): Promise<boolean> {
  const now = clock.nowSeconds()
  return (await authorize(authenticated, request, NO_TOOLS, snapshots.current(), memberships, era, now)).ok
}

const NO_TOOLS: ToolLookup = { classOf: async () => null }

/** Under the id by which the client listens; the one by which we do means nothing to it. */
function tagged(object: JsonObject, { id }: JsonRpcRequest): JsonObject {
  const params = isJsonObject(object['params']) ? object['params'] : {}
  return { ...object, params: { ...params, _meta: { ...metaOf(params), [SUBSCRIPTION_ID_META]: id } } }
}

async function settle(
  end: ModernEnd,
  callId: string,
  listening: Listening,
  underWay: UnderWay,
  subscription: Subscription,
  road: Road,
): Promise<void> {
  const { exchange, cleared, request } = listening
  const { head } = cleared.permit.authenticated
  const reason = reasonOf(end, underWay, subscription)
  const isComplete = subscription.isAcknowledged && COMPLETING.has(reason)
  const subject = { activity: 'call.outcome', outcome: isComplete ? 'success' : 'failed', reason } as const
  try {
    await record(listening, callId, subject, road)
  } catch (cause) {
    road.log.error('the end of a subscription could not be recorded', { requestId: exchange.requestId, cause })
  }
  const refusal = refusalOf(reason, request)
  if (!subscription.isAcknowledged) {
    if (exchange.response.destroyed) return
    if (reason === 'upstreamError' && end.kind === 'answered') answerError(end.object, listening)
    else respond(exchange, refusal, head.server, head.snapshot)
    return
  }
  const { body } = answerRefusal(refusal, exchange.requestId, head.server, head.snapshot)
  await subscription.finish(isComplete ? completing(end, listening) : { ...body, id: request.id })
}

/** The server does not do this, or not so: its error is told as that of any request. */
function answerError(object: JsonObject, listening: Listening): void {
  const { exchange, cleared, request } = listening
  const { head } = cleared.permit.authenticated
  const judged = judgeAnswer(object, listening)
  if (!judged.ok) respond(exchange, judged.refusal, head.server, head.snapshot)
  else sendJson(exchange.response, judged.value.status, { ...judged.value.object, id: request.id })
}

function judgeAnswer(object: JsonObject, { cleared, request, counterpart }: Listening): Result<ModernAnswer, Refusal> {
  const { head } = cleared.permit.authenticated
  return inspectModernResult(object, {
    method: request.method,
    id: request.id,
    server: head.server,
    snapshot: head.snapshot,
    roles: [],
    inventory: counterpart.tools(cleared.permit.decision.membership, head.snapshot.version),
    credentialTexts: counterpart.credentialTexts,
    clientCapabilities: {},
    hasAnswers: false,
    sealState: () => {
      throw new TypeError('listening has no rounds')
    },
  })
}

function reasonOf(end: ModernEnd, underWay: UnderWay, subscription: Subscription): string {
  const endedBecause = underWay.endedBecause()
  if (endedBecause !== null) return endedBecause
  switch (end.kind) {
    case 'answered':
      if (end.object['error'] !== undefined) return 'upstreamError'
      return subscription.isAcknowledged ? 'completed' : 'answerMissing'
    case 'lost':
      return end.reason === 'notModern' ? 'legacyOnly' : end.reason
    default:
      return end.kind
  }
}

/** For a client that has not been told anything yet, or whose stream broke. */
function refusalOf(reason: string, { id }: JsonRpcRequest): Refusal {
  switch (reason) {
    case 'tokenExpired':
      return { name: 'tokenInvalid', reason: 'expired' }
    case 'grantRevoked':
      return { name: 'tokenInvalid', reason: 'revoked' }
    case 'permitWithdrawn':
      return { name: 'roleForbids', id }
    case 'notAcknowledged':
      return { name: 'upstreamTimeout', id }
    default:
      return refusalOfLoss(reason, id)
  }
}

/** patterns/subscriptions: the server ends a subscription by answering its request. Where it did, what it said is passed on. */
function completing(end: ModernEnd, listening: Listening): JsonObject {
  const { id } = listening.request
  const judged = end.kind === 'answered' ? judgeAnswer(end.object, listening) : null
  const said = judged?.ok === true ? judged.value.object : null
  const result = isJsonObject(said?.['result']) ? said['result'] : { resultType: 'complete' }
  const tag = { ...metaOf(result), [SUBSCRIPTION_ID_META]: id }
  return { jsonrpc: '2.0', ...said, id, result: { ...result, _meta: tag } }
}

async function record(listening: Listening, callId: string, subject: RecordSubject, road: Road): Promise<void> {
  const { permit } = listening.cleared
  await road.audit.record(
    describeEvent(contextOf(permit.authenticated, null), { ...subject, ...describePermit(permit), callId }),
  )
}
