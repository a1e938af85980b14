import { type CryptoKey, importJWK, type JWK } from 'jose'
import { isTokenAlgorithm, type TokenAlgorithm } from '#core/token-algorithms.ts'

/** The key set of now; `SigningKeys` fits. */
export interface KeySource {
  /** Rises with every change. */
  readonly version: number
  readonly publicJwks: readonly JWK[]
  /** Somebody shows a key id that is not in the set: perhaps it is newer. */
  lookAgain?(): Promise<void>
}

/** Our published keys by key id. A token names one of them; no other key is ever looked at. */
export interface VerificationKeys {
  readonly isEmpty: boolean
  /** Ids of keys that signatures are believed of. */
  readonly kids: ReadonlySet<string>
  /** The key of this id for this algorithm: a key verifies by its own algorithm and no other (RFC 8725 §3.1). */
  find(kid: string, algorithm: TokenAlgorithm): Promise<CryptoKey> | null
}

/** Takes our algorithms only and only public halves; imports each key at its first use. */
export function createVerificationKeys(jwks: readonly JWK[]): VerificationKeys {
  const usable = new Map<string, { readonly jwk: JWK; readonly alg: TokenAlgorithm }>()
  for (const whole of jwks) {
    const { kid } = whole
    const alg = whole.alg ?? 'ES256'
    const jwk = isTokenAlgorithm(alg) ? publicPart(whole, alg) : null
    if (kid !== undefined && jwk !== null && isTokenAlgorithm(alg)) usable.set(kid, { jwk, alg })
  }
  const imported = new Map<string, Promise<CryptoKey>>()
  return {
    isEmpty: usable.size === 0,
    kids: new Set(usable.keys()),
    find: (kid, algorithm) => {
      const key = usable.get(kid)
      if (key === undefined || key.alg !== algorithm) return null
      const known = imported.get(kid)
      if (known !== undefined) return known
      // importJWK answers bytes for symmetric keys only, and those were left out above.
      const made = importJWK(key.jwk, key.alg) as Promise<CryptoKey>
      imported.set(kid, made)
      return made
    },
  }
}

function publicPart({ kty, crv, x, y, n, e }: JWK, alg: TokenAlgorithm): JWK | null {
  switch (alg) {
    case 'ES256':
      return kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined ? { kty, crv, x, y } : null
    case 'EdDSA':
      return kty === 'OKP' && crv === 'Ed25519' && x !== undefined ? { kty, crv, x } : null
    case 'RS256':
      return kty === 'RSA' && n !== undefined && e !== undefined ? { kty, n, e } : null
  }
}
