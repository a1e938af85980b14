import { type Clock, systemClock } from '#core/clock.ts'
import type { SenderPolicy } from '#core/snapshot.ts'
import { createProofNonces } from '#identity/sender/proof-nonces.ts'
import type { ProofRate } from '#identity/sender/proof-rate.ts'
import { createSenderCheck, type SenderCheck } from '#identity/sender/sender-check.ts'
import type { UsedProofsPort } from '#store/ports/used-proofs.ts'

/** As without any configuration: nobody has to bind a token, everybody may. */
export const NO_SENDER_RULES: SenderPolicy = {
  requiresNonce: true,
  everywhere: 'none',
  servers: new Map(),
  tiers: new Map(),
  clients: new Map(),
}

/** The real check. Without a store it is for tests whose tokens are not bound, and takes no proof. */
export function testSenders(
  options: {
    readonly usedProofs?: Pick<UsedProofsPort, 'use'>
    readonly clock?: Clock
    readonly requiresNonce?: () => boolean
    readonly nonceKey?: Uint8Array
    readonly rate?: ProofRate
  } = {},
): SenderCheck {
  const { clock = systemClock, requiresNonce = () => true, nonceKey = new Uint8Array(32) } = options
  const usedProofs = options.usedProofs ?? { use: () => Promise.reject(new Error('this test keeps no proofs')) }
  const nonces = createProofNonces(nonceKey, clock)
  return createSenderCheck({ usedProofs, nonces, requiresNonce, clock, rate: options.rate })
}
