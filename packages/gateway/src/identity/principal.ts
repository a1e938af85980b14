import type { ClientId, GrantId, SubjectId, TenantId, TokenId } from '#core/ids.ts'
import type { Delegation } from './read-delegation.ts'

/** What a verified access token says. Made only by `VerifiedPrincipal.fromVerifiedToken`, which only the token verifier calls. */
export interface Principal {
  readonly tenant: TenantId
  readonly subject: SubjectId
  readonly kind: 'user' | 'service'
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
  /** What the token is bound to; null for one that whoever holds it may use. */
  readonly confirmation: Confirmation | null
  /** Whose tokens this one was exchanged from; null or absent for one that its client was given itself. */
  readonly delegation?: Delegation | null
  /** Thumbprint of the certificate of the machine that sent this request, vouched for by an authority of ours; null without one. */
  readonly machine?: string | null
}

/** `cnf` of RFC 7800. At least one of both is there. */
export interface Confirmation {
  /** RFC 9449 §6.1: thumbprint of the key that signs the sender's proofs. */
  readonly jkt: string | null
  /** RFC 8705 §3.1: thumbprint of the sender's certificate. */
  readonly x5t: string | null
}
