import { ok, type Result, refused } from '#core/result.ts'
import type { AssertionClaims } from '#identity/verify-assertion.ts'
import { judgeTimes } from './judge-times.ts'

const SUBJECT_CHARACTERS_MAX = 256
const TOKEN_ID_CHARACTERS_MAX = 512
const LIST_MAX = 100

/** What an identity provider says: this person may use this client at that resource, now. */
export interface IdentityAssertion {
  readonly subject: string
  readonly tokenId: string
  /** Seconds since the epoch. */
  readonly until: number
  /** Where it is good; null where it does not say. */
  readonly resources: readonly string[] | null
  /** What it is good for, null where it does not say. */
  readonly scope: string | null
  /** The person's address, where the provider has checked it. */
  readonly email: string | null
  readonly authTime: number | null
  readonly amr: readonly string[] | null
}

/**
 * A verified ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant; MCP extension "enterprise-managed authorization"). Pure. `typ`, issuer
 * and signature have been judged. Refuses with an audit reason.
 */
export function judgeIdentityAssertion(
  claims: AssertionClaims,
  rules: {
    readonly publicUrl: string
    readonly clientId: string
    readonly now: number
    readonly lifetimeSecondsMax: number
  },
): Result<IdentityAssertion, string> {
  const { sub, jti, exp, aud, client_id: clientId, resource, scope, email, email_verified: verified } = claims
  // One audience, and it is this issuer: one that is good elsewhere too could be brought here by whoever got it there.
  const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
  if (audience !== rules.publicUrl) return refused('assertionForOthers')
  // Else a client could use the assertion that another was given.
  if (clientId !== rules.clientId) return refused('assertionForOtherClient')
  if (!isText(sub, SUBJECT_CHARACTERS_MAX) || !isText(jti, TOKEN_ID_CHARACTERS_MAX))
    return refused('assertionClaimMissing')
  const problem = judgeTimes(claims, rules)
  if (problem !== null) return refused(problem)
  const resources = resource === undefined ? null : readResources(resource)
  if (resources === undefined || (scope !== undefined && typeof scope !== 'string'))
    return refused('assertionClaimMalformed')
  const { auth_time: authTime, amr } = claims
  return ok({
    subject: sub,
    tokenId: jti,
    until: Number(exp),
    resources,
    scope: scope ?? null,
    email: typeof email === 'string' && (verified === undefined || verified === true) ? email : null,
    authTime: typeof authTime === 'number' && authTime <= rules.now ? Math.floor(authTime) : null,
    amr: readMethods(amr),
  })
}

function isText(value: unknown, charactersMax: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= charactersMax
}

function readResources(value: unknown): readonly string[] | undefined {
  const list = [value].flat()
  const isGood = list.length > 0 && list.length <= LIST_MAX && list.every((one) => typeof one === 'string')
  // Guaranteed by the check.
  return isGood ? (list as readonly string[]) : undefined
}

function readMethods(value: unknown): readonly string[] | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > LIST_MAX) return null
  return value.every((one) => typeof one === 'string') ? (value as readonly string[]) : null
}
