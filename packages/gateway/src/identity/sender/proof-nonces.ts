import { hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Clock } from '#core/clock.ts'

/** A nonce names one such stretch of time. */
const STEP_SECONDS = 60
/** How many stretches before and after the present one are good. Those given out are of the next one, so they last three minutes at least. */
const STEPS_AROUND = 2
const GIVEN_OUT_AHEAD = 1
/** The purpose of the key, for `Sealer.deriveKey`. */
export const DPOP_NONCES = 'dpop nonces'
const NONCE_BYTES = 32
const NONCE = /^[A-Za-z0-9_-]{43}$/

/** RFC 9449 §8, §9: what proofs must repeat, so that none can be made long before it is used. */
export interface ProofNonces {
  /** The one to give out. */
  current(): string
  isGood(nonce: string): boolean
}

/**
 * Made of a key and the time: nothing is kept, a restart forgets nothing, and every replica with the same key agrees. They are made as the
 * engine makes those of the token endpoint, from the same key: both are at one origin, and clients remember one nonce for each origin.
 */
export function createProofNonces(key: Uint8Array, clock: Clock): ProofNonces {
  let made: { readonly step: number; readonly nonces: readonly string[] } | null = null
  const around = () => {
    const step = Math.floor(clock.nowSeconds() / STEP_SECONDS)
    if (made?.step !== step) {
      const steps = Array.from({ length: 2 * STEPS_AROUND + 1 }, (_, index) => step - STEPS_AROUND + index)
      made = { step, nonces: steps.map((of) => nonceOf(key, of)) }
    }
    return made.nonces
  }
  return {
    current: () => around()[STEPS_AROUND + GIVEN_OUT_AHEAD] ?? '',
    isGood: (nonce) => {
      if (!NONCE.test(nonce)) return false
      const given = Buffer.from(nonce)
      return around().some((known) => timingSafeEqual(given, Buffer.from(known)))
    },
  }
}

function nonceOf(key: Uint8Array, step: number): string {
  const salt = Buffer.alloc(8)
  salt.writeBigInt64BE(BigInt(step))
  return Buffer.from(hkdfSync('sha256', key, salt, 'DPoP', NONCE_BYTES)).toString('base64url')
}
