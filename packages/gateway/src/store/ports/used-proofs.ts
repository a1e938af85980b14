import type { TenantId } from '#core/ids.ts'

/** Which DPoP proofs have been used at the doors of servers, so that none is used twice (RFC 9449 §11.1). */
export interface UsedProofsPort {
  /** One of several callers is told `fresh`, whichever process they are in. `expiresAt`: seconds, when the proof is refused by its age. */
  use(tenant: TenantId, id: string, expiresAt: number): Promise<'fresh' | 'used'>
  /** Forgets at most `max` whose time was over before `now`. Answers how many. */
  collectExpired(now: number, max: number): Promise<number>
}
