import type { DpopProof } from './dpop-proof.ts'

/** MCP DPoP extension, RFC 9449 §11.1: `iat` may be this far from our time, either way. */
export const PROOF_SECONDS = 300

/** What a proof has to say to be about this very request. */
export interface ProofContext {
  readonly method: string
  /** The target as clients know it, from the configuration and never from a header of the request. Without query and fragment. */
  readonly url: string
  /** base64url of the SHA-256 of the access token shown beside it; null where none is. */
  readonly tokenHash: string | null
  readonly nowSeconds: number
}

/** RFC 9449 §4.3, items 8 to 12, without the nonce. Pure. Null when the proof is about this request; else an audit reason. */
export function judgeProof(proof: DpopProof, { method, url, tokenHash, nowSeconds }: ProofContext): string | null {
  // RFC 9110 §9.1: methods have case.
  if (proof.method !== method) return 'proofForOtherMethod'
  if (!isSameTarget(proof.url, url)) return 'proofForOtherUrl'
  if (tokenHash !== null && proof.tokenHash !== tokenHash) return 'proofForOtherToken'
  if (proof.issuedAt < nowSeconds - PROOF_SECONDS) return 'proofTooOld'
  if (proof.issuedAt > nowSeconds + PROOF_SECONDS) return 'proofFromFuture'
  return null
}

/** RFC 9449 §4.3: compared after the normalisation of RFC 3986 §6.2.2 and §6.2.3, without query and fragment. */
function isSameTarget(claimed: string, expected: string): boolean {
  const url = URL.parse(claimed)
  if (url === null || url.username !== '' || url.password !== '') return false
  url.search = ''
  url.hash = ''
  return url.href === new URL(expected).href
}
