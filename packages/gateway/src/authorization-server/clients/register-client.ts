import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import { asClientId, type RequestId } from '#core/ids.ts'
import { type Random, randomToken } from '#core/random.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { IssuerKeys } from '#identity/issuer-keys.ts'
import type { Sealer } from '#keys/sealer.ts'
import { addressGroup } from '#net/addresses.ts'
import type { ClientAdmission, NewClient } from '#store/ports/clients.ts'
import type { Store } from '#store/ports/store.ts'
import type { BearerCredential } from '#wire/oauth/bearer.ts'
import { CERTIFICATE_AUTH_METHODS } from '../metadata.ts'
import { acceptMetadata } from './accept-metadata.ts'
import { clientSecretContext } from './client-secret.ts'
import { judgeInitialAccessToken } from './judge-initial-access-token.ts'
import type { NamedClient } from './lookalike-names.ts'
import type { ClientMetadataWire, RegistrationAnswer } from './registry.ts'
import { verifySoftwareStatement } from './verify-software-statement.ts'

/** Marks our own ids, which therefore never look like a metadata document's URL (draft-ietf-oauth-client-id-metadata-document §7.1). */
const CLIENT_ID_PREFIX = 'sp_'
const CLIENT_ID_BYTES = 24
const CLIENT_SECRET_BYTES = 32
const HOUR_SECONDS = 3600
/** An operator has to remove clients first; asking sooner is of no use. */
const FULL_RETRY_AFTER_SECONDS = 3600

export interface RegistrationDependencies {
  readonly store: Pick<Store, 'clients' | 'initialAccessTokens' | 'limits'>
  readonly sealer: Sealer
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
  readonly issuerKeys: IssuerKeys
  /** Better known names that this client's could be mistaken for. */
  readonly lookalikesOf: (client: NamedClient, snapshot: Snapshot) => Promise<readonly string[]>
}

export interface RegistrationCaller {
  readonly address: string
  readonly requestId: RequestId
  readonly credential?: BearerCredential
}

/** What was shown besides the metadata, and what follows from it. */
interface Admitted {
  readonly metadata: unknown
  readonly admission: ClientAdmission | null
  /** As it was sent: RFC 7591 §3.2.1 wants it back unmodified. */
  readonly statement: string | null
}

/** Why not: for the audit log, and for the client. */
interface Refused {
  readonly reason: string
  readonly answer: RegistrationAnswer
}

/**
 * RFC 7591 §3: one registration attempt, whatever it brought. Every attempt counts towards its address's hour and everybody's, refused
 * ones too. Rejects only when the store is broken.
 */
export async function registerClient(
  body: unknown,
  caller: RegistrationCaller,
  snapshot: Snapshot,
  dependencies: RegistrationDependencies,
): Promise<RegistrationAnswer> {
  const { store } = dependencies
  const refuse = async ({ reason, answer }: Refused): Promise<RegistrationAnswer> => {
    const event = { tenant: snapshot.tenant, activity: 'client.register', outcome: 'refused', reason } as const
    await dependencies.audit.refusedUnauthenticated({ ...event, requestId: caller.requestId }, caller.address)
    return answer
  }
  if (snapshot.registration.mode === 'closed') return await refuse({ reason: 'registrationClosed', answer: CLOSED })
  const limited = await drawLimits(caller, snapshot, dependencies)
  if (limited !== null) return await refuse(limited)
  const admitted = await admit(body, caller, snapshot, dependencies)
  if (!admitted.ok) return await refuse(admitted.refusal)
  const { admission, statement } = admitted.value

  const accepted = acceptMetadata(admitted.value.metadata, {
    publicUrl: snapshot.publicUrl,
    authMethods: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      ...(snapshot.mutualTls === null ? [] : CERTIFICATE_AUTH_METHODS),
    ],
    // RFC 7591 §2.
    defaultAuthMethod: 'client_secret_basic',
  })
  if (!accepted.ok) {
    const { error, problem } = accepted.refusal
    return await refuse({ reason: error, answer: invalid(error, problem) })
  }

  const { metadata, scope } = accepted.value
  // ADR 0005: registration is open only while the gateway is on loopback, whatever the configuration says.
  const isOpen = snapshot.registration.mode === 'open' && snapshot.isLoopback
  const status = admission !== null || isOpen ? 'active' : 'pending'
  const { client_name: name, redirect_uris: redirectUris } = metadata
  const lookalikes = await dependencies.lookalikesOf({ name, clientIdHost: null, redirectUris }, snapshot)
  const made = newClient(metadata, scope, status, snapshot, dependencies)
  const client: NewClient = { ...made.client, admittedBy: admittedBy(admission), lookalikes }
  const entry = dependencies.audit.entry({
    tenant: snapshot.tenant,
    activity: 'client.register',
    outcome: 'success',
    requestId: caller.requestId,
    clientId: client.clientId,
    detail: {
      kind: client.kind,
      status,
      authMethod: metadata.token_endpoint_auth_method,
      redirects: metadata.redirect_uris.length,
      lookalikes: lookalikes.length,
      ...(admission === null ? {} : { admittedBy: admittedBy(admission) }),
    },
    decision: { config: snapshot.version },
    personal: { name: metadata.client_name, address: caller.address, redirects: metadata.redirect_uris.join(' ') },
  })
  const { clientsMax } = snapshot.registration
  switch (await store.clients.register(client, clientsMax, [entry], admission ?? undefined)) {
    case 'full':
      return await refuse({ reason: 'clientsFull', answer: FULL })
    case 'issuerFull':
      return await refuse({ reason: 'statementIssuerFull', answer: FULL })
    case 'tokenNotUsable':
      return await refuse({ reason: 'initialAccessTokenInvalid: usedUp', answer: badToken(snapshot) })
    // 192 random bits met twice: the randomness is broken, and nothing made from it may be handed out.
    case 'exists':
      throw new Error('a generated client id already exists')
    case 'registered':
      return { status: 201, body: registered(client, metadata, made.secret, statement), headers: NO_STORE }
  }
}

async function drawLimits(
  { address }: RegistrationCaller,
  { tenant, registration }: Snapshot,
  { store, clock }: RegistrationDependencies,
): Promise<Refused | null> {
  const { perAddressPerHour, perHour } = registration
  const draws = [
    { key: `register:${addressGroup(address)}`, burst: perAddressPerHour, periodSeconds: HOUR_SECONDS },
    { key: 'register', burst: perHour, periodSeconds: HOUR_SECONDS },
  ]
  const drawn = await store.limits.draw(tenant, draws, clock.nowMs())
  if (drawn.kind === 'allowed') return null
  const reason = drawn.key === 'register' ? 'registrationRateAll' : 'registrationRate'
  return { reason, answer: tooMany(drawn.retryAfterSeconds) }
}

/** Who vouches for this client: an initial access token, a software statement, or nobody. What is shown and no good refuses. */
async function admit(
  body: unknown,
  caller: RegistrationCaller,
  snapshot: Snapshot,
  dependencies: RegistrationDependencies,
): Promise<Result<Admitted, Refused>> {
  const { mode, statements } = snapshot.registration
  const token = await judgeInitialAccessToken(caller.credential ?? { kind: 'missing' }, snapshot.tenant, dependencies)
  if (!token.ok) return refused({ reason: token.refusal, answer: badToken(snapshot) })
  const sent = readStatement(body)
  // RFC 7591 §2.3: a server that knows no issuers may ignore statements.
  if (sent === undefined || statements.length === 0) {
    if (mode === 'statement' && token.value === null)
      return refused({ reason: 'statementNeeded', answer: invalid('invalid_software_statement', STATEMENT_NEEDED) })
    return ok({ metadata: body, admission: token.value, statement: null })
  }
  const rules = {
    issuers: statements,
    publicUrl: snapshot.publicUrl,
    nowSeconds: dependencies.clock.nowSeconds(),
  }
  const verified = await verifySoftwareStatement(sent, rules, dependencies.issuerKeys)
  if (!verified.ok) {
    const { error, reason } = verified.refusal
    return refused({ reason, answer: error === 'unavailable' ? NO_KEYS : invalid(error, STATEMENT_PROBLEMS[error]) })
  }
  const { issuer, metadata } = verified.value
  const { issuer: name, clientsMax } = issuer
  return ok({
    // The statement's word takes precedence over what stands beside it.
    metadata: { ...(body as Record<string, unknown>), ...metadata },
    // A token was made for this very client; it counts where both are shown.
    admission: token.value ?? { kind: 'statement', issuer: name, clientsMax },
    statement: verified.value.text,
  })
}

/** Undefined unless the body is an object that has one. */
function readStatement(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
  const statement: unknown = Reflect.get(body, 'software_statement')
  return statement === null ? undefined : statement
}

function admittedBy(admission: ClientAdmission | null): string | null {
  if (admission === null) return null
  return admission.kind === 'token' ? `token:${admission.tokenId}` : `statement:${admission.issuer}`
}

function newClient(
  metadata: ClientMetadataWire,
  scope: string | null,
  status: 'active' | 'pending',
  snapshot: Snapshot,
  { clock, random, sealer }: RegistrationDependencies,
): { readonly client: NewClient; readonly secret: string | null } {
  const clientId = asClientId(CLIENT_ID_PREFIX + randomToken(random, CLIENT_ID_BYTES))
  const secret = metadata.token_endpoint_auth_method.startsWith('client_secret_')
    ? randomToken(random, CLIENT_SECRET_BYTES)
    : null
  const context = clientSecretContext(snapshot.tenant, clientId)
  const client: NewClient = {
    tenant: snapshot.tenant,
    clientId,
    kind: 'dynamic',
    status,
    // The scope is kept for the record only: clients register whatever a resource advertised, and no scope is granted by registering.
    metadata: JSON.stringify(scope === null ? metadata : { ...metadata, scope }),
    sealedSecret: secret === null ? null : sealer.seal(new TextEncoder().encode(secret), context),
    createdAt: clock.nowSeconds(),
    approvedAt: null,
    approvedBy: null,
  }
  return { client, secret }
}

/** RFC 7591 §3.2.1: everything as registered, so that the client sees what was replaced or left out. */
function registered(
  client: NewClient,
  metadata: ClientMetadataWire,
  secret: string | null,
  statement: string | null,
): Record<string, unknown> {
  return {
    client_id: client.clientId,
    client_id_issued_at: client.createdAt,
    // 0: does not expire.
    ...(secret === null ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    ...metadata,
    ...(statement === null ? {} : { software_statement: statement }),
  }
}

/** RFC 7591 §3.2.1: the answer may hold a secret. */
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' }

const CLOSED: RegistrationAnswer = {
  status: 403,
  body: {
    error: 'access_denied',
    error_description: 'This gateway accepts no client registrations. Ask its operator to add the client.',
  },
  headers: NO_STORE,
}

const STATEMENT_NEEDED =
  'This gateway registers clients that bring a software statement of an issuer it trusts, or an initial access token.'
const STATEMENT_PROBLEMS = {
  invalid_software_statement: 'The software statement is not valid, has expired or is not for this gateway.',
  unapproved_software_statement: 'This gateway does not trust the issuer of the software statement.',
} as const
const KEYS_RETRY_AFTER_SECONDS = 60

const NO_KEYS: RegistrationAnswer = {
  status: 503,
  body: {
    error: 'temporarily_unavailable',
    error_description: 'The keys of the software statement’s issuer cannot be read just now.',
  },
  headers: { ...NO_STORE, 'retry-after': String(KEYS_RETRY_AFTER_SECONDS) },
}

/** RFC 6750 §3.1. The same words whatever is wrong with it. */
function badToken({ publicUrl }: Snapshot): RegistrationAnswer {
  const description = 'The initial access token is not valid, used up or expired'
  return {
    status: 401,
    body: { error: 'invalid_token', error_description: `${description}.` },
    headers: {
      ...NO_STORE,
      'www-authenticate': `Bearer realm="${publicUrl}/oauth/register", error="invalid_token", error_description="${description}"`,
    },
  }
}

const FULL: RegistrationAnswer = {
  status: 503,
  body: {
    error: 'temporarily_unavailable',
    error_description: 'This gateway keeps as many clients as it may. Ask its operator to remove some.',
  },
  headers: { ...NO_STORE, 'retry-after': String(FULL_RETRY_AFTER_SECONDS) },
}

function tooMany(retryAfterSeconds: number): RegistrationAnswer {
  return {
    status: 429,
    body: {
      error: 'temporarily_unavailable',
      error_description: 'Too many registrations just now. Try again later.',
    },
    headers: { ...NO_STORE, 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  }
}

function invalid(error: string, problem: string): RegistrationAnswer {
  return { status: 400, body: { error, error_description: problem }, headers: NO_STORE }
}
