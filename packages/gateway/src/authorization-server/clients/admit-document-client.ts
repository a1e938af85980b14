import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { ClientId, RequestId } from '#core/ids.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { addressGroup } from '#net/addresses.ts'
import type { fetchDocument } from '#net/fetch-document.ts'
import type { NewClient, StoredClient } from '#store/ports/clients.ts'
import type { Store } from '#store/ports/store.ts'
import type { DocumentCache } from './document-cache.ts'
import { HOST_PROBLEM, hostIsTrusted } from './document-hosts.ts'
import { fetchMetadataDocument, type MetadataDocument } from './fetch-metadata-document.ts'
import type { NamedClient } from './lookalike-names.ts'
import { parseMetadataDocumentUrl } from './metadata-document-url.ts'
import type { ClientResolution } from './registry.ts'

/**
 * Unknown documents looked up per hour: from one host, for one address, and in all. Anybody can ask for them, without a login; what one
 * address may ask for is a part of the whole, so that it cannot use that up for everybody.
 */
const LOOKUPS_PER_HOST_PER_HOUR = 20
const LOOKUPS_PER_ADDRESS_PER_HOUR = 40
const LOOKUPS_PER_HOUR = 200
const HOUR_SECONDS = 3600

export interface DocumentAdmission {
  readonly store: Pick<Store, 'clients' | 'limits'>
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly documents: DocumentCache
  readonly fetch: typeof fetchDocument
  readonly lookalikesOf: (client: NamedClient, snapshot: Snapshot) => Promise<readonly string[]>
}

/** Who asks. */
export interface Asker {
  readonly requestId: RequestId | null
  readonly address: string | null
}

type Unresolved = Exclude<ClientResolution, { readonly kind: 'active' }>

/**
 * A client id that is a URL and has not been seen before. Everything that can be refused without asking the other host is refused
 * first; a valid document becomes a row, once: active while registration is open, else pending, for the operator to approve.
 */
export async function admitDocumentClient(
  clientId: ClientId,
  { requestId, address }: Asker,
  snapshot: Snapshot,
  context: DocumentAdmission,
): Promise<{ readonly kind: 'stored'; readonly client: StoredClient } | Unresolved> {
  const refuse = async (reason: string, problem: string, host: string): Promise<Unresolved> => {
    const event = { tenant: snapshot.tenant, activity: 'client.register', outcome: 'refused', reason } as const
    // Counted by host: the caller's address is not known here, and the host is what somebody chose.
    await context.audit.refusedUnauthenticated({ ...event, requestId, detail: { kind: 'metadataDocument' } }, host)
    return { kind: 'documentInvalid', problem }
  }
  const { mode, metadataDocuments, clientsMax } = snapshot.registration
  if (!metadataDocuments)
    return await refuse(
      'documentsOff',
      'This gateway does not accept URLs as client ids. Register the client instead.',
      '-',
    )
  if (mode === 'closed')
    return await refuse(
      'registrationClosed',
      'This gateway accepts no new clients. Ask its operator to add this one.',
      '-',
    )
  if (mode === 'statement')
    return await refuse(
      'statementNeeded',
      'This gateway takes clients that register with a software statement or an initial access token.',
      '-',
    )
  const target = parseMetadataDocumentUrl(clientId, snapshot)
  if (!target.ok) return await refuse('clientIdInvalid', target.refusal.problem, '-')
  const { host, hostname } = target.value
  if (!hostIsTrusted(hostname, snapshot.registration.documentHosts))
    return await refuse('documentHostRefused', HOST_PROBLEM, host)

  const draws = [
    { key: `client-document:${host}`, burst: LOOKUPS_PER_HOST_PER_HOUR, periodSeconds: HOUR_SECONDS },
    { key: 'client-document', burst: LOOKUPS_PER_HOUR, periodSeconds: HOUR_SECONDS },
    ...(address === null
      ? []
      : [
          {
            key: `client-document:by:${addressGroup(address)}`,
            burst: LOOKUPS_PER_ADDRESS_PER_HOUR,
            periodSeconds: HOUR_SECONDS,
          },
        ]),
  ]
  const drawn = await context.store.limits.draw(snapshot.tenant, draws, context.clock.nowMs())
  if (drawn.kind !== 'allowed')
    return await refuse('documentRate', 'Too many new clients are being looked up. Try again later.', host)

  const document = await context.documents.get(clientId, () =>
    fetchMetadataDocument(target.value, snapshot.publicUrl, context.fetch),
  )
  if (!document.ok) return await refuse(document.refusal.reason, document.refusal.problem, host)

  const { client_name: name, redirect_uris: redirectUris } = document.value.metadata
  const lookalikes = await context.lookalikesOf({ name, clientIdHost: host, redirectUris }, snapshot)
  const client = { ...documentClient(clientId, document.value, snapshot, context.clock), lookalikes }
  const entry = context.audit.entry({
    tenant: snapshot.tenant,
    activity: 'client.register',
    outcome: 'success',
    requestId,
    clientId,
    detail: {
      kind: client.kind,
      status: client.status,
      authMethod: document.value.metadata.token_endpoint_auth_method,
      redirects: document.value.metadata.redirect_uris.length,
      lookalikes: lookalikes.length,
    },
    decision: { config: snapshot.version },
    personal: {
      name: document.value.metadata.client_name,
      redirects: document.value.metadata.redirect_uris.join(' '),
    },
  })
  const outcome = await context.store.clients.register(client, clientsMax, [entry])
  if (outcome === 'registered') return await storedAgain(clientId, snapshot, context)
  if (outcome === 'full')
    return await refuse(
      'clientsFull',
      'This gateway keeps as many clients as it may. Ask its operator to remove some.',
      host,
    )
  // Somebody else asked at the same moment: what they stored holds.
  return await storedAgain(clientId, snapshot, context)
}

async function storedAgain(
  clientId: ClientId,
  { tenant }: Snapshot,
  { store }: DocumentAdmission,
): Promise<{ readonly kind: 'stored'; readonly client: StoredClient } | Unresolved> {
  const stored = await store.clients.find(tenant, clientId)
  return stored === null ? { kind: 'unknown' } : { kind: 'stored', client: stored }
}

function documentClient(clientId: ClientId, document: MetadataDocument, snapshot: Snapshot, clock: Clock): NewClient {
  return {
    tenant: snapshot.tenant,
    clientId,
    kind: 'metadataDocument',
    // ADR 0005: open only while the gateway is on loopback, whatever the configuration says.
    status: snapshot.registration.mode === 'open' && snapshot.isLoopback ? 'active' : 'pending',
    // What the operator sees when approving. An active client is read from its document each time.
    metadata: JSON.stringify(document.metadata),
    sealedSecret: null,
    createdAt: clock.nowSeconds(),
    approvedAt: null,
    approvedBy: null,
  }
}
