import type { TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'

/**
 * One run of one gateway on a store that several may use. States: alive -> ended -> (settled, and gone).
 * What calls were open when it ended is known from the log: its records name it.
 */
export interface StoredReplica {
  readonly id: string
  readonly state: 'alive' | 'ended'
  /** Grows as long as it lives. */
  readonly beats: number
  /** None of its records has a place before this one. */
  readonly fromPosition: number
}

export interface ReplicasPort {
  join(tenant: TenantId, id: string, now: number): Promise<void>
  /** `ended` when somebody ended it: it must join again, under another id. */
  beat(tenant: TenantId, id: string): Promise<'alive' | 'ended'>
  /**
   * Once this resolves, everything that was recorded by it is committed, and nothing more will be (`audit.append` by it rejects).
   * Ending it again, or one unknown, does nothing.
   */
  end(tenant: TenantId, id: string): Promise<void>
  list(tenant: TenantId): Promise<readonly StoredReplica[]>
  /** Forgets one that has ended, with the records that settle its calls. `unknown` when somebody settled it before, or it has not ended. */
  settle(tenant: TenantId, id: string, audit: readonly AuditEntry[]): Promise<'settled' | 'unknown'>
}
