import type { AuditTrail } from '#audit/trail.ts'
import type { Clock } from '#core/clock.ts'
import type { ClientId } from '#core/ids.ts'
import type { Random } from '#core/random.ts'
import type { Snapshot, SnapshotSource } from '#core/snapshot.ts'
import { createIssuerKeys, type IssuerKeys } from '#identity/issuer-keys.ts'
import type { Sealer } from '#keys/sealer.ts'
import { fetchDocument } from '#net/fetch-document.ts'
import type { StoredClient } from '#store/ports/clients.ts'
import type { Store } from '#store/ports/store.ts'
import { type Asker, admitDocumentClient } from './admit-document-client.ts'
import { clientDigest } from './client-digest.ts'
import { openClientSecret } from './client-secret.ts'
import { createDocumentCache, type DocumentCache } from './document-cache.ts'
import { HOST_PROBLEM, hostIsTrusted } from './document-hosts.ts'
import { fetchMetadataDocument } from './fetch-metadata-document.ts'
import { clientIdHost, createKnownClients, type KnownClients, readStoredMetadata } from './known-clients.ts'
import { findLookalikes, type NamedClient } from './lookalike-names.ts'
import { CLIENT_ID_URL_LENGTH_MAX, looksLikeUrl, parseMetadataDocumentUrl } from './metadata-document-url.ts'
import { preregisteredNames, resolvePreregistered, resolveWorkload } from './preregistered.ts'
import { isLocalhostOnly, redirectIsAllowed } from './redirect-uris.ts'
import { registerClient } from './register-client.ts'
import type { ClientMetadataWire, ClientRegistry, ClientResolution } from './registry.ts'

export interface RegistryDependencies {
  readonly store: Pick<Store, 'clients' | 'initialAccessTokens' | 'limits'>
  readonly snapshots: SnapshotSource
  readonly sealer: Sealer
  readonly audit: AuditTrail
  readonly clock: Clock
  readonly random: Random
  /** Injected by tests. */
  readonly fetch?: typeof fetchDocument | undefined
}

/** What resolving works with: the dependencies and the two caches. */
export interface RegistryContext extends RegistryDependencies {
  readonly documents: DocumentCache
  readonly known: KnownClients
  readonly fetch: typeof fetchDocument
  readonly issuerKeys: IssuerKeys
  readonly lookalikesOf: (client: NamedClient, snapshot: Snapshot) => Promise<readonly string[]>
}

/** Rejects only when the store is broken; whoever asked refuses then, with 503. */
export function createClientRegistry(dependencies: RegistryDependencies): ClientRegistry {
  const fetch = dependencies.fetch ?? fetchDocument
  const known = createKnownClients(dependencies.store, dependencies.clock)
  const context: RegistryContext = {
    ...dependencies,
    fetch,
    documents: createDocumentCache(dependencies.clock),
    known,
    issuerKeys: createIssuerKeys(fetch, dependencies.clock),
    lookalikesOf: async (client, snapshot) =>
      findLookalikes(client, [...(await known.list(snapshot.tenant)), ...preregisteredNames(snapshot)]),
  }
  return {
    resolve: (clientId, requestId, address = null) =>
      resolveClient(clientId, { requestId, address }, context.snapshots.current(), context),
    register: (body, caller) => registerClient(body, caller, context.snapshots.current(), context),
    redirectIsAllowed: (client, uri) => redirectIsAllowed(client, uri, context.snapshots.current().publicUrl),
  }
}

async function resolveClient(
  clientId: ClientId,
  asker: Asker,
  snapshot: Snapshot,
  context: RegistryContext,
): Promise<ClientResolution> {
  // Longer than any id we hand out or accept.
  if (clientId.length > CLIENT_ID_URL_LENGTH_MAX) return { kind: 'unknown' }
  const preregistered = snapshot.clients.get(clientId)
  if (preregistered !== undefined) return resolvePreregistered(preregistered)
  const workload = resolveWorkload(clientId, snapshot)
  if (workload !== null) return workload
  const stored = await context.store.clients.find(snapshot.tenant, clientId)
  if (stored !== null) return await resolveStored(stored, snapshot, context)
  if (!looksLikeUrl(clientId)) return { kind: 'unknown' }

  const admitted = await admitDocumentClient(clientId, asker, snapshot, context)
  if (admitted.kind !== 'stored') return admitted
  return await resolveStored(admitted.client, snapshot, context)
}

async function resolveStored(
  client: StoredClient,
  snapshot: Snapshot,
  context: RegistryContext,
): Promise<ClientResolution> {
  if (client.status === 'removed') return { kind: 'removed', cause: client.removedCause ?? 'operator' }
  const metadata = readStoredMetadata(client)
  if (metadata === null) return { kind: 'unknown' }
  if (client.status === 'pending') return { kind: 'pending', name: metadata.client_name }
  if (client.kind !== 'metadataDocument') return await activeClient(client, metadata, snapshot, context)

  // The row says that this client may be one; what it is, its document says, as of now.
  if (!snapshot.registration.metadataDocuments) return DOCUMENTS_OFF
  const target = parseMetadataDocumentUrl(client.clientId, snapshot)
  if (!target.ok) return { kind: 'documentInvalid', problem: target.refusal.problem }
  if (!hostIsTrusted(target.value.hostname, snapshot.registration.documentHosts)) return HOST_REFUSED
  const document = await context.documents.get(client.clientId, () =>
    fetchMetadataDocument(target.value, snapshot.publicUrl, context.fetch),
  )
  if (!document.ok) return { kind: 'documentInvalid', problem: document.refusal.problem }
  return await activeClient(client, document.value.metadata, snapshot, context)
}

async function activeClient(
  client: StoredClient,
  metadata: ClientMetadataWire,
  snapshot: Snapshot,
  context: RegistryContext,
): Promise<ClientResolution> {
  const host = clientIdHost(client)
  const known = [...(await context.known.list(snapshot.tenant)), ...preregisteredNames(snapshot)]
  // A name can only be mistaken for one that was there before.
  const earlier = known.filter((other) => other.clientId !== client.clientId && other.createdAt <= client.createdAt)
  return {
    kind: 'active',
    client: {
      clientId: client.clientId,
      metadata,
      secret: openClientSecret(client, context.sealer),
      issuedAt: client.createdAt,
      description: {
        digest: client.kind === 'metadataDocument' ? clientDigest(metadata) : null,
        name: metadata.client_name,
        clientIdHost: host,
        clientUri: metadata.client_uri ?? null,
        kind: client.kind,
        isLocalhostOnly: isLocalhostOnly(metadata.redirect_uris),
        lookalikes: findLookalikes(
          { name: metadata.client_name, clientIdHost: host, redirectUris: metadata.redirect_uris },
          earlier,
        ),
        registeredAt: client.createdAt,
      },
    },
  }
}

const HOST_REFUSED: ClientResolution = { kind: 'documentInvalid', problem: HOST_PROBLEM }

const DOCUMENTS_OFF: ClientResolution = {
  kind: 'documentInvalid',
  problem: 'This gateway does not accept URLs as client ids. Register the client instead.',
}
