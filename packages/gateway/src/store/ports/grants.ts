import type { ClientId, GrantId, ServerId, SubjectId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'
import type { Page, PageRequest } from './page.ts'

/** One authorization of one client by one subject for one server. States: live -> revoked (or expired). */
export interface StoredGrant {
  readonly tenant: TenantId
  readonly grantId: GrantId
  /** Assigned by the store in commit order; subject, client and tenant revocations compare it, not clocks. */
  readonly number: number
  readonly subject: SubjectId
  readonly clientId: ClientId
  readonly server: ServerId
  /** The resource identifier (RFC 8707) the grant is for. */
  readonly resource: string
  readonly scopes: readonly string[]
  readonly createdAt: number
  readonly expiresAt: number
  readonly revokedAt: number | null
  readonly revokedCause: string | null
  /** Of what the client said it was when the person consented; null where it cannot change without us. */
  readonly clientDigest: string | null
  /** The login at an identity provider that it was opened by, and ends with; null where there was none. */
  readonly loginId: string | null
}

export type NewGrant = Omit<StoredGrant, 'number' | 'revokedAt' | 'revokedCause' | 'clientDigest' | 'loginId'> &
  Partial<Pick<StoredGrant, 'clientDigest' | 'loginId'>>

export type GrantSelector =
  | { readonly grantId: GrantId }
  | { readonly subject: SubjectId }
  | { readonly clientId: ClientId }

export interface GrantsPort {
  find(tenant: TenantId, grantId: GrantId): Promise<StoredGrant | null>
  list(
    tenant: TenantId,
    filter: {
      readonly subject?: SubjectId
      readonly clientId?: ClientId
      readonly server?: ServerId
      readonly liveAt?: number
    },
    page: PageRequest,
  ): Promise<Page<StoredGrant>>
  /**
   * Marks live grants revoked, deletes their engine documents and writes the feed (`grant` each, plus `subject` or `client` for those
   * selectors), all in one transaction. Answers the grants that were live.
   */
  revoke(
    tenant: TenantId,
    selector: GrantSelector,
    cause: string,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<readonly GrantId[]>
  /**
   * Ends everything that anybody may do: marks every live grant and API key of the tenant revoked, deletes all logins, codes and refresh
   * tokens, and writes one `tenant` entry into the feed. Answers how many grants were live.
   */
  revokeAll(tenant: TenantId, cause: string, now: number, audit: readonly AuditEntry[]): Promise<number>
  /** Denies one access token until it would have expired anyway (feed: `token`). */
  revokeToken(
    tenant: TenantId,
    tokenId: string,
    expiresAt: number,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<void>
}
