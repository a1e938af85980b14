import { ok, type Result, refused } from '#core/result.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import type { Principal } from '#identity/principal.ts'
import { parseBearer } from '#wire/oauth/bearer.ts'
import type { RequestHead } from '../admission/request-head.ts'
import type { Refusal } from '../refusal.ts'

/** A request whose caller is known. Only `authenticate` makes one. */
class AuthenticatedRequest {
  readonly #made = true
  readonly head: RequestHead
  readonly principal: Principal

  constructor(head: RequestHead, principal: Principal) {
    this.head = head
    this.principal = principal
    Object.freeze(this)
  }

  static isMade(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #made in value
  }
}
// Otherwise `authenticated.constructor` would be a way to make another.
Reflect.deleteProperty(AuthenticatedRequest.prototype, 'constructor')

export type Authenticated = AuthenticatedRequest

/** False for anything that did not come out of `authenticate`, whatever its shape. */
export function isAuthenticated(value: unknown): value is Authenticated {
  return AuthenticatedRequest.isMade(value)
}

/**
 * Second step of the road: a bearer token for this very server, or a refusal. A key set, store or feed that cannot answer is 503 and never
 * a challenge, because a challenge makes clients throw away a good token.
 */
export async function authenticate(
  head: RequestHead,
  verifier: AccessTokenVerifier,
): Promise<Result<Authenticated, Refusal>> {
  const credential = parseBearer(head.authorization?.reveal())
  // RFC 6750 §3.1: more than one method of sending a token is invalid_request.
  if (credential.kind === 'malformed' || (head.authorization !== null && head.hasOtherCredential)) {
    return refused({ name: 'authorizationMalformed' })
  }
  if (credential.kind === 'missing') return refused({ name: 'tokenMissing' })
  const verified = await verifier.verify(credential.token.reveal(), head.server.resource, head.clientAddress)
  if (verified.ok) return ok(new AuthenticatedRequest(head, verified.value))
  const { kind, reason } = verified.refusal
  return refused(kind === 'invalid' ? { name: 'tokenInvalid', reason } : { name: 'verifierUnavailable', reason })
}
