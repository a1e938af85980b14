import { createHash } from 'node:crypto'
import { ok, type Result, refused } from '#core/result.ts'
import type { Sealer } from '#keys/sealer.ts'

/** Longest time a person may take to answer what a server asks. */
const LIFE_SECONDS = 600

/** The one request of the one caller that a state belongs to. */
export interface RequestStateBinding {
  readonly tenant: string
  readonly subject: string
  readonly clientId: string
  readonly server: string
  readonly method: string
  /** Of the tool, prompt or resource. */
  readonly name: string | null
  /** From `digestArguments`. */
  readonly argumentDigest: string
}

export interface OpenedRequestState {
  /** What the upstream gave us, byte for byte; null where it asked without a state. */
  readonly upstreamState: string | null
  /** Names this state, whoever holds it; not secret. */
  readonly parkedId: string
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/**
 * The `requestState` that a client gets instead of the upstream's: encrypted, so that it tells nothing of what is behind us, and bound to
 * who asked for what, because clients pass it through the hands of others (2026-07-28, patterns/mrtr §Security Considerations).
 * Good for 10 minutes.
 */
export function sealRequestState(
  sealer: Sealer,
  upstreamState: string | null,
  binding: RequestStateBinding,
  nowSeconds: number,
): string {
  const text = JSON.stringify([nowSeconds + LIFE_SECONDS, upstreamState])
  return Buffer.from(sealer.seal(Buffer.from(text), placeOf(binding))).toString('base64url')
}

/**
 * Opens what `sealRequestState` made for this binding. The reason is for the audit record: callers get one sentence for all.
 * `notForThisRequest` covers tampering and every other binding; they cannot be told apart.
 */
export function openRequestState(
  sealer: Sealer,
  text: string,
  binding: RequestStateBinding,
  nowSeconds: number,
): Result<OpenedRequestState, 'malformed' | 'notForThisRequest' | 'expired'> {
  const sealed = Buffer.from(text, 'base64url')
  // The decoder skips what it does not know and takes spare bits: one state would have many spellings.
  if (sealed.length === 0 || sealed.toString('base64url') !== text) return refused('malformed')
  let plain: Uint8Array
  try {
    plain = sealer.open(sealed, placeOf(binding))
  } catch {
    return refused('notForThisRequest')
  }
  // Only `sealRequestState` seals for this place.
  const [expiresAt, upstreamState] = JSON.parse(Buffer.from(plain).toString()) as [number, string | null]
  if (nowSeconds >= expiresAt) return refused('expired')
  // Every sealing has a nonce of its own, so equal bytes are the same state.
  return ok({ upstreamState, parkedId: createHash('sha256').update(sealed).digest('base64url'), expiresAt })
}

/** JSON, so that no member can run into its neighbour. */
function placeOf({ tenant, subject, clientId, server, method, name, argumentDigest }: RequestStateBinding): string {
  return `${tenant}|request-state|${JSON.stringify([subject, clientId, server, method, name, argumentDigest])}`
}
