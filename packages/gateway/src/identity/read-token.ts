import { ok, type Result, refused } from '#core/result.ts'
import { isTokenAlgorithm, type TokenAlgorithm } from '#core/token-algorithms.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject, memberOf } from '#wire/jsonrpc/raw-json.ts'
import { BEARER_TOKEN_CHARACTERS_MAX } from '#wire/oauth/bearer.ts'

/** RFC 9068 §4: both spellings name the same type; nothing else is an access token. */
const TOKEN_TYPES: ReadonlySet<string> = new Set(['at+jwt', 'application/at+jwt'])
/** The only members our own headers have. jwk, jku, x5u, x5c and crit are keys and rules from the bearer's mouth. */
const HEADER_MEMBERS: ReadonlySet<string> = new Set(['alg', 'typ', 'kid'])
/** Two 32-byte numbers (RFC 7518 §3.4), 64 bytes (RFC 8037 §3.1), a number as long as our modulus. */
const SIGNATURE_CHARACTERS: Readonly<Record<TokenAlgorithm, number>> = { ES256: 86, EdDSA: 86, RS256: 512 }
const LENGTHS: ReadonlySet<number> = new Set(Object.values(SIGNATURE_CHARACTERS))

/**
 * Looks at a compact JWS before any cryptography and without any key: one spelling per token, an algorithm of ours, our type, and a key id.
 * Answers key id and algorithm; whether the key is for that algorithm is for whoever has the keys. A signature library that is lenient about base64url would otherwise accept one token in several spellings.
 */
export function readTokenHeader(token: string): Result<{ readonly kid: string; readonly alg: TokenAlgorithm }, string> {
  if (token.length > BEARER_TOKEN_CHARACTERS_MAX) return refused('tokenTooLong')
  const [header, payload, signature, ...rest] = token.split('.')
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return refused('tokenNotCompact')
  }
  if (![header, payload, signature].every(isCanonicalBase64url)) return refused('tokenNotCanonical')
  if (!LENGTHS.has(signature.length)) return refused('signatureLength')
  const parsed = parseJson(Buffer.from(header, 'base64url'), { depthMax: 2, numbers: 'request' })
  if (!parsed.ok || !isJsonObject(parsed.value)) return refused('headerNotJson')
  if (!Object.keys(parsed.value).every((name) => HEADER_MEMBERS.has(name))) return refused('headerMemberForbidden')
  // RFC 8725 §3.1: the algorithm is ours to choose, not the token's.
  const alg = memberOf(parsed.value, 'alg')
  if (!isTokenAlgorithm(alg)) return refused('algorithmForbidden')
  if (signature.length !== SIGNATURE_CHARACTERS[alg]) return refused('signatureLength')
  const type = memberOf(parsed.value, 'typ')
  if (typeof type !== 'string' || !TOKEN_TYPES.has(type)) return refused('typeForbidden')
  const kid = memberOf(parsed.value, 'kid')
  return typeof kid === 'string' && kid !== '' ? ok({ kid, alg }) : refused('keyIdMissing')
}

/** RFC 7515 §2: no padding, no spaces; and the unused low bits of the last character are zero (RFC 4648 §3.5). */
function isCanonicalBase64url(segment: string): boolean {
  if (segment === '' || !/^[A-Za-z0-9_-]+$/.test(segment)) return false
  return Buffer.from(segment, 'base64url').toString('base64url') === segment
}
