import type { Sequencer } from '#audit/sequencer.ts'
import { settleInterruptedCalls, settleReplica } from '#audit/settle-interrupted-calls.ts'
import type { AuditTrail } from '#audit/trail.ts'
import type { TenantId } from '#core/ids.ts'
import type { Log } from '#core/log.ts'
import type { AuditPort } from '#store/ports/audit.ts'
import type { ReplicasPort } from '#store/ports/replicas.ts'

export interface SettlingSources {
  readonly replicas: ReplicasPort
  readonly port: AuditPort
  readonly trail: AuditTrail
  readonly sequencer: Sequencer
  readonly tenant: TenantId
  readonly log: Log
}

export interface Settling {
  /** Stops after the records being read. True if the calls of the last run all have their outcome. */
  stop(): Promise<boolean>
}

/**
 * Gives the calls that the last gateway left open their outcomes. Resolves once it is fixed which records those are; the work itself goes
 * on beside the first requests, because a log that grew for weeks must not keep the door shut. If it fails, the next start does it.
 */
export async function startSettling(sources: SettlingSources): Promise<Settling> {
  const { replicas, port, trail, sequencer, tenant, log } = sources
  // From the time when several gateways shared what was copied here: all of them are gone.
  const gone = await replicas.list(tenant)
  for (const { id } of gone) await replicas.end(tenant, id)
  await sequencer.settle()
  const size = await port.size(tenant)
  const stopping = new AbortController()
  const settleAll = async () => {
    let calls = 0
    const { signal } = stopping
    for (const replica of gone)
      calls += (await settleReplica({ port, trail, tenant, size, signal, replicas, replica })) ?? 0
    return calls + (await settleInterruptedCalls({ port, trail, tenant, size, signal }))
  }
  const settled = settleAll().then(
    (calls) => {
      if (calls > 0) log.warn('calls that were under way when the gateway ended have the outcome unknown', { calls })
      return true
    },
    (cause: unknown) => {
      if (!stopping.signal.aborted) log.error('the calls of the last run could not be settled', { cause })
      return false
    },
  )
  return {
    stop: () => {
      stopping.abort()
      return settled
    },
  }
}
