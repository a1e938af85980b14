import { uuidv7 } from '#core/random.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { Principal } from '#identity/principal.ts'
import type { JsonObject, JsonRpcRequest } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { ERROR_CODES } from '#wire/mcp/error-codes.ts'
import { CLIENT_CAPABILITIES_META, metaOf } from '#wire/mcp/meta.ts'
import type { MirroredParam } from '#wire/mcp/mirrored-headers.ts'
import { isPureRead, outcomeOf } from '../call-outcome.ts'
import { textHolds } from '../inspection/find-credential.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'
import { inspectModernResult } from '../inspection/inspect-modern-result.ts'
import type { ToolInventory } from '../inspection/tool-inventory.ts'
import { contextOf, describeEvent, describePermit, type RecordSubject } from '../record.ts'
import type { Refusal } from '../refusal.ts'
import { answerRefusal } from '../refusal-answer.ts'
import { respond } from '../respond.ts'
import type { Road } from '../road.ts'
import { refusalOfLoss } from '../upstream/loss.ts'
import type { ModernEnd } from '../upstream/modern.ts'
import type { Counterpart, UnderWay } from './counterpart.ts'
import { ModernReply } from './modern-reply.ts'
import type { Outcome } from './outcome.ts'
import type { Round } from './round.ts'

/** One request of the modern era that may go. */
export interface ModernCarriage {
  readonly exchange: HttpExchange
  readonly cleared: Cleared
  readonly request: JsonRpcRequest
  readonly counterpart: Counterpart
  readonly tools: ToolInventory
  readonly mirrored: readonly MirroredParam[]
  /** Where the request stands among the rounds of its kind: first, or an answer to questions. */
  readonly round: Round
}

/** While it runs: `signal` tells that nobody waits for it any more. */
type Running = ModernCarriage & { readonly signal: AbortSignal }

const RETRY_AFTER_SECONDS = 1

/**
 * Sends one cleared request to the upstream and brings its answer back. The intent is durable before anything is sent, the outcome before
 * an answer leaves. A client that hangs up has cancelled. Null once the exchange is answered; a refusal means that nothing was sent.
 */
export async function carryRequest(carriage: ModernCarriage, road: Road): Promise<Refusal | null> {
  const { exchange, cleared, request, counterpart } = carriage
  const { principal } = cleared.permit.authenticated
  // Looking up a tool takes time in which the caller may have been revoked; from the next step on, calls under way end with their grant.
  if (road.revocations.isRevoked(principal)) return { name: 'tokenInvalid', reason: 'revoked' }
  const begun = counterpart.begin(principal)
  if (!begun.ok) return { name: 'rateLimited', retryAfterSeconds: RETRY_AFTER_SECONDS, id: request.id }
  const underWay = begun.value
  // The place is held until the work is over and the answer is taken: answers that nobody reads would pile up beyond every bound.
  let isOver = false
  let isClosed = false
  const reply = new ModernReply({
    response: exchange.response,
    limits: road.limits,
    onGone: () => underWay.end('cancelledByClient'),
    onClosed: () => {
      isClosed = true
      if (isOver) underWay.done()
    },
  })
  const callId = uuidv7(road.random, road.clock.nowMs())
  try {
    // While writing fails, reads leave an intent too: otherwise the server would be asked for what nobody may be told.
    if (road.audit.isFailing() || !isPureRead(cleared.permit.toolClass)) {
      await record(carriage, callId, { activity: 'call.intent', outcome: 'unknown' }, road)
    }
    answer(await tell(carriage, callId, underWay, reply, road), carriage, reply)
    return null
  } catch {
    reply.discard()
    return { name: 'auditUnavailable' }
  } finally {
    isOver = true
    if (isClosed) underWay.done()
  }
}

/** Runs the request, or repeats what came of the same round. Rejects only where nothing was sent and that cannot be recorded. */
async function tell(
  carriage: ModernCarriage,
  callId: string,
  underWay: UnderWay,
  reply: ModernReply,
  road: Road,
): Promise<Outcome> {
  let ran = false
  const told = await carriage.round.tell(underWay.signal, (signal) => {
    ran = true
    return runAndRecord({ ...carriage, signal }, callId, underWay, reply, road)
  })
  const outcome: Outcome = told.ok
    ? told.value
    : { ...refusedAs(told.refusal, reasonOf(told.refusal)), outcome: 'failed' }
  // One outcome on record for every request, also for one that only heard of another's.
  if (!ran) {
    const reason = told.ok ? 'repeated' : outcome.reason
    await record(carriage, callId, { activity: 'call.outcome', outcome: outcome.outcome, reason }, road)
  }
  const because = underWay.endedBecause()
  return because === null ? outcome : ended(because, carriage)
}

/** The outcome is on record when this resolves; one that could not be written is not told. */
async function runAndRecord(
  carriage: Running,
  callId: string,
  underWay: UnderWay,
  reply: ModernReply,
  road: Road,
): Promise<Outcome> {
  const judged = await runAndJudge(carriage, underWay, reply, road)
  try {
    const { outcome, reason } = judged
    await record(carriage, callId, { activity: 'call.outcome', outcome, reason }, road)
    return judged
  } catch (cause) {
    const { requestId } = carriage.exchange
    road.log.error('the outcome of a call could not be recorded; its answer is withheld', { requestId, cause })
    return { kind: 'refused', refusal: { name: 'outcomeUnrecorded' }, outcome: 'unknown' }
  }
}

/** A bug of ours in judging must not swallow the outcome of something done. */
async function runAndJudge(carriage: Running, underWay: UnderWay, reply: ModernReply, road: Road): Promise<Outcome> {
  try {
    const end = await run(carriage, reply, road)
    return await judge(end, carriage, underWay, road)
  } catch (cause) {
    const { requestId } = carriage.exchange
    road.log.error('an answer could not be judged; it is withheld', { requestId, cause })
    const reason = 'notJudged'
    return {
      kind: 'refused',
      refusal: { name: 'resultRefused', reason, id: carriage.request.id },
      outcome: 'unknown',
      reason,
    }
  }
}

async function run(carriage: Running, reply: ModernReply, road: Road): Promise<ModernEnd> {
  const { counterpart, cleared, tools, mirrored, signal } = carriage
  const { tool, authenticated } = cleared.permit
  const upstream = await counterpart.upstream()
  if (!upstream.ok) return { kind: 'lost', reason: upstream.refusal.reason }
  const send = (repeated: readonly MirroredParam[]) =>
    upstream.value.send(cleared, {
      mirrored: repeated,
      signal,
      timeoutMs: authenticated.head.server.limits.callTimeoutSeconds * 1000,
      onNotification: async ({ object, method }) => {
        const text = printJson(object)
        if (textHolds(text, counterpart.credentialTexts)) {
          counterpart.log.warn('a message of an upstream held its own credential; dropped', { method })
        } else await reply.notify(text)
      },
    })
  const first = await send(mirrored)
  if (first.kind === 'lost' && first.reason === 'notModern') road.counterparts.forgetEra(counterpart.server)
  if (tool === null || first.kind !== 'answered' || !saysHeadersDiffer(first.object)) return first
  // Turned away before anything was done, because the tool wants other headers than we know of: look again, then once more.
  await tools.refresh()
  const now = tools.mirroredOf(tool)
  return now === null ? first : await send(now)
}

function saysHeadersDiffer({ error }: JsonObject): boolean {
  return isJsonObject(error) && error['code'] === ERROR_CODES.headerMismatch
}

async function judge(end: ModernEnd, carriage: Running, underWay: UnderWay, road: Road): Promise<Outcome> {
  const { cleared, request, tools, counterpart, round } = carriage
  const { id, method } = request
  // What several wait for ends when the last of them is gone; then nobody is told how.
  if (carriage.signal.aborted) return ended(underWay.endedBecause() ?? 'cancelledByClient', carriage)
  if (end.kind === 'cancelled') return { kind: 'nothing', outcome: 'unknown', reason: 'cancelled' }
  if (end.kind === 'timedOut') return refusedAs({ name: 'upstreamTimeout', id }, 'upstreamTimeout')
  if (end.kind === 'lost') {
    return refusedAs(refusalOfLoss(end.reason === 'notModern' ? 'legacyOnly' : end.reason, id), end.reason)
  }
  const { principal, head } = cleared.permit.authenticated
  const sent = cleared.object['params']
  const capabilities = metaOf(isJsonObject(sent) ? sent : null)?.[CLIENT_CAPABILITIES_META]
  const judged = inspectModernResult(end.object, {
    method,
    id,
    server: head.server,
    snapshot: head.snapshot,
    roles: method === 'tools/list' ? await liveRoles(principal, road) : [],
    inventory: tools,
    credentialTexts: counterpart.credentialTexts,
    clientCapabilities: isJsonObject(capabilities) ? capabilities : {},
    hasAnswers: round.hasAnswers,
    sealState: (upstreamState) => round.seal(upstreamState),
  })
  if (!judged.ok) {
    return refusedAs(judged.refusal, reasonOf(judged.refusal))
  }
  return { kind: 'answer', ...judged.value, ...outcomeOf(judged.value.object) }
}

/** Ended by the client, who hears nothing more, or from outside. */
function ended(reason: string, { request }: ModernCarriage): Outcome {
  if (reason === 'cancelledByClient') return { kind: 'nothing', outcome: 'unknown', reason }
  const refusal: Refusal =
    reason === 'grantRevoked'
      ? { name: 'tokenInvalid', reason: 'revoked' }
      : { name: 'upstreamUnavailable', reason, id: request.id }
  return refusedAs(refusal, reason)
}

function reasonOf(refusal: Refusal): string {
  return 'reason' in refusal ? refusal.reason : refusal.name
}

function refusedAs(refusal: Refusal, reason: string): Extract<Outcome, { kind: 'refused' }> {
  return { kind: 'refused', refusal, outcome: 'unknown', reason }
}

/** None when they cannot be read: then no tool is shown. */
async function liveRoles(principal: Principal, road: Road): Promise<readonly string[]> {
  try {
    return (await road.memberships.rolesOf(principal.tenant, principal.subject))?.roles ?? []
  } catch {
    return []
  }
}

/** Under the id of this very request, also where the outcome is that of an earlier one. */
function answer(told: Outcome, { exchange, cleared, request }: ModernCarriage, reply: ModernReply): void {
  const { head } = cleared.permit.authenticated
  if (told.kind === 'nothing') {
    reply.discard()
    // Who asks again for what nobody waited for finds nobody either; without a client there is nobody to answer.
    const refusal: Refusal = { name: 'upstreamUnavailable', reason: 'cancelled', id: request.id }
    if (!exchange.response.destroyed) respond(exchange, refusal, head.server, head.snapshot)
    return
  }
  if (told.kind === 'answer') {
    reply.answer(told.status, printJson({ ...told.object, id: request.id }))
    return
  }
  const refusal = 'id' in told.refusal ? { ...told.refusal, id: request.id } : told.refusal
  const { body } = answerRefusal(refusal, exchange.requestId, head.server, head.snapshot)
  reply.refuse(printJson({ ...body, id: request.id }), () => respond(exchange, refusal, head.server, head.snapshot))
}

async function record(carriage: ModernCarriage, callId: string, subject: RecordSubject, road: Road): Promise<void> {
  const { permit } = carriage.cleared
  await road.audit.record(
    describeEvent(contextOf(permit.authenticated, null), { ...subject, ...describePermit(permit), callId }),
  )
}
