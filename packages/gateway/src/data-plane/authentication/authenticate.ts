import { ok, type Result, refused } from '#core/result.ts'
import type { Secret } from '#core/secret.ts'
import type { AccessTokenVerifier, TokenProblem } from '#identity/access-tokens.ts'
import type { Principal } from '#identity/principal.ts'
import type { SenderCheck } from '#identity/sender/sender-check.ts'
import type { TokenScheme } from '#wire/oauth/credential.ts'
import type { RequestHead } from '../admission/request-head.ts'
import type { Refusal } from '../refusal.ts'
import { mustProveSender, proveSender } from './prove-sender.ts'

type ShownToken = { readonly token: Secret; readonly scheme: TokenScheme }

/** A request whose caller is known. Only `authenticate` makes one. */
class AuthenticatedRequest {
  readonly #made = true
  readonly head: RequestHead
  /** The token by which it came in. It opens the outer door and stops there. */
  readonly token: Secret
  /** How it was shown, which is how a refusal of it challenges. */
  readonly scheme: TokenScheme
  readonly principal: Principal
  /** What the caller's next DPoP proof has to repeat, if that is something newer; null otherwise. */
  readonly nextNonce: string | null

  constructor(head: RequestHead, shown: ShownToken, principal: Principal, nextNonce: string | null) {
    this.head = head
    this.token = shown.token
    this.scheme = shown.scheme
    this.principal = principal
    this.nextNonce = nextNonce
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
 * Second step of the road: an access token for this very server, shown by whom it was given to, or a refusal. A key set, store or feed that
 * cannot answer is 503 and never a challenge, because a challenge makes clients throw away a good token.
 */
export async function authenticate(
  head: RequestHead,
  verifier: AccessTokenVerifier,
  senders: SenderCheck,
): Promise<Result<Authenticated, Refusal>> {
  const { credential } = head
  // RFC 6750 §3.1: more than one method of sending a token is invalid_request.
  if (credential.kind === 'malformed' || head.hasSecondCredential) return refused({ name: 'authorizationMalformed' })
  if (credential.kind === 'missing') return refused({ name: 'tokenMissing' })
  const verified = await verifier.verify(credential.token.reveal(), head.server.resource, head.clientAddress)
  if (!verified.ok) return refused(toRefusal(verified.refusal, credential.scheme))
  const principal = withMachine(verified.value, head)
  if (!mustProveSender(head, credential, principal))
    return ok(new AuthenticatedRequest(head, credential, principal, null))
  const proved = await proveSender(head, credential, principal, senders)
  if (proved.refusal !== null) return refused(proved.refusal)
  return ok(new AuthenticatedRequest(head, credential, principal, proved.nextNonce))
}

/** Who asks, and from which machine, where an authority of ours vouches for that one. */
function withMachine(principal: Principal, { certificate, snapshot }: RequestHead): Principal {
  // Whether it is vouched for was judged with the request; a certificate without authorities names nobody.
  if (certificate?.isVouchedFor !== true || snapshot.mutualTls === null) return principal
  const known = fromMachines.get(principal)
  if (known?.machine === certificate.x5t) return known
  const both = { ...principal, machine: certificate.x5t }
  fromMachines.set(principal, both)
  return both
}

/** The same object for the same token and machine, so that what is kept beside it is found again. */
const fromMachines = new WeakMap<Principal, Principal>()

/**
 * Judges again what time can change: a body may drip for longer than a revoked or expired token may live. Null while the token stands.
 * What it says and who signed it was verified and cannot change.
 */
export async function stillStands(
  authenticated: Authenticated,
  verifier: AccessTokenVerifier,
): Promise<Refusal | null> {
  if (!isAuthenticated(authenticated)) throw new TypeError('the request is not authenticated')
  const { principal, head, scheme } = authenticated
  const judged = await verifier.judge(principal, head.server.resource)
  return judged.ok ? null : toRefusal(judged.refusal, scheme)
}

function toRefusal({ kind, reason }: TokenProblem, scheme: TokenScheme): Refusal {
  return kind === 'invalid' ? { name: 'tokenInvalid', reason, scheme } : { name: 'verifierUnavailable', reason }
}
