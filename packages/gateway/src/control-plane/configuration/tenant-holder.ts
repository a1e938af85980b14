import type { AuditTrail } from '#audit/trail.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { recordApplied, type SnapshotHolder } from './holder.ts'
import type { LoadedConfiguration } from './load.ts'

export interface TenantHolderOptions {
  /** Reads the files, of the gateway and of all its tenants, and takes them or leaves them as a whole. */
  readonly whole: SnapshotHolder
  readonly tenant: TenantId
  readonly first: LoadedConfiguration
  /** The tenant's own. */
  readonly audit: AuditTrail
  readonly log: Log
}

/**
 * One tenant's part of the configuration in force, as if there were no other. A change is recorded in the tenant's log before it holds; if that cannot be
 * written, nothing of the change holds, for nobody. Of a bad configuration the tenant is told its own problems alone.
 */
export async function openTenantSnapshots({
  whole,
  tenant,
  first,
  audit,
  log,
}: TenantHolderOptions): Promise<SnapshotHolder> {
  let inForce = first
  const listeners = new Set<(snapshot: Snapshot) => void>()
  const recorders = new Set<(next: LoadedConfiguration) => Promise<void>>()
  const stops = [
    whole.beforeSwap(async (next) => {
      const own = next.tenants.get(tenant)
      if (own === undefined) return
      for (const record of recorders) await record(own)
      await recordApplied({ audit, log }, own)
    }),
    whole.onSwap(() => {
      const next = whole.loaded().tenants.get(tenant)
      // Taken away: it is about to be closed.
      if (next === undefined) return
      inForce = next
      for (const listener of listeners) listener(next.snapshot)
    }),
  ]
  // What came between the reading of `first` and now was not heard of here.
  inForce = whole.loaded().tenants.get(tenant) ?? first
  await recordApplied({ audit, log }, inForce)
  return {
    current: () => inForce.snapshot,
    loaded: () => inForce,
    health: () => {
      const { state, problems } = whole.health()
      return { state, problems: problems.filter(({ file }) => inForce.files.includes(file)) }
    },
    reload: () => whole.reload(),
    beforeSwap: (record) => {
      recorders.add(record)
      return () => recorders.delete(record)
    },
    onSwap: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => {
      for (const stop of stops) stop()
    },
  }
}
