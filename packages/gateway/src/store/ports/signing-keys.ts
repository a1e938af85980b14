import type { TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'

/**
 * A signing key. States: next -> active -> retiring -> (deleted). Of each purpose and algorithm one key is active and at most one is next.
 * `purpose` keeps token keys and cookie keys apart. Times are seconds since the epoch.
 */
export interface StoredSigningKey {
  readonly tenant: TenantId
  readonly kid: string
  readonly purpose: 'accessToken' | 'cookie'
  readonly algorithm: string
  readonly status: 'next' | 'active' | 'retiring'
  /** Private JWK or raw key, sealed under the state's key-encryption key. */
  readonly sealed: Uint8Array
  /** Public JWK as JSON; null for symmetric keys. */
  readonly publicJwk: string | null
  /** Published since. */
  readonly createdAt: number
  /** For `next`: somebody wants it used from then on. Null: when the schedule says. */
  readonly dueAt: number | null
  readonly activatedAt: number | null
  readonly retiredAt: number | null
}

/** The key that signs now and the one that is to follow it, as whoever decided saw them: if they are others by now, nothing happens. */
export interface KeySuccession {
  readonly active: string
  readonly next: string
  readonly at: number
}

/** Every change is announced in the feed, so that each replica reads the keys anew. */
export interface SigningKeysPort {
  list(tenant: TenantId, purpose: StoredSigningKey['purpose']): Promise<readonly StoredSigningKey[]>
  /** Adds the key only if the tenant has none of that purpose and algorithm; answers the keys of the purpose, so that two first starts agree. */
  addFirst(key: StoredSigningKey, audit: readonly AuditEntry[]): Promise<readonly StoredSigningKey[]>
  /** Adds a key that is published and signs nothing yet. False, and nothing is done, if its algorithm has one. */
  addNext(key: StoredSigningKey, audit: readonly AuditEntry[]): Promise<boolean>
  /** This next key is wanted from `at` on, if not sooner. False if it is not next. */
  makeDue(tenant: TenantId, kid: string, at: number, audit: readonly AuditEntry[]): Promise<boolean>
  /** The active key retires, the next one signs: both or neither. */
  promote(tenant: TenantId, succession: KeySuccession, audit: readonly AuditEntry[]): Promise<boolean>
  /** As `promote`, but the active key is deleted: what it signed is believed no more. */
  withdraw(tenant: TenantId, succession: KeySuccession, audit: readonly AuditEntry[]): Promise<boolean>
  /** Deletes a key that has been retiring since `retiredBefore` or longer. */
  removeRetired(tenant: TenantId, kid: string, retiredBefore: number, audit: readonly AuditEntry[]): Promise<boolean>
}
