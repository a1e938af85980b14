import { type CryptoKey, compactVerify, errors, importJWK } from 'jose'
import { createBoundedMap } from '../bounded-map.ts'
import type { DpopProof } from './dpop-proof.ts'

/** Imported keys of callers, by thumbprint; some hundred bytes each. */
const KEYS_MAX = 10_000

export interface ProofSignatures {
  isGood(proof: DpopProof): Promise<boolean>
}

/** Verifies proofs, in Node's thread pool. A key that comes with every request is imported once. */
export function createProofSignatures(): ProofSignatures {
  const keys = createBoundedMap<string, CryptoKey>(KEYS_MAX)
  const keyOf = async ({ jwk, jkt, algorithm }: DpopProof): Promise<CryptoKey> => {
    // One key may be used under two names of its algorithm.
    const place = `${algorithm} ${jkt}`
    const known = keys.get(place)
    if (known !== undefined) return known
    // importJWK answers bytes for symmetric keys only, and those were left out when the proof was read.
    const key = (await importJWK(jwk, algorithm)) as CryptoKey
    keys.set(place, key)
    return key
  }
  return {
    isGood: async (proof) => {
      try {
        const key = await keyOf(proof)
        await compactVerify(proof.text, key, { algorithms: [proof.algorithm] })
        return true
      } catch (cause) {
        // A point that is not on its curve is the caller's doing too.
        if (cause instanceof errors.JOSEError || cause instanceof DOMException) return false
        throw cause
      }
    },
  }
}
