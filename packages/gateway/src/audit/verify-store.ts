import { createHash } from 'node:crypto'
import type { TenantId } from '#core/ids.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { AuditPort, SequencedEntry } from '#store/ports/audit.ts'
import { personalContext } from './create-trail.ts'

const PAGE_RECORDS = 500

/**
 * Holds what the store keeps beside the records against the records, which `verifyLog` has found unchanged: the columns that people search
 * by, and the personal side against its commitment. Answers the first fault in words, or null. A personal side that is gone was erased,
 * which breaks nothing; one that was put there or changed is a fault. Only the gateway can check this: an export holds neither.
 */
export async function verifyStore(port: AuditPort, tenant: TenantId, sealer: Sealer): Promise<string | null> {
  for (let position = 0; ; ) {
    const entries = await port.read(tenant, position, PAGE_RECORDS)
    for (const entry of entries) {
      const fault = entryFault(entry, sealer)
      if (fault !== null) return `record ${entry.position} ${fault}`
      position = entry.position + 1
    }
    if (entries.length < PAGE_RECORDS) return null
  }
}

/** What `record.ts` prints, as far as it stands in columns too. */
interface Printed {
  readonly api?: { readonly request?: { readonly uid?: string } }
  readonly metadata: { readonly tenant_uid: string; readonly uid: string }
  readonly time: number
  readonly unmapped?: { readonly personal_commitment?: string }
}

function entryFault(entry: SequencedEntry, sealer: Sealer): string | null {
  // Its leaf and the signed tree vouch for it, so it is as `printRecord` made it.
  const { api, metadata, time, unmapped } = JSON.parse(entry.body) as Printed
  const isFiledRight =
    metadata.uid === entry.id &&
    metadata.tenant_uid === entry.tenant &&
    time === entry.timeMs &&
    (api?.request?.uid ?? null) === entry.requestId
  if (!isFiledRight) return 'is filed under another id, time or request than its own'
  if (entry.personal === null) return null
  return personalCommitment(entry, sealer) === unmapped?.personal_commitment
    ? null
    : 'has another personal side than the one it was logged with'
}

/** Null for what does not open here: it is nobody's commitment. */
function personalCommitment({ id, personal, tenant }: SequencedEntry, sealer: Sealer): string | null {
  try {
    const text = sealer.open(personal ?? new Uint8Array(), personalContext(tenant, id))
    return createHash('sha256').update(text).digest('base64url')
  } catch {
    return null
  }
}
