import type { OwnedAuditTrail } from '#audit/create-trail.ts'
import type { TenantId } from '#core/ids.ts'
import type { Settling } from './settling.ts'

/**
 * The last record but the log's own: nothing that could make or answer a call is open any more. `success` says that every call has its
 * outcome, and spares the next start from looking; where the parts before did not close in time, nobody knows. Answers which of the two it
 * was. Rejects if it cannot be written.
 */
export async function recordStop(
  audit: OwnedAuditTrail,
  tenant: TenantId,
  settling: Settling,
  parts: { readonly isWhole: boolean },
): Promise<boolean> {
  const stop = { tenant, activity: 'system.stop', requestId: null } as const
  const areSettled = [parts.isWhole, await settling.stop(), await audit.settle()]
  const isSettled = !areSettled.includes(false)
  await audit.record(
    isSettled ? { ...stop, outcome: 'success' } : { ...stop, outcome: 'failed', reason: 'outcomesOwed' },
  )
  return isSettled
}
