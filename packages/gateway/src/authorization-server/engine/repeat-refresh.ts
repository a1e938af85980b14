import type { Context } from 'oidc-provider'
import { asGrantId, type GrantId } from '#core/ids.ts'
import type { EngineOperation } from '#store/ports/engine.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { openReply, sealReply } from '../refresh/reply-seal.ts'
import type { UnitOfWork } from './unit-of-work.ts'

/**
 * For so long a refresh token that was used may be used again by the same client, for the same answer: an answer is lost on its way, a
 * process is killed with it, or two processes of one client share a stored token.
 */
const REPEAT_SECONDS = 20
const JSON_DEPTH_MAX = 4

/** What a used refresh token gives whoever shows it again. */
export type Repeat =
  | {
      readonly kind: 'answer'
      readonly grantId: GrantId
      readonly body: Readonly<Record<string, unknown>>
      readonly operations: readonly EngineOperation[]
    }
  /** Nobody's to have, and no sign of a thief: what it gave is used already, or the sender is not proven as it was then. */
  | { readonly kind: 'refused'; readonly reason: 'refreshTokenOvertaken' | 'proofKeyMismatch' | 'certificateMismatch' }

interface Kept {
  readonly body: Readonly<Record<string, unknown>>
  /** What the access token in it is bound to. */
  readonly jkt: string | null
  readonly x5t: string | null
}

/** Before the commit of a refresh: its answer is kept with the token that it used up, in the same transaction. */
export function keepForRepeat(context: Context, unit: UnitOfWork, binding: Pick<Kept, 'jkt' | 'x5t'>): void {
  const token = presented(context)
  const { body } = context
  if (token === null || typeof body !== 'object' || body === null) throw new Error('a refresh without token or answer')
  const kept: Kept = { body: { ...body }, jkt: binding.jkt, x5t: binding.x5t }
  const until = unit.now + REPEAT_SECONDS
  unit.keepReply(token, { sealed: sealReply(JSON.stringify(kept), token, unit.snapshot.tenant), until })
}

/**
 * The answer for a client that repeats the use of a refresh token; null where the use is no repetition but a reuse. The engine has
 * authenticated the client by then, compared it with the token's, and checked key, certificate, account and grant; the grant is checked again
 * in the commit that the operations go to. RFC 9700 §4.14.2 asks for reuse to be noticed: after the window it is.
 */
export async function findRepeat(context: Context, unit: UnitOfWork): Promise<Repeat | null> {
  const token = presented(context)
  const used = token === null ? null : await unit.findRefreshToken(token)
  if (token === null || used === null || used.reply === null || used.grantId === null || used.reply.until <= unit.now)
    return null
  if (used.clientId !== context.oidc?.client?.clientId) return null
  const kept = readKept(openReply(used.reply.sealed, token, unit.snapshot.tenant))
  if (kept === null) return null
  if (kept.jkt !== (unit.proof?.jkt ?? null)) return { kind: 'refused', reason: 'proofKeyMismatch' }
  if (kept.x5t !== null && kept.x5t !== unit.certificate?.x5t) return { kind: 'refused', reason: 'certificateMismatch' }
  // What it gave is used already: whoever has only this token is behind, and must not get a step of the family after the other.
  const successor = kept.body['refresh_token']
  const next = typeof successor === 'string' ? await unit.findRefreshToken(successor) : null
  if (next === null || next.consumedAt !== null) return { kind: 'refused', reason: 'refreshTokenOvertaken' }
  // The marks of proof and assertion last; what the engine wrote of the reuse does not.
  const marks = unit.operations.filter(({ kind }) => kind === 'insert')
  return {
    kind: 'answer',
    grantId: asGrantId(used.grantId),
    body: kept.body,
    operations: [unit.liveGrant(used.grantId), ...marks],
  }
}

function presented(context: Context): string | null {
  const token = context.oidc?.params?.['refresh_token']
  return typeof token === 'string' ? token : null
}

/** Ours, sealed by `keepForRepeat`; null for what is not. */
function readKept(text: string | null): Kept | null {
  const parsed = text === null ? null : parseJson(Buffer.from(text), { depthMax: JSON_DEPTH_MAX, numbers: 'request' })
  if (parsed === null || !parsed.ok || !isJsonObject(parsed.value)) return null
  const { body, jkt, x5t } = parsed.value
  if (!isJsonObject(body) || !isTextOrNull(jkt) || !isTextOrNull(x5t)) return null
  return { body, jkt, x5t }
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}
