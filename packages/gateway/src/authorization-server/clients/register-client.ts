import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import { asClientId, type RequestId } from '#core/ids.ts'
import { type Random, randomToken } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { Sealer } from '#keys/sealer.ts'
import { addressGroup } from '#net/addresses.ts'
import type { StoredClient } from '#store/ports/clients.ts'
import type { Store } from '#store/ports/store.ts'
import { CERTIFICATE_AUTH_METHODS } from '../metadata.ts'
import { acceptMetadata } from './accept-metadata.ts'
import { clientSecretContext } from './client-secret.ts'
import type { ClientMetadataWire, RegistrationAnswer } from './registry.ts'

/** Marks our own ids, which therefore never look like a metadata document's URL (draft-ietf-oauth-client-id-metadata-document §7.1). */
const CLIENT_ID_PREFIX = 'sp_'
const CLIENT_ID_BYTES = 24
const CLIENT_SECRET_BYTES = 32
const HOUR_SECONDS = 3600
/** An operator has to remove clients first; asking sooner is of no use. */
const FULL_RETRY_AFTER_SECONDS = 3600

export interface RegistrationDependencies {
  readonly store: Pick<Store, 'clients' | 'limits'>
  readonly sealer: Sealer
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
}

export interface RegistrationCaller {
  readonly address: string
  readonly requestId: RequestId
}

/**
 * RFC 7591 §3: one registration attempt, whatever it brought. Every attempt counts towards its address's hour, refused ones too.
 * Rejects only when the store is broken.
 */
export async function registerClient(
  body: unknown,
  caller: RegistrationCaller,
  snapshot: Snapshot,
  dependencies: RegistrationDependencies,
): Promise<RegistrationAnswer> {
  const { store, clock } = dependencies
  const refuse = async (reason: string, answer: RegistrationAnswer): Promise<RegistrationAnswer> => {
    const event = { tenant: snapshot.tenant, activity: 'client.register', outcome: 'refused', reason } as const
    await dependencies.audit.refusedUnauthenticated({ ...event, requestId: caller.requestId }, caller.address)
    return answer
  }
  const { mode, clientsMax, perAddressPerHour } = snapshot.registration
  if (mode === 'closed') return await refuse('registrationClosed', CLOSED)

  const draw = {
    key: `register:${addressGroup(caller.address)}`,
    burst: perAddressPerHour,
    periodSeconds: HOUR_SECONDS,
  }
  const drawn = await store.limits.draw(snapshot.tenant, [draw], clock.nowMs())
  if (drawn.kind !== 'allowed') return await refuse('registrationRate', tooMany(drawn.retryAfterSeconds))

  const accepted = acceptMetadata(body, {
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
  if (!accepted.ok)
    return await refuse(accepted.refusal.error, invalid(accepted.refusal.error, accepted.refusal.problem))

  const { metadata, scope } = accepted.value
  // ADR 0005: registration is open only while the gateway is on loopback, whatever the configuration says.
  const status = mode === 'open' && snapshot.isLoopback ? 'active' : 'pending'
  const { client, secret } = newClient(metadata, scope, status, snapshot, dependencies)
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
    },
    decision: { config: snapshot.version },
    personal: { name: metadata.client_name, address: caller.address, redirects: metadata.redirect_uris.join(' ') },
  })
  const outcome = await store.clients.register(client, clientsMax, [entry])
  if (outcome === 'full') return await refuse('clientsFull', FULL)
  // 192 random bits met twice: the randomness is broken, and nothing made from it may be handed out.
  if (outcome === 'exists') throw new Error('a generated client id already exists')
  return { status: 201, body: registered(client, metadata, secret), headers: NO_STORE }
}

function newClient(
  metadata: ClientMetadataWire,
  scope: string | null,
  status: 'active' | 'pending',
  snapshot: Snapshot,
  { clock, random, sealer }: RegistrationDependencies,
): { readonly client: StoredClient; readonly secret: string | null } {
  const clientId = asClientId(CLIENT_ID_PREFIX + randomToken(random, CLIENT_ID_BYTES))
  const secret = metadata.token_endpoint_auth_method.startsWith('client_secret_')
    ? randomToken(random, CLIENT_SECRET_BYTES)
    : null
  const context = clientSecretContext(snapshot.tenant, clientId)
  const client: StoredClient = {
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
  client: StoredClient,
  metadata: ClientMetadataWire,
  secret: string | null,
): Record<string, unknown> {
  return {
    client_id: client.clientId,
    client_id_issued_at: client.createdAt,
    // 0: does not expire.
    ...(secret === null ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    ...metadata,
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
      error_description: 'Too many registrations from this address. Try again later.',
    },
    headers: { ...NO_STORE, 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  }
}

function invalid(error: string, problem: string): RegistrationAnswer {
  return { status: 400, body: { error, error_description: problem }, headers: NO_STORE }
}
