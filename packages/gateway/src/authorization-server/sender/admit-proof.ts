import type { IncomingMessage } from 'node:http'
import { ok, type Result, refused } from '#core/result.ts'
import { headerCount } from '#http/header-count.ts'
import { type DpopProof, readDpopProof } from '#identity/sender/dpop-proof.ts'
import { PROOF_SECONDS } from '#identity/sender/judge-proof.ts'

/**
 * The DPoP proof of a token request, as strictly read as at the doors of servers; null without one. Refuses with an audit reason. What is
 * left to the engine: signature, method, URL, nonce, and that it is the key of the code or refresh token.
 */
export function admitProof(request: IncomingMessage, nowSeconds: number): Result<DpopProof | null, string> {
  const count = headerCount(request, 'dpop')
  if (count === 0) return ok(null)
  // RFC 9449 §4.3, item 1. Node joins repeats with a comma, which is no proof, but does not say so.
  if (count > 1) return refused('proofTwice')
  const { dpop } = request.headers
  const read = readDpopProof(typeof dpop === 'string' ? dpop : '')
  if (!read.ok) return read
  // The engine looks at the time only where there is no nonce.
  const isRecent = Math.abs(nowSeconds - read.value.issuedAt) <= PROOF_SECONDS
  return isRecent ? read : refused('proofNotRecent')
}
