import type { AuditTrail } from '#audit/trail.ts'
import type { SnapshotSource } from '#core/snapshot.ts'
import type { ListenerRefusal } from '#http/listener.ts'
import type { OnMethodRefused } from '#http/router.ts'

/**
 * Records what is refused before any part of the gateway has seen it: no HTTP, a target with tricks, another Host, a method that the
 * address does not take. Equal ones from one address share a record. The refusal stands even if it cannot be recorded: nothing was done.
 */
export function recordRefusals(
  audit: AuditTrail,
  snapshots: SnapshotSource,
  onFailure: (requestId: string, cause: unknown) => void,
): { readonly ofListener: (refusal: ListenerRefusal) => Promise<void>; readonly ofMethod: OnMethodRefused } {
  const record = async (reason: string, requestId: ListenerRefusal['requestId'], address: string) => {
    const { tenant } = snapshots.current()
    try {
      await audit.refusedUnauthenticated(
        { tenant, activity: 'request.refused', outcome: 'refused', reason, requestId },
        address,
      )
    } catch (cause) {
      onFailure(requestId ?? '', cause)
    }
  }
  return {
    ofListener: ({ reason, requestId, clientAddress }) => record(reason, requestId, clientAddress),
    ofMethod: ({ requestId, clientAddress }) => record('methodNotAllowed', requestId, clientAddress),
  }
}
