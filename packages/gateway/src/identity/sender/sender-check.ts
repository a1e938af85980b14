import { hash } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import { certificateIsInForce, type PresentedCertificate } from '#core/presented-certificate.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { SenderRequirement } from '#policy/sender-rules.ts'
import type { UsedProofsPort } from '#store/ports/used-proofs.ts'
import type { TokenScheme } from '#wire/oauth/credential.ts'
import type { Principal } from '../principal.ts'
import { type DpopProof, readDpopProof } from './dpop-proof.ts'
import { judgeProof, PROOF_SECONDS } from './judge-proof.ts'
import type { ProofNonces } from './proof-nonces.ts'
import { createProofRate, type ProofRate } from './proof-rate.ts'
import { createProofSignatures } from './verify-signature.ts'

/** What came with a request besides the token. */
export interface SenderEvidence {
  readonly scheme: TokenScheme
  readonly token: string
  /** The one DPoP header; null when there was none. */
  readonly proof: string | null
  readonly method: string
  /** The target as clients know it, from the configuration: never from Host or a forwarding header. */
  readonly url: string
  readonly certificate: PresentedCertificate | null
}

export type SenderProblem =
  /** The token is not for whoever merely holds it, or must not be used this way. */
  | { readonly kind: 'unproven'; readonly reason: string }
  | { readonly kind: 'proofInvalid'; readonly reason: string }
  | { readonly kind: 'nonceNeeded'; readonly reason: string; readonly nonce: string }
  | { readonly kind: 'tooMany'; readonly retryAfterSeconds: number }
  | { readonly kind: 'unavailable'; readonly reason: string }

export interface ProvedSender {
  /** A newer nonce for the caller's next proof; null while it has the newest. */
  readonly nextNonce: string | null
}

export interface SenderCheck {
  /** Decides whether whoever sent this is whom the token was given to. The token itself has been verified. */
  check(
    principal: Pick<Principal, 'tenant' | 'confirmation'>,
    evidence: SenderEvidence,
    requirement: SenderRequirement,
  ): Promise<Result<ProvedSender, SenderProblem>>
}

export interface SenderCheckOptions {
  readonly usedProofs: Pick<UsedProofsPort, 'use'>
  readonly nonces: ProofNonces
  /** Read with each proof, because the configuration can change. */
  readonly requiresNonce: () => boolean
  readonly clock: Clock
  /** Absent: the usual one. */
  readonly rate?: ProofRate | undefined
}

/** RFC 9449 §7.1 and RFC 8705 §3, for every place that takes access tokens. */
export function createSenderCheck(options: SenderCheckOptions): SenderCheck {
  const { usedProofs, nonces, requiresNonce, clock, rate = createProofRate(options.clock) } = options
  const signatures = createProofSignatures()

  const checkProof = async (
    { tenant }: Pick<Principal, 'tenant'>,
    jkt: string,
    evidence: SenderEvidence,
  ): Promise<Result<ProvedSender, SenderProblem>> => {
    const { method, url, token } = evidence
    const read = readDpopProof(evidence.proof ?? '')
    if (!read.ok) return invalid(read.refusal)
    const proof = read.value
    // Before any cryptography: a proof of another key costs a hash.
    if (proof.jkt !== jkt) return invalid('proofKeyMismatch')
    const context = { method, url, tokenHash: hash('sha256', token, 'base64url'), nowSeconds: clock.nowSeconds() }
    const problem = judgeProof(proof, context)
    if (problem !== null) return invalid(problem)
    if (!(await signatures.isGood(proof))) return invalid('proofSignatureInvalid')
    // After the signature: only whoever has the key is told anything about nonces.
    if (proof.nonce === null && requiresNonce()) return nonceNeeded('proofNonceMissing')
    if (proof.nonce !== null && !nonces.isGood(proof.nonce)) return nonceNeeded('proofNonceStale')
    // Nobody but the holder of the key can use up its rate.
    const waitSeconds = rate.draw(jkt)
    if (waitSeconds > 0) return refused({ kind: 'tooMany', retryAfterSeconds: waitSeconds })
    return await useOnce(tenant, proof)
  }

  const useOnce = async (
    tenant: Principal['tenant'],
    proof: DpopProof,
  ): Promise<Result<ProvedSender, SenderProblem>> => {
    try {
      // Kept until `judgeProof` refuses it by its age alone.
      const used = await usedProofs.use(tenant, proofId(proof), proof.issuedAt + PROOF_SECONDS + 1)
      if (used !== 'fresh') return invalid('proofReplayed')
    } catch {
      return refused({ kind: 'unavailable', reason: 'storeUnavailable' })
    }
    const newest = nonces.current()
    return ok({ nextNonce: proof.nonce === newest ? null : newest })
  }

  const nonceNeeded = (reason: string): Result<never, SenderProblem> =>
    refused({ kind: 'nonceNeeded', reason, nonce: nonces.current() })

  return {
    check: async (principal, evidence, requirement) => {
      const { confirmation } = principal
      const { scheme, proof, certificate } = evidence
      const missing = requirement.missingIn(confirmation)
      if (missing !== null) return unproven(missing)
      if (confirmation?.x5t != null) {
        if (certificate === null) return unproven('certificateMissing')
        if (certificate.x5t !== confirmation.x5t) return unproven('certificateMismatch')
        if (!certificateIsInForce(certificate, clock.nowSeconds())) return unproven('certificateExpired')
      }
      if (confirmation?.jkt == null) {
        // RFC 9449 §7.1: the scheme says that the token is bound, and it is not.
        if (scheme === 'dpop') return unproven('bearerTokenAsDpop')
        return proof === null ? PROVED : unproven('proofBesideBearer')
      }
      // RFC 9449 §7.2: a bound token must not work for whoever merely holds it.
      if (scheme === 'bearer') return unproven('boundTokenAsBearer')
      return proof === null ? invalid('proofMissing') : await checkProof(principal, confirmation.jkt, evidence)
    },
  }
}

/** What a used proof is kept by. `jti` alone is the caller's to choose, so two keys may use the same. */
function proofId({ jkt, jti }: DpopProof): string {
  return hash('sha256', `${jkt} ${jti}`, 'base64url')
}

const PROVED: Result<ProvedSender, never> = ok({ nextNonce: null })

function unproven(reason: string): Result<never, SenderProblem> {
  return refused({ kind: 'unproven', reason })
}

function invalid(reason: string): Result<never, SenderProblem> {
  return refused({ kind: 'proofInvalid', reason })
}
