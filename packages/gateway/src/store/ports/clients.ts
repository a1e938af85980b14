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
  /** What let it in without a person: `token:` and the id of an initial access token, or `statement:` and its issuer. */
  readonly admittedBy: string | null
  /** Better known names that its name could be mistaken for, as of its registration. */
  readonly lookalikes: readonly string[]
  /** Why it is a tombstone. */
  readonly removedCause: 'operator' | 'unused' | null
}

/** Nothing special is known of it, where nothing is said. */
export type NewClient = Omit<StoredClient, 'admittedBy' | 'lookalikes' | 'removedCause'> &
  Partial<Pick<StoredClient, 'admittedBy' | 'lookalikes'>>

/** What lets a client in without a person, checked and counted in the step that registers it. */
export type ClientAdmission =
  | { readonly kind: 'token'; readonly tokenId: string; readonly hash: string; readonly now: number }
  | { readonly kind: 'statement'; readonly issuer: string; readonly clientsMax: number }

export interface ClientsPort {
  /** Counts and inserts in one step. `full` when the tenant already holds `clientsMax` clients that are not removed. */
  register(
    client: NewClient,
    clientsMax: number,
    audit: readonly AuditEntry[],
    admission?: ClientAdmission,
  ): Promise<'registered' | 'full' | 'exists' | 'tokenNotUsable' | 'issuerFull'>
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
  /**
   * Active clients that came by themselves, were let in before then, hold no live grant, were given none since, and have no
   * authorization under way; oldest first.
   */
  listUnused(tenant: TenantId, unusedSince: number, now: number, max: number): Promise<readonly ClientId[]>
  /**
   * Removes one of those if it is still one, in the order of grants: one opened meanwhile keeps it. A registered client becomes a
   * tombstone; a metadata document is forgotten, and may come back.
   */
  removeUnused(
    tenant: TenantId,
    clientId: ClientId,
    unusedSince: number,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'removed' | 'inUse'>
}
