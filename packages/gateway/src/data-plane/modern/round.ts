import { ok, type Result, refused } from '#core/result.ts'
import type { JsonRpcRequest } from '#wire/jsonrpc/message.ts'
import { memberOf } from '#wire/jsonrpc/raw-json.ts'
import { nameSource } from '#wire/mcp/mirrored-headers.ts'
import { mayNeedInput } from '#wire/mcp/modern-methods.ts'
import type { Authenticated } from '../authentication/authenticate.ts'
import type { Refusal } from '../refusal.ts'
import type { Road } from '../road.ts'
import { digestArguments, digestJson } from './argument-digest.ts'
import type { Outcome } from './outcome.ts'
import { openRequestState, type RequestStateBinding, sealRequestState } from './request-state.ts'

/** Where a request stands in a multi round-trip: asked for the first time, or again with the answers to the server's questions. */
export interface Round {
  readonly isRetry: boolean
  /** The upstream's own state, to be sent on; null: it gave none; undefined: this is the first round. */
  readonly upstreamState: string | null | undefined
  /** Binds what the upstream wants to find again to this caller and request. */
  seal(upstreamState: string | null): string
  /** Runs the request, or where this very round ran before or is running, gives what comes of that. */
  tell(signal: AbortSignal, run: (signal: AbortSignal) => Promise<Outcome>): Promise<Result<Outcome, Refusal>>
}

const RETRY_AFTER_SECONDS = 1

/**
 * Reads `requestState` and `inputResponses`, which are in the hands of the client between the rounds and so of whoever it is
 * (2026-07-28, patterns/mrtr §Security Considerations). Every round of ours has a state, so answers without one belong to nothing.
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
  if (state === undefined && answers === undefined) {
    const tell: Round['tell'] = async (signal, run) => ok(await run(signal))
    return ok({ isRetry: false, upstreamState: undefined, seal, tell })
  }
  if (!mayNeedInput(method)) return refuse('notAllowedHere')
  if (typeof state !== 'string') return refuse('missing')
  const opened = openRequestState(sealer, state, binding, clock.nowSeconds())
  if (!opened.ok) return refuse(opened.refusal)
  const { upstreamState, parkedId, expiresAt } = opened.value
  const key = {
    owner: JSON.stringify([tenant, subject, clientId]),
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
  return ok({ isRetry: true, upstreamState, seal, tell })
}
