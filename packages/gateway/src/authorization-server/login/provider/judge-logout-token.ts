import { ok, type Result, refused } from '#core/result.ts'
import type { AssertionClaims } from '#identity/verify-assertion.ts'

/** OpenID Connect Back-Channel Logout 1.0 §2.4. */
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** §2.4 recommends two minutes; what comes later was kept by somebody. */
const AGE_SECONDS_MAX = 300
/** Clocks that differ. */
const SKEW_SECONDS = 60
const CHARACTERS_MAX = 255
/** §2.4: explicitly typed, or, as older providers send it, not typed or as any JWT. A token of another kind is none. */
const TYPES: ReadonlySet<string | null> = new Set(['logout+jwt', 'application/logout+jwt', 'JWT', null])

/** Whom a logout token names, and what makes it one of a kind. */
export interface LogoutToken {
  readonly externalSubject: string | null
  readonly sid: string | null
  readonly jti: string
  /** From then on it is refused by its age. */
  readonly endsAt: number
}

/** §2.6, from step 3: the claims of a token whose signature and issuer are verified. Refuses with a reason for the log. Pure. */
export function judgeLogoutToken(
  claims: AssertionClaims,
  type: string | null,
  { clientId, now }: { readonly clientId: string; readonly now: number },
): Result<LogoutToken, string> {
  if (!TYPES.has(type)) return refused('logoutTokenTypeWrong')
  const { aud, iat, exp, jti, events, nonce, sub, sid } = claims
  if (aud !== clientId && !(Array.isArray(aud) && aud.includes(clientId))) return refused('logoutTokenForAnother')
  if (!isTime(iat) || iat > now + SKEW_SECONDS || iat < now - AGE_SECONDS_MAX) return refused('logoutTokenTooOld')
  if (exp !== undefined && (!isTime(exp) || exp <= now - SKEW_SECONDS)) return refused('logoutTokenTooOld')
  if (!isLogoutEvent(events)) return refused('logoutTokenNotALogout')
  // An ID token, which is signed by the same key, has one or may have one: §2.4 forbids it here.
  if (nonce !== undefined) return refused('logoutTokenNotALogout')
  const named = { externalSubject: textOf(sub), sid: textOf(sid), jti: textOf(jti) }
  if (Object.values(named).includes(undefined) || named.jti == null) return refused('logoutTokenClaimMissing')
  if (named.externalSubject === null && named.sid === null) return refused('logoutTokenClaimMissing')
  return ok({
    externalSubject: named.externalSubject ?? null,
    sid: named.sid ?? null,
    jti: named.jti,
    endsAt: iat + AGE_SECONDS_MAX + SKEW_SECONDS,
  })
}

function isLogoutEvent(events: unknown): boolean {
  if (typeof events !== 'object' || events === null || !Object.hasOwn(events, EVENT)) return false
  const event: unknown = Object.getOwnPropertyDescriptor(events, EVENT)?.value
  return typeof event === 'object' && event !== null && !Array.isArray(event)
}

/** Null where it is not there, undefined where it is nothing that could be one. */
function textOf(value: unknown): string | null | undefined {
  if (value === undefined) return null
  return typeof value === 'string' && value !== '' && value.length <= CHARACTERS_MAX ? value : undefined
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
