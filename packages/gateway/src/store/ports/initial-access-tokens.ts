import type { TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'
import type { Page, PageRequest } from './page.ts'

/**
 * RFC 7591 §1.2: whoever shows it may register clients, so many times and until then. States: live -> used up, expired or revoked.
 * Counting is a part of `clients.register`.
 */
export interface InitialAccessToken {
  readonly tenant: TenantId
  /** In front of the secret in the token's text; a name, not a secret. */
  readonly tokenId: string
  readonly name: string
  /** SHA-256 of the whole text. */
  readonly hash: string
  readonly uses: number
  readonly usesMax: number
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  readonly revokedAt: number | null
}

export interface InitialAccessTokensPort {
  /** `full`: so many tokens of this tenant live. */
  create(
    token: Omit<InitialAccessToken, 'uses' | 'revokedAt'>,
    tokensMax: number,
    audit: readonly AuditEntry[],
  ): Promise<'created' | 'full'>
  find(tenant: TenantId, tokenId: string): Promise<InitialAccessToken | null>
  /** Newest first. */
  list(tenant: TenantId, filter: { readonly liveAt?: number }, page: PageRequest): Promise<Page<InitialAccessToken>>
  /** Clients that it let in stay. */
  revoke(
    tenant: TenantId,
    tokenId: string,
    now: number,
    audit: readonly AuditEntry[],
  ): Promise<'revoked' | 'notLive' | 'unknown'>
}
