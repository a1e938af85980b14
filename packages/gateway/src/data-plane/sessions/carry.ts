import { uuidv7 } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { sendEmpty } from '#http/respond.ts'
import type { Principal } from '#identity/principal.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isPureRead, outcomeOf } from '../call-outcome.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import { inspectResult } from '../inspection/inspect-result.ts'
import { contextOf, describeEvent, describePermit, type RecordSubject } from '../record.ts'
import type { Refusal } from '../refusal.ts'
import { answerRefusal } from '../refusal-answer.ts'
import { respond } from '../respond.ts'
import type { Road } from '../road.ts'
import type { Call, CallEnd } from '../upstream/link.ts'
import { refusalOfLoss } from '../upstream/loss.ts'
import { PostReply } from './post-reply.ts'
import type { CallContext } from './return-road.ts'
import type { Session } from './session.ts'

/** One POST whose messages may all go. */
export interface Carriage {
  readonly exchange: HttpExchange
  readonly cleared: readonly Cleared[]
  readonly isBatch: boolean
  readonly session: Session
}

interface Underway {
  readonly cleared: Cleared
  readonly call: Call<CallContext>
  readonly callId: string
}

const RETRY_AFTER_SECONDS = 1

/**
 * Sends cleared messages to the upstream and brings the answers back. Intents are durable before anything is sent, outcomes before an
 * answer leaves. Null once the exchange is answered; a refusal means that nothing was sent.
 */
export async function carry(carriage: Carriage, road: Road): Promise<Refusal | null> {
  const { exchange, cleared, session } = carriage
  const requests = cleared.filter(({ permit }) => permit.message.kind === 'request')
  // Looking up a tool takes time in which the caller may have been revoked; from the next step on, calls under way end with their grant.
  if (road.revocations.isRevoked(principalOf(carriage))) return { name: 'tokenInvalid', reason: 'revoked' }
  if (requests.length === 0) return await carryOneWay(carriage)
  const reply = new PostReply({
    response: exchange.response,
    streams: session.streams,
    principal: principalOf(carriage),
    requests: requests.length,
    isBatch: carriage.isBatch,
    opensAfterMs: road.limits.streamOpensAfterMs,
    stallMs: road.limits.stallMs,
  })
  const begun = beginAll(requests, session, reply, road)
  if (!begun.ok) {
    reply.discard()
    return begun.refusal
  }
  const giveUp = (refusal: Refusal) => {
    for (const { call } of begun.value) session.link.abandon(call)
    reply.discard()
    return refusal
  }
  const intents = await recordIntents(carriage, begun.value, road)
  if (!intents.isComplete) {
    await recordNotSent(carriage, intents.recorded, road)
    return giveUp({ name: 'auditUnavailable' })
  }
  for (const one of cleared) {
    if (one.permit.message.kind === 'request') continue
    const refusal = await carryMessage(one, session)
    if (refusal === null) continue
    await recordNotSent(carriage, intents.recorded, road)
    return giveUp(refusal)
  }
  const [only, ...others] = begun.value
  if (only !== undefined && others.length === 0) await carryCall(carriage, only, reply, road)
  else await Promise.all(begun.value.map((one) => carryCall(carriage, one, reply, road)))
  return null
}

/** Of this very request: the session may have been used by another token since. */
function principalOf({ cleared, session }: Carriage): Principal {
  return cleared[0]?.permit.authenticated.principal ?? session.principal
}

async function carryOneWay({ exchange, session, cleared }: Carriage): Promise<Refusal | null> {
  for (const one of cleared) {
    const refusal = await carryMessage(one, session)
    if (refusal !== null) return refusal
  }
  sendEmpty(exchange.response, 202)
  return null
}

/** Notifications, and answers to the server's questions. */
async function carryMessage(cleared: Cleared, session: Session): Promise<Refusal | null> {
  const { message } = cleared.permit
  const { link, returnRoad } = session
  if (message.kind === 'response') return await returnRoad.answer(cleared, message)
  if (message.kind === 'request') return null
  if (message.method === 'notifications/cancelled') {
    // Too late or never there: the specification lets both be ignored.
    await link.cancel(cleared, message.params?.['requestId'])
    return null
  }
  const object =
    message.method === 'notifications/progress'
      ? returnRoad.clientProgress(cleared.object, message.params?.['progressToken'])
      : cleared.object
  if (object === null) return null
  const told = await link.tell(cleared, object)
  return told.ok ? null : { name: 'upstreamUnavailable', reason: told.refusal.reason, id: null }
}

function beginAll(
  requests: readonly Cleared[],
  session: Session,
  reply: PostReply,
  road: Road,
): Result<readonly Underway[], Refusal> {
  const begun: Underway[] = []
  for (const cleared of requests) {
    const { message } = cleared.permit
    if (message.kind !== 'request') continue
    const { principal } = cleared.permit.authenticated
    const call = session.link.begin(message.id, message.params, { reply, principal })
    if (!call.ok) {
      for (const other of begun) session.link.abandon(other.call)
      return refused(
        call.refusal === 'idInUse'
          ? { name: 'messageInvalid', reason: 'a request with this id is under way', id: message.id }
          : { name: 'rateLimited', retryAfterSeconds: RETRY_AFTER_SECONDS, id: message.id },
      )
    }
    begun.push({ cleared, call: call.value, callId: uuidv7(road.random, road.clock.nowMs()) })
  }
  return ok(begun)
}

interface Intents {
  readonly isComplete: boolean
  readonly recorded: readonly Underway[]
}

/**
 * Every call that is not a pure read leaves a durable trace before it leaves. While writing fails, reads do so too: otherwise the server
 * would be asked for what nobody may be told.
 */
async function recordIntents(carriage: Carriage, begun: readonly Underway[], road: Road): Promise<Intents> {
  const acting = road.audit.isFailing() ? begun : begun.filter(({ cleared }) => !isPureRead(cleared.permit.toolClass))
  if (acting.length === 0) return { isComplete: true, recorded: [] }
  const records = acting.map((one) => record(carriage, one, { activity: 'call.intent', outcome: 'unknown' }, road))
  const done = await Promise.allSettled(records)
  const recorded = acting.filter((_, index) => done[index]?.status === 'fulfilled')
  return { isComplete: recorded.length === acting.length, recorded }
}

/** An intent whose call is not sent after all has an outcome too. One that cannot be written now is written later, by the trail. */
async function recordNotSent(carriage: Carriage, recorded: readonly Underway[], road: Road): Promise<void> {
  const outcome = { activity: 'call.outcome', outcome: 'failed', reason: 'notSent' } as const
  await Promise.allSettled(recorded.map((one) => record(carriage, one, outcome, road)))
}

async function carryCall(carriage: Carriage, one: Underway, reply: PostReply, road: Road): Promise<void> {
  const { exchange, session } = carriage
  const end = await session.link.run(one.call, one.cleared)
  session.touch(road.clock.nowMs())
  const judged = await judgeOrRefuse(end, one, carriage, road)
  try {
    await record(carriage, one, { activity: 'call.outcome', outcome: judged.outcome, reason: judged.reason }, road)
  } catch (cause) {
    road.log.error('the outcome of a call could not be recorded; its answer is withheld', {
      requestId: exchange.requestId,
      cause,
    })
    answerWith({ name: 'outcomeUnrecorded' }, carriage, one, reply)
    return
  }
  if (judged.kind === 'nothing') reply.withoutAnswer()
  else if (judged.kind === 'refused') answerWith(judged.refusal, carriage, one, reply)
  else reply.answer(judged.text, substituteFor(carriage, one))
}

type Judged = { readonly outcome: 'success' | 'failed' | 'unknown'; readonly reason?: string } & (
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'nothing' }
)

/** A bug of ours in judging must not swallow the outcome of something done. */
async function judgeOrRefuse(end: CallEnd, one: Underway, carriage: Carriage, road: Road): Promise<Judged> {
  try {
    return await judge(end, one, carriage.session, road)
  } catch (cause) {
    road.log.error('an answer could not be judged; it is withheld', { requestId: carriage.exchange.requestId, cause })
    const reason = 'notJudged'
    const { message } = one.cleared.permit
    const id = message.kind === 'request' ? message.id : null
    return { kind: 'refused', refusal: { name: 'resultRefused', reason, id }, outcome: 'unknown', reason }
  }
}

async function judge(end: CallEnd, one: Underway, session: Session, road: Road): Promise<Judged> {
  const { permit } = one.cleared
  const { message } = permit
  if (message.kind !== 'request') throw new Error('only requests have answers')
  const { id, method } = message
  if (end.kind === 'cancelled') return { kind: 'nothing', outcome: 'unknown', reason: 'cancelledByClient' }
  if (end.kind === 'timedOut') {
    return { kind: 'refused', refusal: { name: 'upstreamTimeout', id }, outcome: 'unknown', reason: 'upstreamTimeout' }
  }
  if (end.kind === 'lost') {
    const { reason } = end
    return { kind: 'refused', refusal: refusalOfLoss(reason, id), outcome: 'unknown', reason }
  }
  const { principal, head } = permit.authenticated
  const roles = method === 'tools/list' ? await liveRoles(principal, road) : []
  const text = inspectResult(end.object, {
    method,
    id,
    server: head.server,
    snapshot: head.snapshot,
    roles,
    inventory: session.inventory,
    credentialTexts: session.credentialTexts,
  })
  if (!text.ok) {
    const reason = 'reason' in text.refusal ? text.refusal.reason : text.refusal.name
    return { kind: 'refused', refusal: text.refusal, outcome: 'unknown', reason }
  }
  return { kind: 'answer', text: text.value, ...outcomeOf(end.object) }
}

/** None when they cannot be read: then no tool is shown. */
async function liveRoles(principal: Principal, road: Road): Promise<readonly string[]> {
  try {
    return (await road.memberships.rolesOf(principal.tenant, principal.subject))?.roles ?? []
  } catch {
    return []
  }
}

function answerWith(refusal: Refusal, { exchange }: Carriage, one: Underway, reply: PostReply): void {
  const { head } = one.cleared.permit.authenticated
  reply.answer(printed(refusal, exchange, one), null, () => respond(exchange, refusal, head.server, head.snapshot))
}

/** Kept for resumption where the answer is too large to be kept. */
function substituteFor({ exchange }: Carriage, one: Underway): string {
  return printed({ name: 'resultRefused', reason: 'tooLargeToKeep', id: null }, exchange, one)
}

/** As a message among others: under the id of its request, whatever the refusal is about. */
function printed(refusal: Refusal, exchange: HttpExchange, one: Underway): string {
  const { head } = one.cleared.permit.authenticated
  const { body } = answerRefusal(refusal, exchange.requestId, head.server, head.snapshot)
  return printJson({ ...body, id: one.call.entry.originalId })
}

async function record(carriage: Carriage, one: Underway, subject: RecordSubject, road: Road): Promise<void> {
  await road.audit.record(
    describeEvent(contextOf(one.cleared.permit.authenticated, carriage.session.recordId), {
      ...subject,
      ...describePermit(one.cleared.permit),
      callId: one.callId,
    }),
  )
}
