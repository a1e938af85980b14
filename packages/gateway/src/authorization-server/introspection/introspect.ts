import type { AuditTrail } from '#audit/trail.ts'
import type { IntrospectionClient, Snapshot, SnapshotSource } from '#core/snapshot.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { readForm } from '#http/form.ts'
import { headerCount } from '#http/header-count.ts'
import { sendJson } from '#http/respond.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import type { FailureBudget } from '#identity/failure-budget.ts'
import type { Principal } from '#identity/principal.ts'
import { actorsOf } from '#identity/read-delegation.ts'
import { findProtectedResource } from '#policy/admin-api.ts'
import { serviceScopes, servicesOf } from '#policy/services.ts'
import { actorClaim } from '../grants/token-exchange.ts'
import { answerNotAvailable } from '../not-available.ts'
import { authenticateResourceServer } from './authenticate-resource-server.ts'

/** Longer than any token of ours. */
const TOKEN_CHARACTERS_MAX = 8_192

export interface IntrospectDependencies {
  readonly snapshots: SnapshotSource
  /** As the doors of the servers use it: access tokens and API keys, with all that revokes them. */
  readonly doors: Pick<AccessTokenVerifier, 'verify'>
  readonly audit: AuditTrail
  readonly failures: FailureBudget
  readonly onFailure: (requestId: string, cause: unknown) => void
}

/**
 * RFC 7662: tells a resource server what a token is good for at its own servers, as of this moment. Of every other token, that of another
 * server, a refresh token, one that never was, it says `{"active": false}` and nothing else.
 */
export async function introspect(exchange: HttpExchange, dependencies: IntrospectDependencies): Promise<void> {
  const { snapshots, failures, onFailure } = dependencies
  const snapshot = snapshots.current()
  const { request, clientAddress, requestId } = exchange
  if (failures.waitSeconds(clientAddress) > 0) return await refuse(exchange, snapshot, dependencies, 429)
  const form = headerCount(request, 'authorization') > 1 ? null : await readForm(request)
  if (form === null || !form.ok) return await refuse(exchange, snapshot, dependencies, form?.refusal.status ?? 400)
  const client = authenticateResourceServer(request.headers.authorization, form.value, snapshot)
  if (client === null) return await refuse(exchange, snapshot, dependencies, 401)
  const token = form.value.get('token')
  if (token === null || token === '') return await refuse(exchange, snapshot, dependencies, 400)
  try {
    const found = token.length > TOKEN_CHARACTERS_MAX ? null : await findActive(token, client, dependencies)
    if (found === 'unavailable') return answerNotAvailable(exchange, 'program')
    answer(exchange, found === null ? { active: false } : describe(found, snapshot))
  } catch (cause) {
    onFailure(requestId, cause)
    answerNotAvailable(exchange, 'program')
  }
}

/** The token's principal, where it opens one of the client's servers now; a service has to be in the configuration still. */
async function findActive(
  token: string,
  { id, resources }: IntrospectionClient,
  { doors, snapshots }: IntrospectDependencies,
): Promise<Principal | 'unavailable' | null> {
  for (const resource of resources) {
    // Failures count against who asks, not against the address that it shares with agents.
    const verified = await doors.verify(token, resource, `introspection of ${id}`)
    if (verified.ok) return isStillNamed(verified.value, snapshots.current()) ? verified.value : null
    if (verified.refusal.kind === 'unavailable') return 'unavailable'
  }
  return null
}

function isStillNamed({ kind, subject }: Principal, snapshot: Snapshot): boolean {
  return kind !== 'service' || servicesOf(snapshot).has(subject)
}

/** What of its scopes a service holds now; people's roles are judged at the doors. */
function scopesNow({ kind, subject, scopes, resource }: Principal, snapshot: Snapshot): readonly string[] {
  if (kind !== 'service') return scopes
  const service = servicesOf(snapshot).get(subject)
  const server = findProtectedResource(resource, snapshot)
  const held = service === undefined || server === null ? [] : serviceScopes(service, server)
  return scopes.filter((scope) => held.includes(scope))
}

/** RFC 7662 §2.2, with `cnf` of RFC 8705 §3.2 and RFC 9449 §6.2: a bound token is worth nothing without its key or certificate. */
function describe(principal: Principal, snapshot: Snapshot): Record<string, unknown> {
  const { publicUrl } = snapshot
  const { clientId, subject, resource, expiresAt, tokenId, confirmation, acr, authTime, delegation } = principal
  const bound = {
    ...(confirmation?.jkt == null ? {} : { jkt: confirmation.jkt }),
    ...(confirmation?.x5t == null ? {} : { 'x5t#S256': confirmation.x5t }),
  }
  return {
    active: true,
    iss: publicUrl,
    sub: subject,
    aud: resource,
    client_id: clientId,
    scope: scopesNow(principal, snapshot).join(' '),
    exp: expiresAt,
    jti: tokenId,
    token_type: confirmation?.jkt == null ? 'Bearer' : 'DPoP',
    ...(acr === null ? {} : { acr }),
    ...(authTime === null ? {} : { auth_time: authTime }),
    ...(confirmation === null ? {} : { cnf: bound }),
    ...(delegation == null ? {} : { act: actorClaim(actorsOf(clientId, delegation)) }),
  }
}

function answer({ response }: HttpExchange, body: Record<string, unknown>, status = 200, headers = {}): void {
  sendJson(response, status, body, { 'cache-control': 'no-store', ...headers })
}

const PROBLEMS = {
  400: ['invalid_request', 'Send the token as a form, once.'],
  401: ['invalid_client', 'Only resource servers of the configuration may ask about tokens.'],
  408: ['invalid_request', 'The form took too long to arrive.'],
  413: ['invalid_request', 'The form is too large.'],
  415: ['invalid_request', 'The content type must be application/x-www-form-urlencoded.'],
  429: ['temporarily_unavailable', 'Too many failed requests came from this address. Try again later.'],
} as const

async function refuse(
  exchange: HttpExchange,
  { tenant }: Snapshot,
  { audit, failures, onFailure }: IntrospectDependencies,
  status: keyof typeof PROBLEMS,
): Promise<void> {
  const { requestId, clientAddress } = exchange
  const [error, problem] = PROBLEMS[status]
  const wait = failures.waitSeconds(clientAddress)
  if (status !== 429) failures.countFailure(clientAddress)
  const detail = { endpoint: 'introspect', status }
  const reason = status === 401 ? 'introspectionRefused' : status === 429 ? 'tooManyRequests' : 'malformedBody'
  try {
    const event = { tenant, activity: 'request.refused', outcome: 'refused', reason, requestId, detail } as const
    await audit.refusedUnauthenticated(event, clientAddress)
  } catch (cause) {
    onFailure(requestId, cause)
    return answerNotAvailable(exchange, 'program')
  }
  const headers = {
    // RFC 6749 §5.2.
    ...(status === 401 ? { 'www-authenticate': 'Basic realm="introspection"' } : {}),
    ...(status === 429 ? { 'retry-after': String(wait) } : {}),
  }
  answer(exchange, { error, error_description: `${problem} (request ${requestId})` }, status, headers)
}
