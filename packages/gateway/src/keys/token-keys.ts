import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { TenantId } from '#core/ids.ts'
import { isTokenAlgorithm, type TokenAlgorithm } from '#core/token-algorithms.ts'
import type { StoredSigningKey } from '#store/ports/signing-keys.ts'
import { SealBroken, type Sealer } from './sealer.ts'

/** NIST SP 800-57 part 1, table 2: 128 bits of security, as P-256 and Ed25519 have. */
const RSA_MODULUS_BITS = 3072

/** A key that signs access tokens, opened. `privateJwk` is a secret: it goes to the signer and nowhere else. */
export interface TokenKey {
  readonly kid: string
  readonly alg: TokenAlgorithm
  readonly privateJwk: JWK
}

/** A new key, sealed; its id is its thumbprint (RFC 7638). */
export async function makeTokenKey(
  sealer: Sealer,
  tenant: TenantId,
  algorithm: TokenAlgorithm,
): Promise<Pick<StoredSigningKey, 'tenant' | 'kid' | 'purpose' | 'algorithm' | 'sealed' | 'publicJwk'>> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, {
    extractable: true,
    ...(algorithm === 'RS256' ? { modulusLength: RSA_MODULUS_BITS } : {}),
    ...(algorithm === 'EdDSA' ? { crv: 'Ed25519' } : {}),
  })
  const publicJwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  const purpose = 'accessToken'
  return {
    tenant,
    kid,
    purpose,
    algorithm,
    sealed: sealer.seal(
      Buffer.from(JSON.stringify(await exportJWK(privateKey))),
      sealContext({ tenant, purpose, kid }),
    ),
    publicJwk: JSON.stringify({ ...publicJwk, kid, alg: algorithm, use: 'sig' }),
  }
}

/** @throws SealBroken when it is not the key that its id names, or for something else than tokens. */
export async function openTokenKey(sealer: Sealer, key: StoredSigningKey): Promise<TokenKey> {
  const privateJwk = JSON.parse(Buffer.from(openKey(sealer, key)).toString('utf8')) as JWK // Sealed by us, above.
  const { kid, algorithm: alg } = key
  // RFC 7638: the id is the thumbprint of the key.
  if ((await calculateJwkThumbprint(privateJwk)) !== kid || !isTokenAlgorithm(alg)) throw new SealBroken()
  return { kid, alg, privateJwk: { ...privateJwk, kid, alg, use: 'sig' } }
}

/** Members are named one by one, so that no private one can slip through. */
export function toPublicJwk({ privateJwk: { kty, crv, x, y, n, e }, kid, alg }: TokenKey): JWK {
  const about = { kid, alg, use: 'sig' } as const
  if (alg === 'ES256' && kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined)
    return { kty, crv, x, y, ...about }
  if (alg === 'EdDSA' && kty === 'OKP' && crv === 'Ed25519' && x !== undefined) return { kty, crv, x, ...about }
  if (alg === 'RS256' && kty === 'RSA' && n !== undefined && e !== undefined) return { kty, n, e, ...about }
  throw new SealBroken()
}

export function openKey(sealer: Sealer, key: StoredSigningKey): Uint8Array {
  return sealer.open(key.sealed, sealContext(key))
}

export function sealContext({ tenant, purpose, kid }: Pick<StoredSigningKey, 'tenant' | 'purpose' | 'kid'>): string {
  return `${tenant}|${purpose}|${kid}`
}
