import type { ExplainedRecord } from '#audit/explain.ts'
import type { ExportLine, VerificationReport } from '#audit/verify-log.ts'
import type { Page, PageRequest } from '#store/ports/page.ts'

/** Only records that match every field given. */
export interface LogFilter {
  readonly activity?: string
  readonly outcome?: string
  readonly reason?: string
  readonly subject?: string
  readonly clientId?: string
  readonly grantId?: string
  readonly server?: string
  readonly tool?: string
  readonly requestId?: string
  /** Milliseconds since the epoch, inclusive. */
  readonly sinceMs?: number
  /** Milliseconds since the epoch, exclusive. */
  readonly untilMs?: number
}

export interface LogRecord extends ExplainedRecord {
  /** Place in the log; null for the half second until it has one. */
  readonly position: number | null
  readonly id: string
  readonly requestId: string | null
  readonly grantId: string | null
}

/** What may be asked of the audit log. Nothing here changes it. */
export interface LogOperations {
  /** Newest first. */
  show(filter: LogFilter, page: PageRequest): Promise<Page<LogRecord>>
  /** Everything recorded under one request id, oldest first, with what it means and what to do. */
  explain(requestId: string): Promise<readonly LogRecord[]>
  /** Checks the whole log as an outsider with the verifier key would. */
  verify(): Promise<VerificationReport & { readonly verifierKey: string }>
  /** The whole log, to be checked elsewhere. */
  export(): AsyncIterable<ExportLine>
  /** The newest signed checkpoint, covering everything recorded before the call. */
  checkpoint(): Promise<{ readonly size: number; readonly note: string | null; readonly verifierKey: string }>
}
