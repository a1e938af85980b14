import { hash } from 'node:crypto'
import type { JWK } from 'jose'
import { ok, type Result, refused } from '#core/result.ts'
import type { JsonValue } from '#wire/jsonrpc/message.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'

/** Proofs have about 500 characters. Longer ones are refused before anything is decoded. */
export const DPOP_PROOF_CHARACTERS_MAX = 4_096
/**
 * Algorithms of proofs (RFC 9449 §11.6: asymmetric, and ours to choose). All of them have keys of one small size: nobody makes us verify
 * with a key of theirs that takes long.
 */
export const DPOP_ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519'] as const
export type DpopAlgorithm = (typeof DPOP_ALGORITHMS)[number]

const HEADER_MEMBERS: ReadonlySet<string> = new Set(['typ', 'alg', 'jwk', 'kid'])
/** RFC 7518 §6: what makes a JWK a private or symmetric key. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
const JTI_CHARACTERS_MAX = 256
const URL_CHARACTERS_MAX = 2_048
const NONCE_CHARACTERS_MAX = 256
/** Coordinates, Ed25519 keys and SHA-256 hashes are 32 bytes. */
const BYTES_32 = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
/** Signatures of all our algorithms are 64 bytes. */
const SIGNATURE_CHARACTERS = 86

/** A proof as it was sent, well-formed, with nothing about it verified or compared yet. */
export interface DpopProof {
  readonly text: string
  readonly algorithm: DpopAlgorithm
  /** Public, and nothing but what makes up the key. */
  readonly jwk: JWK
  /** RFC 7638 thumbprint of the key. */
  readonly jkt: string
  readonly jti: string
  readonly method: string
  readonly url: string
  /** Seconds since the epoch, whole. */
  readonly issuedAt: number
  /** `ath`: base64url of the SHA-256 of the access token. */
  readonly tokenHash: string | null
  readonly nonce: string | null
}

/** RFC 9449 §4.2, strictly: one spelling per proof, members of the right type, a public key of a known kind. Refuses with an audit reason. */
export function readDpopProof(text: string): Result<DpopProof, string> {
  if (text.length > DPOP_PROOF_CHARACTERS_MAX) return refused('proofTooLong')
  const segments = text.split('.')
  const [head = '', body = '', signature = ''] = segments
  if (segments.length !== 3 || !segments.every(isCanonicalBase64url)) return refused('proofNotCompact')
  const header = readObject(head)
  const payload = readObject(body)
  if (header === null || payload === null) return refused('proofNotJson')
  // What we would have to understand and do not (RFC 7515 §4.1.11), and keys that come from elsewhere.
  if (!Object.keys(header).every((name) => HEADER_MEMBERS.has(name))) return refused('proofHeaderForbidden')
  if (header['typ'] !== 'dpop+jwt') return refused('proofTypeWrong')
  const algorithm = DPOP_ALGORITHMS.find((known) => known === header['alg'])
  if (algorithm === undefined) return refused('proofAlgorithmForbidden')
  const key = readKey(header['jwk'], algorithm)
  if (!key.ok) return key
  if (signature.length !== SIGNATURE_CHARACTERS) return refused('proofSignatureLength')
  const { jti, htm, htu, iat, ath, nonce } = payload
  if (!isText(jti, JTI_CHARACTERS_MAX) || !isText(htm, 32) || !isText(htu, URL_CHARACTERS_MAX))
    return refused('proofClaimMissing')
  if (typeof iat !== 'number' || !Number.isSafeInteger(Math.floor(iat))) return refused('proofClaimMissing')
  if (ath !== undefined && !(typeof ath === 'string' && BYTES_32.test(ath))) return refused('proofClaimMalformed')
  if (nonce !== undefined && !isText(nonce, NONCE_CHARACTERS_MAX)) return refused('proofClaimMalformed')
  return ok({
    text,
    algorithm,
    ...key.value,
    jti,
    method: htm,
    url: htu,
    issuedAt: Math.floor(iat),
    tokenHash: ath ?? null,
    nonce: nonce ?? null,
  })
}

function readKey(
  jwk: JsonValue | undefined,
  algorithm: DpopAlgorithm,
): Result<{ readonly jwk: JWK; readonly jkt: string }, string> {
  if (!isJsonObject(jwk)) return refused('proofKeyMissing')
  // RFC 9449 §4.3, item 7: a private key has no place here, and whoever sends one has lost it.
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) return refused('proofKeyPrivate')
  const { kty, crv, x, y } = jwk
  if (typeof x !== 'string' || !BYTES_32.test(x)) return refused('proofKeyWrong')
  if (algorithm === 'ES256') {
    if (kty !== 'EC' || crv !== 'P-256' || typeof y !== 'string' || !BYTES_32.test(y)) return refused('proofKeyWrong')
    return ok({ jwk: { kty, crv, x, y }, jkt: thumbprint({ crv, kty, x, y }) })
  }
  if (kty !== 'OKP' || crv !== 'Ed25519') return refused('proofKeyWrong')
  return ok({ jwk: { kty, crv, x }, jkt: thumbprint({ crv, kty, x }) })
}

/** RFC 7638 §3: the required members in lexical order, which is how the callers write them. */
function thumbprint(members: Readonly<Record<string, string>>): string {
  return hash('sha256', JSON.stringify(members), 'base64url')
}

function readObject(segment: string): { readonly [name: string]: JsonValue } | null {
  const parsed = parseJson(Buffer.from(segment, 'base64url'), { depthMax: 4, numbers: 'request' })
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : null
}

function isCanonicalBase64url(segment: string): boolean {
  if (!/^[A-Za-z0-9_-]+$/.test(segment)) return false
  return Buffer.from(segment, 'base64url').toString('base64url') === segment
}

function isText(value: JsonValue | undefined, charactersMax: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= charactersMax
}
