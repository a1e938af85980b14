import { type CryptoKey, importJWK, type JWK } from 'jose'

/** Our published keys by key id. A token names one of them; no other key is ever looked at. */
export interface VerificationKeys {
  readonly isEmpty: boolean
  find(kid: string): Promise<CryptoKey> | null
}

/** Takes the ES256 keys only and only their public halves; imports each at its first use. */
export function createVerificationKeys(jwks: readonly JWK[]): VerificationKeys {
  const usable = new Map<string, JWK>()
  for (const { kty, crv, x, y, kid, alg } of jwks) {
    if (kid === undefined || kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) continue
    if (alg === undefined || alg === 'ES256') usable.set(kid, { kty, crv, x, y })
  }
  const imported = new Map<string, Promise<CryptoKey>>()
  return {
    isEmpty: usable.size === 0,
    find: (kid) => {
      const jwk = usable.get(kid)
      if (jwk === undefined) return null
      const known = imported.get(kid)
      if (known !== undefined) return known
      // importJWK answers bytes for symmetric keys only, and those were left out above.
      const key = importJWK(jwk, 'ES256') as Promise<CryptoKey>
      imported.set(kid, key)
      return key
    },
  }
}
