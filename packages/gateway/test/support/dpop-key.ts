import { createHash, randomUUID } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

/** A client's key and the proofs that it signs, made with jose as clients make them. */
export interface DpopKey {
  readonly jwk: JWK
  readonly jkt: string
  readonly privateKey: CryptoKey
  proof(
    claims: {
      readonly htm?: string
      readonly htu: string
      readonly token?: string
      readonly nonce?: string
      readonly [claim: string]: unknown
    },
    header?: Record<string, unknown>,
  ): Promise<string>
}

/** A new key, or the one given. */
export async function dpopKey(
  alg = 'ES256',
  pair?: { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey },
): Promise<DpopKey> {
  const { publicKey, privateKey } = pair ?? (await generateKeyPair(alg, { extractable: true }))
  const jwk = await exportJWK(publicKey)
  return {
    jwk,
    jkt: await calculateJwkThumbprint(jwk),
    privateKey,
    proof: ({ token, ...claims }, header = {}) =>
      new SignJWT({
        jti: randomUUID(),
        htm: 'POST',
        iat: Math.floor(Date.now() / 1000),
        ...(token === undefined ? {} : { ath: tokenHash(token) }),
        ...claims,
      })
        .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header })
        .sign(privateKey),
  }
}

export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
