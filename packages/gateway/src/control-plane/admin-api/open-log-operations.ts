import type { CheckpointSigner } from '#audit/checkpoint.ts'
import { explainRecord } from '#audit/explain.ts'
import { exportLog } from '#audit/export-log.ts'
import type { Sequencer } from '#audit/sequencer.ts'
import { verifyLog } from '#audit/verify-log.ts'
import { verifyStore } from '#audit/verify-store.ts'
import type { TenantId } from '#core/ids.ts'
import type { Sealer } from '#keys/sealer.ts'
import { CursorInvalid } from '#store/errors.ts'
import type { AuditEntry, AuditPort } from '#store/ports/audit.ts'
import type { LogFilter, LogOperations, LogRecord } from './log-operations.ts'

/** Records read at once while looking for matches. */
const SCAN_BATCH = 500
/** Records looked at for one page; then the page ends early, with a cursor to go on. */
const SCAN_RECORDS_MAX = 20_000

export interface LogSources {
  readonly port: AuditPort
  readonly tenant: TenantId
  readonly sequencer: Pick<Sequencer, 'settle' | 'tree' | 'horizon'>
  readonly signer: Pick<CheckpointSigner, 'verifierKey'>
  readonly sealer: Sealer
}

/** The log operations over the store's audit port. Every answer covers all that was recorded before the call. */
export function openLogOperations({ port, tenant, sequencer, signer, sealer }: LogSources): LogOperations {
  const { verifierKey } = signer
  return {
    show: async (filter, page) => {
      const cursor = readCursor(page.cursor)
      if (cursor === null) await sequencer.settle()
      const items: LogRecord[] = []
      let below = Math.min(cursor ?? Number.MAX_SAFE_INTEGER, await port.size(tenant))
      const scanEnd = Math.max(0, below - SCAN_RECORDS_MAX)
      while (below > scanEnd && items.length < page.limit) {
        const from = Math.max(scanEnd, below - SCAN_BATCH)
        const batch = await port.read(tenant, from, below - from)
        for (const entry of [...batch].reverse()) {
          below = entry.position
          const record = toRecord(entry)
          if (matches(record, entry.timeMs, filter)) items.push(record)
          if (items.length === page.limit) break
        }
        if (batch.length === 0) below = from
      }
      return { items, nextCursor: below > 0 ? Buffer.from(String(below)).toString('base64url') : null }
    },
    explain: async (requestId) => {
      const entries = await port.byRequest(tenant, requestId)
      return [...entries].sort((a, b) => a.timeMs - b.timeMs || (a.id < b.id ? -1 : 1)).map(toRecord)
    },
    verify: async () => {
      await sequencer.settle()
      const lines = exportLog(port, sequencer.tree, tenant, await sequencer.horizon())
      const report = await verifyLog(lines, verifierKey)
      const fault = report.fault ?? (await verifyStore(port, tenant, sealer))
      return { ...report, isWhole: fault === null, fault, verifierKey }
    },
    export: async function* () {
      await sequencer.settle()
      yield* exportLog(port, sequencer.tree, tenant, await sequencer.horizon())
    },
    checkpoint: async () => {
      await sequencer.settle()
      const latest = await port.latestCheckpoint(tenant)
      return { size: latest?.size ?? 0, note: latest?.note ?? null, verifierKey }
    },
  }
}

function readCursor(cursor: string | null): number | null {
  if (cursor === null) return null
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  if (!/^\d{1,15}$/.test(text)) throw new CursorInvalid()
  return Number(text)
}

function toRecord(entry: AuditEntry & { readonly position: number | null }): LogRecord {
  // Written by audit/record.ts: the grant id is where that file puts it, or absent.
  const body = JSON.parse(entry.body) as { unmapped?: { grant_id?: unknown } }
  const grantId = body.unmapped?.grant_id
  return {
    ...explainRecord(entry.body),
    position: entry.position,
    id: entry.id,
    requestId: entry.requestId,
    grantId: typeof grantId === 'string' ? grantId : null,
  }
}

function matches(record: LogRecord, timeMs: number, filter: LogFilter): boolean {
  const { sinceMs, untilMs, ...fields } = filter
  if (sinceMs !== undefined && timeMs < sinceMs) return false
  if (untilMs !== undefined && timeMs >= untilMs) return false
  return (Object.entries(fields) as [keyof typeof fields, string | undefined][]).every(
    ([name, wanted]) => wanted === undefined || record[name] === wanted,
  )
}
