import { ok, type Result, refused } from '#core/result.ts'
import type { AdminRole, LoginDemand, Snapshot } from '#core/snapshot.ts'
import { originIsAllowed } from '#http/cors.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { headerCount } from '#http/header-count.ts'
import type { Memberships } from '#identity/live-ports.ts'
import type { Principal } from '#identity/principal.ts'
import { DPOP_ALGORITHMS } from '#identity/sender/dpop-proof.ts'
import type { SenderCheck, SenderEvidence } from '#identity/sender/sender-check.ts'
import { ADMIN_API_PATH, adminApi } from '#policy/admin-api.ts'
import { baselineScopes, type Decision, decide } from '#policy/decide.ts'
import { demandOfCall, judgeLogin, printableDemand } from '#policy/login-demands.ts'
import { senderRequirement } from '#policy/sender-rules.ts'
import { parseCredential, type TokenCredential } from '#wire/oauth/credential.ts'
import { resourceMetadataUrl } from '#wire/oauth/metadata-url.ts'
import { type DpopChallenge, printBearerChallenge, printDpopChallenge } from '#wire/oauth/www-authenticate.ts'
import { type AdminError, adminError } from './errors.ts'
import { type AdminDependencies, type Caller, classOf, type Operation } from './operation.ts'
import { accessOf } from './permissions.ts'

/** The part of the access token verifier that the door needs. */
export interface TokenVerifier {
  verify(
    token: string,
    resource: string,
    address?: string,
  ): Promise<Result<Principal, { readonly kind: 'invalid' | 'unavailable'; readonly reason: string }>>
}

export interface TokenDoor {
  readonly verifier: TokenVerifier
  readonly senders: SenderCheck
  readonly memberships: Memberships
}

export interface DoorRefusal {
  readonly error: AdminError
  /** Value of WWW-Authenticate, for 401 and for the 403 that more scopes would end. */
  readonly challenge: string | null
}

/**
 * Lets callers of `P/api/v1` in: an access token of that audience, shown by whom it was given to, with the operation's scope, of a subject whose live roles hold an
 * admin role that allows the operation. Every refusal is recorded. A token for an MCP server does not open this door, nor the other way
 * round.
 */
export async function enterByToken(
  exchange: HttpExchange,
  operation: Operation,
  { verifier, senders, memberships }: TokenDoor,
  { snapshots, audit, clock }: AdminDependencies,
): Promise<Result<Caller, DoorRefusal>> {
  const snapshot = snapshots.current()
  const api = adminApi(snapshot)
  const refuse = async (
    reason: string,
    error: AdminError,
    challenge: string | null = null,
    principal: Principal | null = null,
  ) => {
    await audit.refusedUnauthenticated(
      {
        tenant: snapshot.tenant,
        activity: principal === null ? 'authenticate' : 'request.refused',
        outcome: 'refused',
        reason,
        requestId: exchange.requestId,
        method: operation.id,
        decision: { config: snapshot.version },
        ...(principal === null
          ? {}
          : { subject: principal.subject, clientId: principal.clientId, grantId: principal.grantId }),
      },
      exchange.clientAddress,
    )
    return refused({ error, challenge })
  }
  const credential = credentialOf(exchange)
  const scheme = credential.kind === 'token' ? credential.scheme : 'bearer'
  const challenged = (
    error: DpopChallenge['error'] = null,
    scopes: readonly string[] = baselineScopes(api),
    demand: LoginDemand | null = null,
  ) => {
    const resourceMetadata = resourceMetadataUrl(snapshot.publicUrl, ADMIN_API_PATH)
    const errorDescription = error === null ? null : DESCRIPTIONS[error]
    const login = demand === null ? {} : { login: printableDemand(demand) }
    const common = { realm: api.resource, resourceMetadata, scopes, errorDescription, ...login }
    return scheme === 'dpop' || error === 'invalid_dpop_proof' || error === 'use_dpop_nonce'
      ? printDpopChallenge({ ...common, error, algorithms: DPOP_ALGORITHMS })
      : printBearerChallenge({ ...common, error })
  }
  const unauthenticated = (reason: string, message: string, error: DpopChallenge['error'] = null) =>
    refuse(reason, adminError('unauthenticated', message), challenged(error))

  const { origin } = exchange.request.headers
  if (origin !== undefined && !originIsAllowed(origin, snapshot))
    return refuse('originForbidden', adminError('originForbidden', 'This page may not call the gateway.'))
  // RFC 9700 §4.3.2: a URL is seen by logs and proxies.
  if (exchange.query.has('access_token'))
    return unauthenticated('tokenInQuery', 'Send the token in the Authorization header.')
  if (credential.kind !== 'token') return unauthenticated('tokenMissing', 'An access token is needed.')
  const token = credential.token.reveal()
  const verified = await verifier.verify(token, api.resource, exchange.clientAddress)
  if (!verified.ok && verified.refusal.kind === 'unavailable')
    return refuse('verifierUnavailable', adminError('unavailable', 'Tokens cannot be checked now. Try again soon.'))
  if (!verified.ok) return unauthenticated('tokenInvalid', 'The access token is not valid here.', 'invalid_token')
  const principal = verified.value
  if (principal.tenant !== snapshot.tenant)
    return unauthenticated('tenantMismatch', 'The access token is not valid here.', 'invalid_token')

  const requirement = senderRequirement({ ...principal, resource: api }, snapshot)
  const proved = await senders.check(principal, evidenceOf(exchange, credential, snapshot.publicUrl), requirement)
  if (!proved.ok) {
    const problem = proved.refusal
    switch (problem.kind) {
      case 'unproven':
        return unauthenticated(problem.reason, BOUND_ELSEWHERE, 'invalid_token')
      case 'proofInvalid':
        return unauthenticated(problem.reason, DESCRIPTIONS.invalid_dpop_proof, 'invalid_dpop_proof')
      case 'nonceNeeded':
        exchange.response.setHeader('dpop-nonce', problem.nonce)
        return unauthenticated(problem.reason, DESCRIPTIONS.use_dpop_nonce, 'use_dpop_nonce')
      case 'tooMany':
      case 'unavailable':
        return refuse(problem.kind, adminError('unavailable', 'Tokens cannot be checked now. Try again soon.'))
    }
  }
  if (proved.value.nextNonce !== null) exchange.response.setHeader('dpop-nonce', proved.value.nextNonce)

  const membership = await memberships.rolesOf(principal.tenant, principal.subject)
  const roles = membership?.roles ?? []
  const admin = adminRoles(roles, snapshot)
  // Roles before scopes: nobody is sent to consent for what their role would not let them do afterwards.
  const decision: Decision =
    accessOf(admin, operation.id) === 'none'
      ? { kind: 'roleForbids' }
      : decide({ server: api, roles, scopes: principal.scopes, toolClass: classOf(operation), tool: null }, snapshot)
  switch (decision.kind) {
    case 'permit': {
      const demand = demandOfCall({ toolClass: classOf(operation), tool: null }, api, snapshot)
      const login = judgeLogin(principal, demand, clock.nowSeconds())
      if (login !== 'enough') {
        const error = adminError('unauthenticated', 'A stronger or more recent login is needed for this.')
        return refuse(login, error, challenged('insufficient_user_authentication', principal.scopes, demand), principal)
      }
      return ok({ kind: 'token', subject: principal.subject, clientId: principal.clientId, roles: admin })
    }
    case 'roleForbids':
      return refuse('adminRoleForbids', adminError('forbidden', 'Your roles do not allow this.'), null, principal)
    case 'scopesMissing': {
      const error = adminError('insufficientScope', `This needs more scopes: ${decision.scopes.join(' ')}.`)
      const challenge = challenged('insufficient_scope', decision.scopes)
      return refuse('scopeInsufficient', error, challenge, principal)
    }
  }
}

const BOUND_ELSEWHERE = 'The access token works only together with the key or certificate that it is bound to.'
const DESCRIPTIONS: Readonly<Record<NonNullable<DpopChallenge['error']>, string>> = {
  invalid_request: 'Send one access token, in the Authorization header',
  invalid_token: 'The access token is expired, revoked or not valid here',
  insufficient_scope: 'This call needs more scopes than the access token has',
  insufficient_user_authentication: 'This call needs a stronger or more recent login than the access token comes from',
  invalid_dpop_proof: 'The DPoP proof is missing or not valid for this request',
  use_dpop_nonce: 'Make the DPoP proof again, with the nonce of this answer',
}

/** RFC 6750 §2.1, RFC 9449 §4.3: one token, and at most one proof. */
function credentialOf({ request }: HttpExchange): TokenCredential {
  const isSingle = headerCount(request, 'authorization') === 1 && headerCount(request, 'dpop') <= 1
  return isSingle ? parseCredential(request.headers.authorization) : { kind: 'missing' }
}

function evidenceOf(
  { request, path, certificate, otherOrigin }: HttpExchange,
  { scheme, token }: Extract<TokenCredential, { kind: 'token' }>,
  publicUrl: string,
): SenderEvidence {
  const { dpop } = request.headers
  return {
    scheme,
    token: token.reveal(),
    proof: typeof dpop === 'string' ? dpop : null,
    method: request.method ?? '',
    // The path was checked to have one spelling; the origin is ours.
    url: `${otherOrigin ?? publicUrl}${path}`,
    certificate: certificate ?? null,
  }
}

function adminRoles(names: readonly string[], snapshot: Snapshot): ReadonlySet<AdminRole> {
  const roles = names.map((name) => snapshot.roles.get(name)?.admin ?? null)
  return new Set(roles.filter((role) => role !== null))
}
