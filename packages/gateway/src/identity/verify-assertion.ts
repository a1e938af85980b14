import { type CompactVerifyResult, compactVerify, createLocalJWKSet, decodeProtectedHeader, errors } from 'jose'
import { ok, type Result, refused } from '#core/result.ts'
import type { TrustedIssuer } from '#core/snapshot.ts'
import type { JsonValue } from '#wire/jsonrpc/message.ts'
import { parseJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import type { IssuerKeys } from './issuer-keys.ts'

export const ASSERTION_CHARACTERS_MAX = 16 * 1024
const CLAIMS_DEPTH_MAX = 16
/** RFC 8725 §3.1: asymmetric ones alone, so that no public key is ever taken for a secret. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'PS256']

export type AssertionClaims = { readonly [claim: string]: JsonValue }

/** Whose signed word it is, and where the keys are. */
export type Signer = Pick<TrustedIssuer, 'issuer' | 'keys'>

export interface ReadAssertion<I extends Signer = TrustedIssuer> {
  readonly text: string
  /** `typ`, or null without one. */
  readonly type: string | null
  readonly issuer: I
}

export type AssertionProblem =
  /** RFC 7523 §3.1: `invalid_grant`, whatever is wrong. `reason` is for the audit log. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** The keys of its issuer cannot be had now: nothing is known about it. */
  | { readonly kind: 'unavailable'; readonly reason: string }

/**
 * Whose assertion this says it is, before anything about it is believed: it decides who is asked for keys and which rules hold. Refuses
 * with an audit reason.
 */
export function readAssertion<I extends Signer>(text: string, issuers: readonly I[]): Result<ReadAssertion<I>, string> {
  if (text.length > ASSERTION_CHARACTERS_MAX) return refused('assertionTooLong')
  if (!isCanonical(text)) return refused('assertionMalformed')
  const claims = parseClaims(Buffer.from(text.split('.')[1] ?? '', 'base64url'))
  const type = readType(text)
  if (claims === null || type === undefined) return refused('assertionMalformed')
  const issuer = issuers.find((known) => known.issuer === claims['iss'])
  return issuer === undefined ? refused('assertionIssuerUnknown') : ok({ text, type, issuer })
}

/** RFC 7523 §3: the signature, by a key of that issuer that the configuration pins or its set holds. No header chooses one from elsewhere. */
export async function verifyAssertion(
  { text, issuer }: ReadAssertion<Signer>,
  keys: IssuerKeys,
): Promise<Result<AssertionClaims, AssertionProblem>> {
  for (const attempt of ['first', 'again'] as const) {
    const found = await keys.of(issuer, attempt === 'again')
    if (found === null) return refused({ kind: 'unavailable', reason: 'assertionKeysUnavailable' })
    let verified: CompactVerifyResult
    try {
      verified = await compactVerify(text, createLocalJWKSet({ keys: [...found] }), { algorithms: ALGORITHMS })
    } catch (cause) {
      // The issuer may have a new key since its set was read.
      if (attempt === 'first' && cause instanceof errors.JWKSNoMatchingKey) continue
      return invalid(cause instanceof errors.JWKSNoMatchingKey ? 'assertionKeyUnknown' : 'assertionSignatureInvalid')
    }
    // Once more, and strictly: which of two claims of one name was meant is not for us to choose.
    const claims = parseClaims(verified.payload)
    return claims === null || claims['iss'] !== issuer.issuer ? invalid('assertionMalformed') : ok(claims)
  }
  return invalid('assertionKeyUnknown')
}

function invalid(reason: string): Result<never, AssertionProblem> {
  return refused({ kind: 'invalid', reason })
}

function parseClaims(payload: Uint8Array): AssertionClaims | null {
  const parsed = parseJson(payload, { depthMax: CLAIMS_DEPTH_MAX, numbers: 'request' })
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : null
}

function readType(text: string): string | null | undefined {
  try {
    const { typ } = decodeProtectedHeader(text)
    return typ === undefined ? null : String(typ)
  } catch {
    return undefined
  }
}

/** RFC 7515 §2: three parts, one spelling each. */
function isCanonical(text: string): boolean {
  const parts = text.split('.')
  return (
    parts.length === 3 &&
    parts.every((part) => part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part)
  )
}
