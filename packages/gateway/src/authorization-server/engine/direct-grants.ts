import { decodeJwt } from 'jose'
import { type Context, errors, type GrantHandler, type Provider } from 'oidc-provider'
import type { AuditTrail } from '#audit/trail.ts'
import { acrOf } from '#core/acr.ts'
import type { Clock } from '#core/clock.ts'
import { asClientId, asGrantId } from '#core/ids.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import type { AccessTokenVerifier } from '#identity/access-tokens.ts'
import type { IssuerKeys } from '#identity/issuer-keys.ts'
import { readAssertion, verifyAssertion } from '#identity/verify-assertion.ts'
import type { Store } from '#store/ports/store.ts'
import { ID_JAG_TYPE, JWT_BEARER } from '../assertions/admit-workload.ts'
import { judgeIdentityAssertion } from '../assertions/judge-identity-assertion.ts'
import { linkSubject } from '../assertions/link-subject.ts'
import { clientCredentials } from '../grants/client-credentials.ts'
import { type DirectIssue, type GrantProblem, type GrantResult, granted, problem } from '../grants/direct-issue.ts'
import { accessAsserted, assertedGrant } from '../grants/identity-assertion.ts'
import { standingGrant } from '../grants/standing-grant.ts'
import {
  ACCESS_TOKEN_TYPE,
  type ExchangeParameters,
  exchangeProblem,
  exchangeToken,
  subjectTokenRefused,
} from '../grants/token-exchange.ts'
import { accessTokenSeconds } from '../lifetimes.ts'
import { currentUnit, type UnitOfWork } from './unit-of-work.ts'

export interface DirectGrantsDependencies {
  readonly audit: AuditTrail
  /** Of those whose assertions are taken. */
  readonly issuerKeys: IssuerKeys
  /** What judges access tokens at the doors. */
  readonly accessTokens: Pick<AccessTokenVerifier, 'verify'>
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
}

type Decide = (context: Context, unit: UnitOfWork) => Promise<GrantResult<DirectIssue>>

/**
 * Grants that no person at a browser consents to. Who may have what is decided by us; then the engine's own `client_credentials` makes the
 * token, so that keys and certificates bind it as they bind every other. `issue` is that handler.
 */
export function offerDirectGrants(
  provider: Provider,
  issue: GrantHandler,
  dependencies: DirectGrantsDependencies,
): void {
  const offer = (grantType: string, parameters: readonly string[], decide: Decide) =>
    provider.registerGrantType(
      grantType,
      async (context) => {
        const unit = currentUnit()
        const decided = await decide(context, unit)
        if (!decided.ok) throw refusalOf(decided.refusal, unit)
        openGrant(decided.value, unit)
        const params = context.oidc?.params
        if (params === undefined) throw new Error('a token request without parameters')
        params['scope'] = decided.value.scopes.join(' ')
        params['resource'] = decided.value.resource.resource
        await issue(context)
        // RFC 8693 §2.2.1.
        if (grantType === TOKEN_EXCHANGE)
          context.body = { ...(context.body as object), issued_token_type: ACCESS_TOKEN_TYPE }
      },
      new Set(parameters),
    )
  offer('client_credentials', ['scope', 'resource'], (context, unit) => decideService(context, unit, dependencies))
  offer(JWT_BEARER, ['assertion', 'scope', 'resource'], (context, unit) => decideAssertion(context, unit, dependencies))
  offer(TOKEN_EXCHANGE, EXCHANGE_PARAMETERS, (context, unit) => decideExchange(context, unit, dependencies))
}

/** Model of the marks of assertions that are good once. */
export const USED_ASSERTION = 'UsedAssertion'
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const EXCHANGE_PARAMETERS = [
  'subject_token',
  'subject_token_type',
  'actor_token',
  'requested_token_type',
  'resource',
  'audience',
  'scope',
]

async function decideExchange(
  context: Context,
  unit: UnitOfWork,
  { accessTokens }: DirectGrantsDependencies,
): Promise<GrantResult<DirectIssue>> {
  const { snapshot } = unit
  const actor = snapshot.clients.get(asClientId(context.oidc?.client?.clientId ?? ''))
  if (actor === undefined) return problem('unauthorized_client', 'notAnActor', 'This client may not act for others.')
  const asked: ExchangeParameters = {
    subjectToken: parameter(context, 'subject_token'),
    subjectTokenType: parameter(context, 'subject_token_type'),
    actorToken: parameter(context, 'actor_token'),
    requestedTokenType: parameter(context, 'requested_token_type'),
    resource: parameter(context, 'resource'),
    audience: parameter(context, 'audience'),
    scope: parameter(context, 'scope'),
  }
  const shown = exchangeProblem(asked)
  if (!shown.ok) return shown
  const { subjectToken } = shown.value
  const verified = await accessTokens.verify(subjectToken, audienceOf(subjectToken), unit.clientAddress)
  if (!verified.ok && verified.refusal.kind === 'unavailable')
    return await unit.storing(() =>
      Promise.reject(new Error(`a subject token cannot be judged: ${verified.refusal.reason}`)),
    )
  if (!verified.ok) return subjectTokenRefused(verified.refusal.reason)
  const subject = verified.value
  // What the person consented to must still be what that client is; the commit compares.
  const first = subject.delegation?.exchanges.at(-1)?.clientId ?? subject.clientId
  if ((await unit.resolveClient(first)).kind !== 'active') return subjectTokenRefused('clientNotActive')
  const evidence = { jkt: unit.proof?.jkt ?? null, x5t: unit.certificate?.x5t ?? null }
  return exchangeToken(subject, actor, asked, evidence, snapshot)
}

/** Of a token that nobody has verified: the verifier then holds the token to it. */
function audienceOf(token: string): string {
  try {
    const { aud } = decodeJwt(token)
    return typeof aud === 'string' ? aud : ''
  } catch {
    return ''
  }
}

/** RFC 7523 §2.1: a client with an assertion about a person, or a workload, whose assertion was verified before the engine was asked anything. */
async function decideAssertion(
  context: Context,
  unit: UnitOfWork,
  dependencies: DirectGrantsDependencies,
): Promise<GrantResult<DirectIssue>> {
  const { workload: admitted } = unit
  if (admitted === null) return decideIdentity(context, unit, dependencies)
  const { use, issuer, subject } = admitted
  if (use !== null && (await unit.find(USED_ASSERTION, use.key)) !== undefined) return assertionReplayed()
  const decided = await decideService(context, unit, dependencies)
  if (!decided.ok) return decided
  // Two at once meet in the insert. A request that is refused for something else leaves the assertion good.
  if (use !== null) unit.put('insert', USED_ASSERTION, use.key, {}, Math.max(1, use.until - unit.now))
  return { ok: true, value: { ...decided.value, detail: { assertionIssuer: issuer, assertionSubject: subject } } }
}

/** An assertion about a person (ID-JAG), brought by a client that has authenticated. */
async function decideIdentity(
  context: Context,
  unit: UnitOfWork,
  dependencies: DirectGrantsDependencies,
): Promise<GrantResult<DirectIssue>> {
  const { store, issuerKeys, clock, random } = dependencies
  const { snapshot, now } = unit
  const clientId = asClientId(context.oidc?.client?.clientId ?? '')
  const text = parameter(context, 'assertion')
  if (text === null) return problem('invalid_request', 'assertionMissing', 'assertion is missing.')
  const client = await unit.resolveClient(clientId)
  const isProved = client.kind === 'active' && client.client.metadata.token_endpoint_auth_method !== 'none'
  const read = readAssertion(text, snapshot.trustedIssuers ?? [])
  if (!read.ok) return assertionRefused(read.refusal)
  const { issuer, type } = read.value
  const rules = issuer.identityAssertions ?? null
  // A workload's assertion beside a client, or a client that could be anybody, such as who only knows what a workload is called.
  if (type !== ID_JAG_TYPE || rules === null || !isProved) return assertionRefused('assertionNotTaken')
  const verified = await verifyAssertion(read.value, issuerKeys)
  if (!verified.ok && verified.refusal.kind === 'unavailable')
    return await unit.storing(() => Promise.reject(new Error(verified.refusal.reason)))
  if (!verified.ok) return assertionRefused(verified.refusal.reason)
  const { lifetimeSecondsMax } = rules
  const { publicUrl } = snapshot
  const judged = judgeIdentityAssertion(verified.value, { publicUrl, clientId, now, lifetimeSecondsMax })
  if (!judged.ok) return assertionRefused(judged.refusal)
  const asserted = judged.value
  const key = `${issuer.issuer} ${asserted.tokenId}`
  if ((await unit.find(USED_ASSERTION, key)) !== undefined) return assertionReplayed()

  const identity = { issuer, subject: asserted.subject, email: asserted.email }
  const linked = await unit.storing(() => linkSubject(identity, unit, dependencies))
  if (!linked.ok) return assertionRefused(linked.refusal)
  const { subject, roles } = linked.value
  const clientScopes = snapshot.clients.get(clientId)?.scopes ?? null
  const asked = { resource: parameter(context, 'resource'), scope: parameter(context, 'scope') }
  const access = accessAsserted(asserted, asked, { roles, clientScopes }, snapshot)
  if (!access.ok) return access
  const { resource, scopes } = access.value
  const place = { issuer: issuer.issuer, subject, clientId, resource: resource.resource, scopes }
  const { grantId, expiresAt } = assertedGrant(place, now)
  const known = await unit.storing(() => store.grants.find(snapshot.tenant, grantId))
  const grant: DirectIssue['grant'] =
    known === null
      ? { kind: 'new', grantId, scopes, expiresAt }
      : known.revokedAt === null
        ? { kind: 'standing', grantId }
        : // What was revoked is not brought back; the provider's next word opens another.
          { kind: 'new', grantId: asGrantId(uuidv7(random, clock.nowMs())), scopes, expiresAt }
  unit.put('insert', USED_ASSERTION, key, {}, Math.max(1, asserted.until - now))
  const login = {
    ...(asserted.authTime === null ? {} : { auth_time: asserted.authTime }),
    ...(asserted.amr === null ? {} : { acr: acrOf(asserted.amr) }),
  }
  const endsAt = now + accessTokenSeconds(resource, scopes, snapshot)
  const detail = { assertionIssuer: issuer.issuer, assertionId: asserted.tokenId }
  return granted({ subject, clientId, resource, scopes, grant, endsAt, claims: login, detail })
}

/** RFC 7523 §3.1: whatever is wrong with it. */
function assertionRefused(reason: string): GrantResult<never> {
  return problem('invalid_grant', reason, 'The assertion is not good for this client here.')
}

function assertionReplayed(): GrantResult<never> {
  return problem('invalid_grant', 'assertionReplayed', 'The assertion was used before.')
}

async function decideService(
  context: Context,
  unit: UnitOfWork,
  { store, clock, random }: DirectGrantsDependencies,
): Promise<GrantResult<DirectIssue>> {
  const clientId = context.oidc?.client?.clientId
  if (clientId === undefined) throw new Error('the grant of a client that is not authenticated')
  const { snapshot, now } = unit
  const asked = clientCredentials(
    { clientId, scope: parameter(context, 'scope'), resource: parameter(context, 'resource') },
    snapshot,
  )
  if (!asked.ok) return asked
  const { service, resource, scopes } = asked.value
  const endsAt = now + accessTokenSeconds(resource, scopes, snapshot)
  const { grants } = store
  const grant = await unit.storing(() =>
    standingGrant(asked.value, endsAt, { grants, tenant: snapshot.tenant, random, now, nowMs: clock.nowMs() }),
  )
  const { subject } = service
  return { ok: true, value: { subject, clientId: service.clientId, resource, scopes, grant, endsAt, detail: {} } }
}

/** The grant row comes to be together with the token, or is live at that moment. */
function openGrant(issue: DirectIssue, unit: UnitOfWork): void {
  unit.direct = issue
  const { grant, subject, clientId, resource } = issue
  if (grant.kind === 'standing') return
  unit.openGrant({
    tenant: unit.snapshot.tenant,
    grantId: grant.grantId,
    subject,
    clientId,
    server: resource.id,
    resource: resource.resource,
    scopes: grant.scopes,
    createdAt: unit.now,
    expiresAt: grant.expiresAt,
  })
}

/** One value: the form was refused where a parameter came twice. */
function parameter(context: Context, name: string): string | null {
  const value = context.oidc?.params?.[name]
  return typeof value === 'string' ? value : null
}

function refusalOf({ error, description, reason }: GrantProblem, unit: UnitOfWork): Error {
  unit.refusal ??= { code: error, description, detail: null, reason }
  return new errors.CustomOIDCProviderError(error, description)
}
