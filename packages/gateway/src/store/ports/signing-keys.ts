import type { TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'

/** A signing key. States: next -> active -> retiring -> (deleted). `purpose` keeps token keys and the audit log's apart. */
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
  readonly createdAt: number
}

export interface SigningKeysPort {
  list(tenant: TenantId, purpose: StoredSigningKey['purpose']): Promise<readonly StoredSigningKey[]>
  /** Adds the key only if the tenant has none of that purpose; answers the keys now stored, so that two first starts agree. */
  addFirst(key: StoredSigningKey, audit: readonly AuditEntry[]): Promise<readonly StoredSigningKey[]>
}
