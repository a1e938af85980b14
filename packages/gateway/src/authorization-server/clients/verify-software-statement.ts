import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
import { ok, type Result, refused } from '#core/result.ts'
import type { StatementIssuer } from '#core/snapshot.ts'
import type { IssuerKeys } from '#identity/issuer-keys.ts'

const STATEMENT_CHARACTERS_MAX = 16 * 1024
/** RFC 8725 §3.1: asymmetric ones alone, so that no public key is ever taken for a secret. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'PS256']
const TYPES: ReadonlySet<string> = new Set(['jwt', 'software-statement+jwt', 'application/software-statement+jwt'])
/** Clocks of issuers may differ a little from ours. */
const CLOCK_TOLERANCE_SECONDS = 60
/** RFC 7519 §4.1: about the statement, not about the client. */
const STATEMENT_CLAIMS: ReadonlySet<string> = new Set(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'])

export interface VerifiedStatement {
  /** As it was sent. */
  readonly text: string
  readonly issuer: StatementIssuer
  /** Client metadata, as sent. RFC 7591 §2.3: it takes precedence over what stands beside the statement. */
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface StatementProblem {
  /** RFC 7591 §3.2.2; `unavailable` when its issuer's keys could not be had just now. */
  readonly error: 'invalid_software_statement' | 'unapproved_software_statement' | 'unavailable'
  /** For the audit log. */
  readonly reason: string
}

/**
 * A software statement (RFC 7591 §2.3): signed by an issuer that the configuration names, with a key that was pinned there or that it
 * publishes. Nothing in it chooses a key or an address.
 */
export async function verifySoftwareStatement(
  statement: unknown,
  rules: { readonly issuers: readonly StatementIssuer[]; readonly publicUrl: string; readonly nowSeconds: number },
  keys: IssuerKeys,
): Promise<Result<VerifiedStatement, StatementProblem>> {
  if (typeof statement !== 'string' || statement.length > STATEMENT_CHARACTERS_MAX || !isCanonical(statement))
    return invalid('malformed')
  const claimed = readUnverified(statement)
  if (claimed === null) return invalid('malformed')
  if (claimed.type !== null && !TYPES.has(claimed.type)) return invalid('type')
  const issuer = rules.issuers.find((known) => known.issuer === claimed.issuer)
  if (issuer === undefined) return refused({ error: 'unapproved_software_statement', reason: 'statementUnapproved' })
  const payload = await verify(statement, issuer, rules.nowSeconds, keys)
  if (!payload.ok) return payload
  const { aud, software_id: softwareId } = payload.value
  // Optional; where it stands it must mean us.
  if (aud !== undefined && ![aud].flat().includes(rules.publicUrl)) return invalid('audience')
  // RFC 8725 §2.8: other tokens that the issuer signs with the same key (ID tokens, access tokens) do not have one.
  if (typeof softwareId !== 'string' || softwareId === '') return invalid('softwareIdMissing')
  const metadata = Object.entries(payload.value).filter(([name]) => !STATEMENT_CLAIMS.has(name))
  return ok({ text: statement, issuer, metadata: Object.fromEntries(metadata) })
}

async function verify(
  statement: string,
  issuer: StatementIssuer,
  nowSeconds: number,
  keys: IssuerKeys,
): Promise<Result<JWTPayload, StatementProblem>> {
  for (const attempt of ['first', 'again'] as const) {
    const found = await keys.of(issuer, attempt === 'again')
    if (found === null) return refused({ error: 'unavailable', reason: 'statementKeysUnavailable' })
    try {
      const { payload } = await jwtVerify(statement, createLocalJWKSet({ keys: [...found] }), {
        algorithms: ALGORITHMS,
        issuer: issuer.issuer,
        currentDate: new Date(nowSeconds * 1000),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      })
      return ok(payload)
    } catch (cause) {
      if (!(cause instanceof errors.JOSEError)) return invalid('keyUnusable')
      // The issuer may have a new key since its set was read.
      if (attempt === 'first' && cause instanceof errors.JWKSNoMatchingKey) continue
      return invalid(cause instanceof errors.JWTExpired ? 'expired' : 'signature')
    }
  }
  return invalid('keyUnknown')
}

function readUnverified(statement: string): { readonly issuer: unknown; readonly type: string | null } | null {
  try {
    const { typ } = decodeProtectedHeader(statement)
    return { issuer: decodeJwt(statement).iss, type: typ === undefined ? null : String(typ).toLowerCase() }
  } catch {
    return null
  }
}

/** RFC 7515 §2: three parts, one spelling each. */
function isCanonical(statement: string): boolean {
  const parts = statement.split('.')
  return (
    parts.length === 3 &&
    parts.every((part) => part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part)
  )
}

function invalid(reason: string): { readonly ok: false; readonly refusal: StatementProblem } {
  return refused({ error: 'invalid_software_statement', reason: `statementInvalid: ${reason}` })
}
