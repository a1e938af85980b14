import type { ClientId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'
import type { Page, PageRequest } from './page.ts'

/**
 * A registered client. States: pending -> active -> removed. A removed row stays as a tombstone, so that the token endpoint can
 * answer `invalid_client` and the authorization page can explain.
 */
export interface StoredClient {
  readonly tenant: TenantId
  readonly clientId: ClientId
  /** How it came to be known: RFC 7591, a Client ID Metadata Document, or the operator. */
  readonly kind: 'dynamic' | 'metadataDocument' | 'preregistered'
  readonly status: 'pending' | 'active' | 'removed'
  /** RFC 7591 client metadata as JSON, without secrets. */
  readonly metadata: string
  /** Client secret, sealed; null for public clients. */
  readonly sealedSecret: Uint8Array | null
  readonly createdAt: number
  readonly approvedAt: number | null
  readonly approvedBy: string | null
}

export interface ClientsPort {
  /** Counts and inserts in one step. `full` when the tenant already holds `clientsMax` clients that are not removed. */
  register(
    client: StoredClient,
    clientsMax: number,
    audit: readonly AuditEntry[],
  ): Promise<'registered' | 'full' | 'exists'>
  find(tenant: TenantId, clientId: ClientId): Promise<StoredClient | null>
  list(
    tenant: TenantId,
    filter: { readonly status?: StoredClient['status'] },
    page: PageRequest,
  ): Promise<Page<StoredClient>>
  approve(
    tenant: TenantId,
    clientId: ClientId,
    approvedBy: string,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'approved' | 'notPending' | 'unknown'>
  /** Leaves a tombstone and revokes every grant and engine document of the client in the same transaction (feed: `client`). */
  remove(
    tenant: TenantId,
    clientId: ClientId,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'removed' | 'unknown'>
  /**
   * Forgets at most `max` clients, oldest first, that registered before then and are still pending: nobody has approved them, so they
   * hold nothing. Answers how many. They leave no tombstone.
   */
  collectPending(tenant: TenantId, createdBefore: number, max: number): Promise<number>
}
