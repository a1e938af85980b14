import type { ClientId, SubjectId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'
import type { NewGrant, StoredGrant } from './grants.ts'
import type { Page, PageRequest } from './page.ts'

/**
 * A key that an account's programs open the door with. States: live -> revoked (or expired). It has a grant for each server it is bound
 * to, and at most two secrets at a time: while it is rotated, the old one until its end beside the new one.
 */
export interface StoredApiKey {
  readonly tenant: TenantId
  /** The client of its grants: what records and revocations call it. */
  readonly keyId: ClientId
  readonly name: string
  readonly subject: SubjectId
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly revokedAt: number | null
  readonly revokedCause: string | null
  /** Minutes late, and lost with a process that is killed: it is noted in bulk. */
  readonly lastUsedAt: number | null
  /** Times it was rotated. */
  readonly rotations: number
  readonly secrets: readonly ApiKeySecret[]
  readonly grants: readonly StoredGrant[]
}

export interface ApiKeySecret {
  /** In front of the secret in the key's text; a name, not a secret. */
  readonly secretId: string
  /** SHA-256 of the whole text. */
  readonly hash: string
  readonly createdAt: number
  readonly endsAt: number
}

export type NewApiKey = Pick<
  StoredApiKey,
  'tenant' | 'keyId' | 'name' | 'subject' | 'createdAt' | 'createdBy' | 'expiresAt'
> & { readonly secret: ApiKeySecret; readonly grants: readonly NewGrant[] }

export interface ApiKeyRotation {
  /** Rotations that whoever asks has seen: a second rotation at the same time is refused. */
  readonly seen: number
  readonly secret: ApiKeySecret
  /** When the secret in use ends at the latest; one still older ends at once. */
  readonly previousEndsAt: number
  /** The key's and its live grants' new end. */
  readonly expiresAt: number
}

export interface ApiKeysPort {
  /** Counts, checks the account and inserts in one step. `full`: so many keys of this tenant are neither revoked nor expired. */
  create(
    key: NewApiKey,
    keysMax: number,
    audit: readonly AuditEntry[],
  ): Promise<'created' | 'full' | 'subjectNotActive'>
  find(tenant: TenantId, keyId: ClientId): Promise<StoredApiKey | null>
  findBySecret(tenant: TenantId, secretId: string): Promise<StoredApiKey | null>
  /** Newest first. */
  list(
    tenant: TenantId,
    filter: { readonly subject?: SubjectId; readonly liveAt?: number },
    page: PageRequest,
  ): Promise<Page<StoredApiKey>>
  /** Feed: `token` for each secret that ends now. `notLive`: revoked, expired, or without a live grant. */
  rotate(
    tenant: TenantId,
    keyId: ClientId,
    rotation: ApiKeyRotation,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'rotated' | 'rotatedMeanwhile' | 'notLive' | 'unknown'>
  /** Ends every grant and secret of the key (feed: `grant` each, and `client`). */
  revoke(
    tenant: TenantId,
    keyId: ClientId,
    cause: string,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'revoked' | 'notLive' | 'unknown'>
  /** Notes uses in bulk; an older one than is known changes nothing. */
  noteUses(tenant: TenantId, uses: readonly { readonly keyId: ClientId; readonly at: number }[]): Promise<void>
}
