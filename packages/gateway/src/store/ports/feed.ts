import type { TenantId } from '#core/ids.ts'

/** One change that every replica must learn of. Number order is commit order. */
export interface FeedEntry {
  readonly number: number
  readonly tenant: TenantId
  readonly kind: 'grant' | 'subject' | 'client' | 'tenant' | 'token' | 'membership' | 'signingKeys'
  /** Grant id, subject id, client id, tenant id, token id (jti) or key id, by kind. */
  readonly id: string
  readonly at: number
  /** For `subject`, `client` and `tenant`: grants with a number below this one are dead. Null for the other kinds. */
  readonly grantsBelow: number | null
}

export interface FeedPort {
  head(): Promise<number>
  /** Entries after `number`, in order, at most `max`. */
  since(number: number, max: number): Promise<readonly FeedEntry[]>
}
