import { ok, type Result, refused } from '#core/result.ts'
import type { JsonRpcRequest, JsonValue } from '#wire/jsonrpc/message.ts'
import { isJsonObject, memberOf } from '#wire/jsonrpc/raw-json.ts'
import { nameSource } from '#wire/mcp/mirrored-headers.ts'
import { mayNeedInput } from '#wire/mcp/modern-methods.ts'
import type { Authenticated } from '../authentication/authenticate.ts'
import type { Refusal } from '../refusal.ts'
import type { Road } from '../road.ts'
import { digestArguments, digestJson } from './argument-digest.ts'
import type { Outcome } from './outcome.ts'
import { openRequestState, type RequestStateBinding, sealRequestState } from './request-state.ts'

/** Where a request stands in a multi round-trip: asked for the first time, or with answers to the server's questions. */
export interface Round {
  readonly hasAnswers: boolean
  /** The upstream's own state, to be sent on; null: it gave none; undefined: the client brought none. */
  readonly upstreamState: string | null | undefined
  /** Binds what the upstream wants to find again to this caller and request. */
  seal(upstreamState: string | null): string
  /** Runs the request, or where this very round ran before or is running, gives what comes of that. */
  tell(signal: AbortSignal, run: (signal: AbortSignal) => Promise<Outcome>): Promise<Result<Outcome, Refusal>>
}

const RETRY_AFTER_SECONDS = 1

/**
 * Reads `requestState` and `inputResponses`, which are in the hands of the client between the rounds and so of whoever it is
 * (2026-07-28, patterns/mrtr §Security Considerations). Every round of ours has a state. Answers without one continue nothing: they go
 * on as what this caller says unasked in a request of its own, with no state of anybody, and it runs each time that it is sent.
 */
export function openRound(
  { principal, head }: Authenticated,
  { method, params, id }: JsonRpcRequest,
  { sealer, clock, parked }: Pick<Road, 'sealer' | 'clock' | 'parked'>,
): Result<Round, Refusal> {
  const refuse = (reason: string) => refused<Refusal>({ name: 'requestStateRefused', reason, id })
  const state = params === null ? undefined : memberOf(params, 'requestState')
  const answers = params === null ? undefined : memberOf(params, 'inputResponses')
  const source = nameSource(method)
  const name = source === null || params === null ? undefined : memberOf(params, source)
  const { tenant, subject, clientId } = principal
  const binding: RequestStateBinding = {
    tenant,
    subject,
    clientId,
    server: head.server.id,
    method,
    name: typeof name === 'string' ? name : null,
    argumentDigest: digestArguments(method, params),
  }
  const seal = (upstreamState: string | null) => sealRequestState(sealer, upstreamState, binding, clock.nowSeconds())
  const hasAnswers = state !== undefined || answers !== undefined
  if (hasAnswers && !mayNeedInput(method)) return refuse('notAllowedHere')
  if (answers !== undefined && !areAnswers(answers)) {
    return refused({ name: 'argumentsRefused', reason: '"inputResponses" must be an object of objects', id })
  }
  if (state === undefined) {
    const tell: Round['tell'] = async (signal, run) => ok(await run(signal))
    return ok({ hasAnswers, upstreamState: undefined, seal, tell })
  }
  if (typeof state !== 'string') return refuse('malformed')
  const opened = openRequestState(sealer, state, binding, clock.nowSeconds())
  if (!opened.ok) return refuse(opened.refusal)
  const { upstreamState, parkedId, expiresAt } = opened.value
  const key = {
    // Whatever clients they register; the state itself opens for its own client only.
    owner: JSON.stringify([tenant, subject]),
    argumentDigest: binding.argumentDigest,
    parkedId,
    answersDigest: digestJson(answers ?? null),
    expiresAt,
  }
  const tell: Round['tell'] = async (signal, run) => {
    const told = await parked.once(key, signal, run)
    if (told.ok) return told
    return told.refusal === 'spent'
      ? refuse('spent')
      : refused({ name: 'rateLimited', retryAfterSeconds: RETRY_AFTER_SECONDS, id })
  }
  return ok({ hasAnswers, upstreamState, seal, tell })
}

/** Each is the client's result for one question (2026-07-28, patterns/mrtr §InputResponses). */
function areAnswers(answers: JsonValue): boolean {
  return isJsonObject(answers) && Object.values(answers).every((answer) => isJsonObject(answer))
}
