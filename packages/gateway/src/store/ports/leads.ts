import type { TenantId } from '#core/ids.ts'
import type { AuditPort, SequencedEntry, StoredCheckpoint } from './audit.ts'

/**
 * Who gives places in a tenant's audit log and signs it. One process at a time: what is done under a lead happens only while the store
 * itself knows that nobody else holds one, so a process that slept, or lost its connection, does nothing and is told.
 */
export interface LeadsPort {
  /** Null while somebody else leads. */
  tryLead(tenant: TenantId): Promise<Lead | null>
}

export interface Lead {
  readonly isHeld: boolean
  /** As AuditPort.sequence. Rejects once the lead is lost. */
  sequence(max: number): Promise<readonly SequencedEntry[]>
  /** As AuditPort.addCheckpoint. Rejects once the lead is lost. */
  addCheckpoint(checkpoint: StoredCheckpoint): Promise<void>
  /** Lets another lead. */
  release(): Promise<void>
}

/** Of a store that one process has to itself. */
export function leadAlone(audit: Pick<AuditPort, 'sequence' | 'addCheckpoint'>): LeadsPort {
  return {
    tryLead: async (tenant) => ({
      isHeld: true,
      sequence: (max) => audit.sequence(tenant, max),
      addCheckpoint: (checkpoint) => audit.addCheckpoint(checkpoint),
      release: async () => undefined,
    }),
  }
}
