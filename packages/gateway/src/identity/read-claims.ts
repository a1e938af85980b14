import {
  asClientId,
  asGrantId,
  asSubjectId,
  asTokenId,
  type ClientId,
  type GrantId,
  type SubjectId,
  type TokenId,
} from '#core/ids.ts'
import { ok, type Result, refused } from '#core/result.ts'
import { ACCESS_TOKEN_SECONDS_MAX } from '#core/token-lifetime.ts'
import type { Confirmation } from './principal.ts'
import { type Delegation, readDelegation } from './read-delegation.ts'

/** Our own clocks may differ a little between the process that signed and this one. Never applied to `exp`. */
const ISSUED_AT_SKEW_SECONDS = 5

/** The claims of an access token (RFC 9068 §2.2), read from a payload whose signature has been verified. */
export interface TokenClaims {
  readonly subject: SubjectId
  readonly clientId: ClientId
  readonly resource: string
  readonly grantId: GrantId
  readonly tokenId: TokenId
  readonly scopes: readonly string[]
  readonly acr: string | null
  readonly authTime: number | null
  readonly expiresAt: number
  readonly confirmation: Confirmation | null
  readonly delegation: Delegation | null
}

/** Pure. `payload` is the parsed claims set; `issuer` is compared byte for byte. Refuses with a camelCase reason for the audit record. */
export function readClaims(
  payload: { readonly [claim: string]: unknown },
  issuer: string,
  nowSeconds: number,
): Result<TokenClaims, string> {
  const { iss, sub, aud, client_id, scope, iat, exp, nbf, jti, gid, acr, auth_time, cnf, act, exchanged_from } = payload
  if (iss !== issuer) return refused('issuerMismatch')
  // One audience, as a string: a list would make one token work at two doors.
  if (!isText(aud)) return refused('audienceNotSingle')
  if (!isText(sub) || !isText(client_id) || !isText(jti) || !isText(gid)) return refused('claimMissing')
  if (typeof scope !== 'string') return refused('claimMissing')
  if (!isTime(iat) || !isTime(exp)) return refused('claimMissing')
  if (iat > nowSeconds + ISSUED_AT_SKEW_SECONDS) return refused('issuedInFuture')
  if (nbf !== undefined && (!isTime(nbf) || nbf > nowSeconds + ISSUED_AT_SKEW_SECONDS)) return refused('notYetValid')
  if (exp <= nowSeconds) return refused('expired')
  if (exp - iat > ACCESS_TOKEN_SECONDS_MAX) return refused('livesTooLong')
  const confirmation = cnf === undefined ? null : readConfirmation(cnf)
  // RFC 7800: a token bound in a way that nobody here can check must not work at all.
  if (confirmation === undefined) return refused('confirmationUnknown')
  if (acr !== undefined && typeof acr !== 'string') return refused('claimMalformed')
  if (auth_time !== undefined && !isTime(auth_time)) return refused('claimMalformed')
  const delegation = readDelegation({ act, exchanged_from, client_id })
  if (delegation === undefined) return refused('delegationMalformed')
  return ok({
    subject: asSubjectId(sub),
    clientId: asClientId(client_id),
    resource: aud,
    grantId: asGrantId(gid),
    tokenId: asTokenId(jti),
    scopes: scope.split(' ').filter((value) => value !== ''),
    acr: acr ?? null,
    authTime: auth_time ?? null,
    expiresAt: exp,
    confirmation,
    delegation,
  })
}

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/** Undefined unless it names a key, a certificate or both, and nothing else. */
export function readConfirmation(cnf: unknown): Confirmation | undefined {
  if (typeof cnf !== 'object' || cnf === null) return undefined
  const members = Object.entries(cnf)
  const isKnown = ([name, value]: [string, unknown]) =>
    (name === 'jkt' || name === 'x5t#S256') && typeof value === 'string' && THUMBPRINT.test(value)
  if (members.length === 0 || !members.every(isKnown)) return undefined
  const { jkt = null, 'x5t#S256': x5t = null } = Object.fromEntries<string>(members)
  return { jkt, x5t }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
