import { acrOf } from '#core/acr.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { ExternalIssuer } from '#core/snapshot.ts'
import type { Confirmation } from '../principal.ts'
import { readConfirmation } from '../read-claims.ts'

const SKEW_SECONDS = 60
const TEXT_CHARACTERS_MAX = 255
const VALUES_MAX = 500
/** What an ID token has and an access token never (OpenID Connect Core §2, §3.3.2.11). */
const OF_ID_TOKENS = ['nonce', 'at_hash', 'c_hash', 's_hash']

/** What a token of an external issuer says, judged. */
export interface ExternalClaims {
  /** `sub` there. */
  readonly externalSubject: string
  /** Its client there. */
  readonly client: string
  /** Values of the scope claim, in the issuer's words. */
  readonly values: readonly string[]
  readonly tokenId: string | null
  readonly issuedAt: number
  readonly expiresAt: number
  readonly acr: string | null
  readonly authTime: number | null
  readonly confirmation: Confirmation | null
  /** All of them, for rules about roles. */
  readonly all: Readonly<Record<string, unknown>>
}

/**
 * RFC 9068 §4 for tokens of others, as strictly as their issuers allow: issuer and audience byte for byte, one audience, an end that is not too
 * far. `isAnswer`: the claims are the issuer's own answer about a token (RFC 7662 §2.2), which has no signature and may leave its name and the
 * time of issue out. Refuses with a reason for the log. Pure.
 */
export function judgeExternalClaims(
  claims: Readonly<Record<string, unknown>>,
  issuer: ExternalIssuer,
  { audience, now, isAnswer }: { readonly audience: string; readonly now: number; readonly isAnswer: boolean },
): Result<ExternalClaims, string> {
  const { iss, aud, sub, iat, exp, nbf, jti, cnf, act, amr, auth_time } = claims
  if (iss !== issuer.issuer && !(isAnswer && iss === undefined)) return refused('issuerMismatch')
  // A list with others in it would make one token work at two doors.
  if (aud !== audience && !(Array.isArray(aud) && aud.length === 1 && aud[0] === audience))
    return refused('audienceMismatch')
  if (!isAnswer && OF_ID_TOKENS.some((name) => claims[name] !== undefined)) return refused('idTokenAsAccessToken')
  const issuedAt = iat === undefined && isAnswer ? now : iat
  if (!isTime(exp) || !isTime(issuedAt)) return refused('claimMissing')
  if (exp <= now) return refused('expired')
  if (issuedAt > now + SKEW_SECONDS) return refused('issuedInFuture')
  if (nbf !== undefined && (!isTime(nbf) || nbf > now + SKEW_SECONDS)) return refused('notYetValid')
  if (exp - issuedAt > issuer.lifetimeSecondsMax) return refused('livesTooLong')
  const client = issuer.claims.client.map((name) => claims[name]).find((value) => value !== undefined)
  if (!isText(sub) || !isText(client)) return refused('claimMissing')
  if (jti !== undefined && !isText(jti)) return refused('claimMalformed')
  if (auth_time !== undefined && !isTime(auth_time)) return refused('claimMalformed')
  // Somebody acts for somebody else by rules that nobody here knows.
  if (act !== undefined) return refused('delegationUnknown')
  const confirmation = cnf === undefined ? null : readConfirmation(cnf)
  if (confirmation === undefined) return refused('confirmationUnknown')
  const values = valuesOf(claims[issuer.claims.scope])
  if (values === null) return refused('claimMalformed')
  const methods = Array.isArray(amr) ? amr.filter((one): one is string => typeof one === 'string') : []
  return ok({
    externalSubject: sub,
    client,
    values,
    tokenId: jti ?? null,
    issuedAt,
    expiresAt: exp,
    acr: methods.length === 0 ? null : acrOf(methods),
    authTime: auth_time ?? null,
    confirmation,
    all: claims,
  })
}

/** One string with spaces, or a list; null for anything else. Absent is none. */
function valuesOf(claim: unknown): readonly string[] | null {
  if (claim === undefined) return []
  const list = typeof claim === 'string' ? claim.split(' ') : claim
  if (!Array.isArray(list) || list.length > VALUES_MAX) return null
  return list.every((value): value is string => typeof value === 'string') ? list.filter((value) => value !== '') : null
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_CHARACTERS_MAX
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
