import type { ClientId } from '#core/ids.ts'
import type { PreregisteredClient, Snapshot } from '#core/snapshot.ts'
import type { Principal } from '#identity/principal.ts'
import { actorsOf, DELEGATIONS_MAX } from '#identity/read-delegation.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { scopeIsWithin, splitScopes } from '#policy/scopes.ts'
import { isScopeOf } from '../requested-scopes.ts'
import { resourceOf } from '../resource.ts'
import { type DirectIssue, type GrantResult, granted, problem } from './direct-issue.ts'

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

/** RFC 8693 §2.1, as it was sent. */
export interface ExchangeParameters {
  readonly subjectToken: string | null
  readonly subjectTokenType: string | null
  readonly actorToken: string | null
  readonly requestedTokenType: string | null
  readonly resource: string | null
  readonly audience: string | null
  readonly scope: string | null
}

/** What the request itself shows: whose key and certificate. Both are verified when the token is made. */
export interface ExchangeEvidence {
  readonly jkt: string | null
  readonly x5t: string | null
}

/** RFC 8693 §2.1, before the subject token is looked at. Null when there is something to look at. */
export function exchangeProblem(asked: ExchangeParameters): GrantResult<{ readonly subjectToken: string }> {
  const { subjectToken, subjectTokenType, actorToken, requestedTokenType } = asked
  if (subjectToken === null) return invalid('subjectTokenMissing', 'subject_token is missing.')
  // API keys and foreign tokens are other types; we exchange what we gave out.
  if (subjectTokenType !== ACCESS_TOKEN_TYPE)
    return invalid('subjectTokenTypeWrong', `subject_token_type must be ${ACCESS_TOKEN_TYPE}.`)
  if (requestedTokenType !== null && requestedTokenType !== ACCESS_TOKEN_TYPE)
    return invalid('requestedTokenTypeWrong', `requested_token_type must be ${ACCESS_TOKEN_TYPE}.`)
  // Who acts is who has authenticated, and nobody else.
  if (actorToken !== null) return invalid('actorTokenSent', 'actor_token is not accepted: the client is the actor.')
  return granted({ subjectToken })
}

/**
 * RFC 8693 for an access token of ours, verified. Pure. The new token is for the same server, of the same authorization, for scopes that
 * both the token and the actor hold, and ends no later.
 */
export function exchangeToken(
  subject: Principal,
  actor: PreregisteredClient,
  asked: ExchangeParameters,
  evidence: ExchangeEvidence,
  snapshot: Snapshot,
): GrantResult<DirectIssue> {
  const resource = findProtectedResource(subject.resource, snapshot)
  if (resource === null) return invalid('subjectTokenForNothing', NOT_GOOD)
  for (const target of [asked.resource, asked.audience]) {
    // RFC 8707: a token works at one server, and this one was given for that one.
    if (target !== null && resourceOf(target, snapshot)?.id !== resource.id)
      return problem('invalid_target', 'otherTarget', 'A token is exchanged for one of the same server.')
  }
  // RFC 9449, RFC 8705: a token that is bound is no use to whoever holds a copy, here neither.
  const { confirmation } = subject
  if (confirmation?.jkt != null && confirmation.jkt !== evidence.jkt) return invalid('subjectTokenBound', NOT_GOOD)
  if (confirmation?.x5t != null && confirmation.x5t !== evidence.x5t) return invalid('subjectTokenBound', NOT_GOOD)
  const before = subject.delegation?.exchanges ?? []
  if (before.length >= DELEGATIONS_MAX)
    return invalid('delegationTooDeep', 'This token has been handed on too often to be exchanged again.')
  if ([subject.clientId, ...before.map(({ clientId }) => clientId)].includes(actor.clientId))
    return invalid('actorAlready', 'This client had the authorization already.')

  const scopes = scopesFor(subject.scopes, actor.scopes, asked.scope, (text) => isScopeOf(text, resource))
  if (!scopes.ok) return scopes
  const exchanges = [{ clientId: subject.clientId, tokenId: subject.tokenId }, ...before]
  return granted({
    subject: subject.subject,
    clientId: actor.clientId,
    resource,
    scopes: scopes.value,
    grant: { kind: 'standing', grantId: subject.grantId },
    endsAt: subject.expiresAt,
    claims: {
      ...(subject.acr === null ? {} : { acr: subject.acr }),
      ...(subject.authTime === null ? {} : { auth_time: subject.authTime }),
      act: actorClaim(actorsOf(actor.clientId, { exchanges })),
      exchanged_from: exchanges.map(({ clientId, tokenId }) => ({ client_id: clientId, jti: tokenId })),
    },
    detail: { exchangedFrom: subject.tokenId, actsFor: subject.clientId },
  })
}

const NOT_GOOD = 'The subject token is not a good access token of this gateway for this client.'

/** RFC 8693 §4.1: the newest actor outermost. */
export function actorClaim([newest, ...earlier]: readonly ClientId[]): Record<string, unknown> {
  return earlier.length === 0 ? { sub: newest } : { sub: newest, act: actorClaim(earlier) }
}

function scopesFor(
  subject: readonly string[],
  actor: readonly string[],
  scope: string | null,
  isKnown: (text: string) => boolean,
): GrantResult<readonly string[]> {
  const isHeld = (text: string) => scopeIsWithin(subject, text) && scopeIsWithin(actor, text)
  const wanted = splitScopes(scope ?? undefined)
  if (wanted.length === 0) {
    const shared = [...new Set([...subject, ...actor])].filter((text) => isKnown(text) && isHeld(text))
    return shared.length > 0 ? granted(shared) : nothing()
  }
  const known = wanted.filter(isKnown)
  if (known.length === 0) return problem('invalid_scope', 'scopeUnknown', 'None of these scopes is one of that server.')
  return known.every(isHeld)
    ? granted(known)
    : problem('invalid_scope', 'scopeBeyondSubject', 'The subject token or this client does not hold all of these.')
}

function nothing(): GrantResult<never> {
  return problem('invalid_scope', 'noScopeShared', 'This client holds no scope that the subject token has.')
}

/** RFC 8693 §2.2.2: what is wrong with the subject token is an invalid request. */
function invalid(reason: string, description: string): GrantResult<never> {
  return problem('invalid_request', reason, description)
}

export const subjectTokenRefused = (reason: string): GrantResult<never> =>
  invalid(`subjectTokenInvalid: ${reason}`, NOT_GOOD)
