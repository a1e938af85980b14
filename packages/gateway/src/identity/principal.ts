import type { ClientId, GrantId, SubjectId, TenantId, TokenId } from '#core/ids.ts'

/** What a verified access token says. Made only by `VerifiedPrincipal.fromVerifiedToken`, which only the token verifier calls. */
export interface Principal {
  readonly tenant: TenantId
  readonly subject: SubjectId
  readonly kind: 'user' | 'workload'
  readonly clientId: ClientId
  readonly scopes: readonly string[]
  /** The audience the token was verified for. */
  readonly resource: string
  readonly acr: string | null
  readonly authTime: number | null
  readonly grantId: GrantId
  /** Store-assigned number of the grant; subject, client and tenant revocations compare it. */
  readonly grantNumber: number
  readonly tokenId: TokenId
  /** Seconds since the epoch. */
  readonly expiresAt: number
}
