import { ok, type Result, refused } from '#core/result.ts'
import type { AdminRole, Snapshot } from '#core/snapshot.ts'
import { originIsAllowed } from '#http/cors.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { headerCount } from '#http/header-count.ts'
import type { Memberships } from '#identity/live-ports.ts'
import type { Principal } from '#identity/principal.ts'
import { ADMIN_API_PATH, adminApi } from '#policy/admin-api.ts'
import { baselineScopes, type Decision, decide } from '#policy/decide.ts'
import { resourceMetadataUrl } from '#wire/oauth/metadata-url.ts'
import { type BearerChallenge, printBearerChallenge } from '#wire/oauth/www-authenticate.ts'
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
  readonly memberships: Memberships
}

export interface DoorRefusal {
  readonly error: AdminError
  /** Value of WWW-Authenticate, for 401 and for the 403 that more scopes would end. */
  readonly challenge: string | null
}

/**
 * Lets callers of `P/api/v1` in: a bearer token of that audience and with the operation's scope, of a subject whose live roles hold an
 * admin role that allows the operation. Every refusal is recorded. A token for an MCP server does not open this door, nor the other way
 * round.
 */
export async function enterByToken(
  exchange: HttpExchange,
  operation: Operation,
  { verifier, memberships }: TokenDoor,
  { snapshots, audit }: AdminDependencies,
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
  const challenged = (error: BearerChallenge['error'] = null, scopes: readonly string[] = baselineScopes(api)) =>
    printBearerChallenge({
      realm: api.resource,
      resourceMetadata: resourceMetadataUrl(snapshot.publicUrl, ADMIN_API_PATH),
      scopes,
      error,
      errorDescription: error === null ? null : DESCRIPTIONS[error],
    })
  const unauthenticated = (reason: string, message: string, error: BearerChallenge['error'] = null) =>
    refuse(reason, adminError('unauthenticated', message), challenged(error))

  const { origin } = exchange.request.headers
  if (origin !== undefined && !originIsAllowed(origin, snapshot))
    return refuse('originForbidden', adminError('originForbidden', 'This page may not call the gateway.'))
  // RFC 9700 §4.3.2: a URL is seen by logs and proxies.
  if (exchange.query.has('access_token'))
    return unauthenticated('tokenInQuery', 'Send the token in the Authorization header.')
  const token = bearerToken(exchange)
  if (token === null) return unauthenticated('tokenMissing', 'An access token is needed.')
  const verified = await verifier.verify(token, api.resource, exchange.clientAddress)
  if (!verified.ok && verified.refusal.kind === 'unavailable')
    return refuse('verifierUnavailable', adminError('unavailable', 'Tokens cannot be checked now. Try again soon.'))
  if (!verified.ok) return unauthenticated('tokenInvalid', 'The access token is not valid here.', 'invalid_token')
  const principal = verified.value
  if (principal.tenant !== snapshot.tenant)
    return unauthenticated('tenantMismatch', 'The access token is not valid here.', 'invalid_token')

  const membership = await memberships.rolesOf(principal.tenant, principal.subject)
  const roles = membership?.roles ?? []
  const admin = adminRoles(roles, snapshot)
  // Roles before scopes: nobody is sent to consent for what their role would not let them do afterwards.
  const decision: Decision =
    accessOf(admin, operation.id) === 'none'
      ? { kind: 'roleForbids' }
      : decide({ server: api, roles, scopes: principal.scopes, toolClass: classOf(operation), tool: null }, snapshot)
  switch (decision.kind) {
    case 'permit':
      return ok({ kind: 'token', subject: principal.subject, clientId: principal.clientId, roles: admin })
    case 'roleForbids':
      return refuse('adminRoleForbids', adminError('forbidden', 'Your roles do not allow this.'), null, principal)
    case 'scopesMissing': {
      const error = adminError('insufficientScope', `This needs more scopes: ${decision.scopes.join(' ')}.`)
      const challenge = challenged('insufficient_scope', decision.scopes)
      return refuse('scopeInsufficient', error, challenge, principal)
    }
  }
}

const DESCRIPTIONS: Readonly<Record<NonNullable<BearerChallenge['error']>, string>> = {
  invalid_request: 'Send one access token, in the Authorization header',
  invalid_token: 'The access token is expired, revoked or not valid here',
  insufficient_scope: 'This call needs more scopes than the access token has',
}

/** RFC 6750 §2.1, once. */
function bearerToken({ request }: HttpExchange): string | null {
  const match = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization ?? '')
  return headerCount(request, 'authorization') === 1 && match !== null ? (match[1] ?? null) : null
}

function adminRoles(names: readonly string[], snapshot: Snapshot): ReadonlySet<AdminRole> {
  const roles = names.map((name) => snapshot.roles.get(name)?.admin ?? null)
  return new Set(roles.filter((role) => role !== null))
}
