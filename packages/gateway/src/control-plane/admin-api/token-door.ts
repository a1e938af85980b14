import { ok, type Result, refused } from '#core/result.ts'
import type { AdminRole, Snapshot } from '#core/snapshot.ts'
import { originIsAllowed } from '#http/cors.ts'
import type { HttpExchange } from '#http/exchange.ts'
import type { Memberships } from '#identity/live-ports.ts'
import type { Principal } from '#identity/principal.ts'
import { type AdminError, adminError } from './errors.ts'
import { API_PREFIX } from './openapi.ts'
import type { AdminDependencies, Caller } from './operation.ts'

/** The part of the access token verifier that the door needs. */
export interface TokenVerifier {
  verify(
    token: string,
    resource: string,
  ): Promise<Result<Principal, { readonly kind: 'invalid' | 'unavailable'; readonly reason: string }>>
}

export interface TokenDoor {
  readonly verifier: TokenVerifier
  readonly memberships: Memberships
}

export interface DoorRefusal {
  readonly error: AdminError
  /** Value of WWW-Authenticate, for 401. */
  readonly challenge: string | null
}

const CHALLENGE = 'Bearer realm="sallyport"'
const INVALID_TOKEN = `${CHALLENGE}, error="invalid_token"`

/**
 * Lets callers of `P/api/v1` in: a bearer token of that audience, of a subject whose live roles hold an admin role. Every refusal is
 * recorded. A token for an MCP server does not open this door, nor the other way round.
 */
export async function enterByToken(
  exchange: HttpExchange,
  operation: string,
  { verifier, memberships }: TokenDoor,
  { snapshots, audit }: AdminDependencies,
): Promise<Result<Caller, DoorRefusal>> {
  const snapshot = snapshots.current()
  const refuse = async (reason: string, error: AdminError, challenge: string | null = null) => {
    await audit.refusedUnauthenticated(
      {
        tenant: snapshot.tenant,
        activity: 'authenticate',
        outcome: 'refused',
        reason,
        requestId: exchange.requestId,
        method: operation,
      },
      exchange.clientAddress,
    )
    return refused({ error, challenge })
  }
  const { origin } = exchange.request.headers
  if (origin !== undefined && !originIsAllowed(origin, snapshot))
    return refuse('originForbidden', adminError('originForbidden', 'This page may not call the gateway.'))
  if (exchange.query.has('access_token'))
    // RFC 9700 §4.3.2: a URL is seen by logs and proxies.
    return refuse(
      'tokenInQuery',
      adminError('unauthenticated', 'Send the token in the Authorization header.'),
      CHALLENGE,
    )
  const token = bearerToken(exchange)
  if (token === null)
    return refuse('tokenMissing', adminError('unauthenticated', 'An access token is needed.'), CHALLENGE)
  const verified = await verifier.verify(token, `${snapshot.publicUrl}${API_PREFIX}`)
  if (!verified.ok) {
    if (verified.refusal.kind === 'unavailable')
      return refuse('verifierUnavailable', adminError('unavailable', 'Tokens cannot be checked now. Try again soon.'))
    return refuse('tokenInvalid', adminError('unauthenticated', 'The access token is not valid here.'), INVALID_TOKEN)
  }
  const principal = verified.value
  if (principal.tenant !== snapshot.tenant)
    return refuse('tenantMismatch', adminError('unauthenticated', 'The access token is not valid here.'), INVALID_TOKEN)
  const membership = await memberships.rolesOf(principal.tenant, principal.subject)
  return ok({
    kind: 'token',
    subject: principal.subject,
    clientId: principal.clientId,
    roles: adminRoles(membership?.roles ?? [], snapshot),
  })
}

/** RFC 6750 §2.1, once. */
function bearerToken({ request }: HttpExchange): string | null {
  let seen = 0
  for (let index = 0; index < request.rawHeaders.length; index += 2)
    if (request.rawHeaders[index]?.toLowerCase() === 'authorization') seen += 1
  const match = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization ?? '')
  return seen === 1 && match !== null ? (match[1] ?? null) : null
}

function adminRoles(names: readonly string[], snapshot: Snapshot): ReadonlySet<AdminRole> {
  const roles = names.map((name) => snapshot.roles.get(name)?.admin ?? null)
  return new Set(roles.filter((role) => role !== null))
}
