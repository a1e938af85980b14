import type { Clock } from '#core/clock.ts'
import type { TenantId } from '#core/ids.ts'
import type { StoredClient } from '#store/ports/clients.ts'
import type { Store } from '#store/ports/store.ts'
import type { NamedClient } from './lookalike-names.ts'
import { storedMetadata } from './metadata-schema.ts'
import type { ClientMetadataWire } from './registry.ts'

/** Active clients whose names are compared; beyond that the well-known names still are. */
const NAMES_MAX = 1_000
const PAGE_LIMIT = 200
/** A name registered a moment ago is not yet well known, so the list may be this old. */
const NAMES_FRESH_MS = 60_000

export interface KnownClient extends NamedClient {
  readonly clientId: string
  readonly createdAt: number
}

/** The names of the active clients, for comparing; read from the store at most once a minute per tenant. */
export interface KnownClients {
  list(tenant: TenantId): Promise<readonly KnownClient[]>
}

export function createKnownClients(store: Pick<Store, 'clients'>, clock: Clock): KnownClients {
  let last: {
    readonly tenant: TenantId
    readonly atMs: number
    readonly clients: Promise<readonly KnownClient[]>
  } | null = null
  return {
    async list(tenant) {
      const nowMs = clock.monotonicMs()
      if (last === null || last.tenant !== tenant || nowMs - last.atMs >= NAMES_FRESH_MS) {
        const clients = readNames(store, tenant)
        last = { tenant, atMs: nowMs, clients }
        // A failed read is not kept.
        clients.catch(() => {
          if (last?.clients === clients) last = null
        })
      }
      return await last.clients
    },
  }
}

async function readNames(store: Pick<Store, 'clients'>, tenant: TenantId): Promise<readonly KnownClient[]> {
  const known: KnownClient[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<Store['clients']['list']>> = await store.clients.list(
      tenant,
      { status: 'active' },
      { cursor, limit: PAGE_LIMIT },
    )
    for (const client of page.items) {
      const metadata = readStoredMetadata(client)
      if (metadata === null) continue
      known.push({
        clientId: client.clientId,
        createdAt: client.createdAt,
        name: metadata.client_name,
        clientIdHost: clientIdHost(client),
        redirectUris: metadata.redirect_uris,
      })
    }
    cursor = page.nextCursor
  } while (cursor !== null && known.length < NAMES_MAX)
  return known
}

/** Null when the row does not hold what this version would write: such a client is unknown rather than half known. */
export function readStoredMetadata(client: StoredClient): ClientMetadataWire | null {
  let value: unknown
  try {
    value = JSON.parse(client.metadata)
  } catch {
    return null
  }
  const parsed = storedMetadata.safeParse(value)
  if (!parsed.success) return null
  // The schema is the type's; zod writes optional members as `| undefined`, and JSON cannot hold undefined.
  return parsed.data as ClientMetadataWire
}

export function clientIdHost(client: Pick<StoredClient, 'kind' | 'clientId'>): string | null {
  return client.kind === 'metadataDocument' ? (URL.parse(client.clientId)?.host ?? null) : null
}
