import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type JWK, SignJWT } from 'jose'

/** The keys of one authorization server. Making RSA keys is slow: all reference servers of one process have the same. */
export interface SigningKeys {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly publicJwk: JWK
}

let kept: SigningKeys | null = null

export function signingKeys(): SigningKeys {
  if (kept === null) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const kid = 'reference-1'
    kept = {
      kid,
      privateKey,
      publicKey,
      publicJwk: { ...(publicKey.export({ format: 'jwk' }) as JWK), kid, alg: 'RS256', use: 'sig' },
    }
  }
  return kept
}

export function signJwt(keys: SigningKeys, typ: string, claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ, kid: keys.kid }).sign(keys.privateKey)
}
