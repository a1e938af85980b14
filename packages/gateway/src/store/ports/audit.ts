import type { TenantId } from '#core/ids.ts'

/** One audit record as the store keeps it. Made by `audit/` only; the store never looks inside `body`. */
export interface AuditEntry {
  /** UUIDv7; unique. */
  readonly id: string
  readonly tenant: TenantId
  readonly timeMs: number
  /** Index for `sallyport log explain`. */
  readonly requestId: string | null
  /** The record as JCS-canonical JSON (RFC 8785): the bytes that become the Merkle leaf. */
  readonly body: string
  /** Sealed names, addresses and previews, kept apart so that erasing them breaks no proof. */
  readonly personal: Uint8Array | null
}

export interface SequencedEntry extends AuditEntry {
  /** 0-based place in the log. */
  readonly position: number
}

/** Records by a replica that was ended. What it had open was settled, or will be, by others; it must join anew. */
export class WriterEnded extends Error {
  override readonly name = 'WriterEnded'

  constructor() {
    super('this replica was taken for dead and its open calls were settled')
  }
}

export interface StoredCheckpoint {
  readonly tenant: TenantId
  /** Number of leaves the checkpoint covers. */
  readonly size: number
  /** The signed note, C2SP tlog-checkpoint. */
  readonly note: string
  readonly timeMs: number
}

/**
 * The audit log's states: appended (durable, no place yet) -> sequenced (has a position, never changes again).
 * Every other port also takes entries, and commits them in its own transaction: with a step that took place, and only with it. Asking
 * to revoke counts as a step, whether or not something was live.
 */
export interface AuditPort {
  /**
   * Durable (committed with fsync) when it resolves; rejects when it could not be written, and then nothing was, unless the connection to
   * a server was lost meanwhile. `writer` is the replica whose calls these entries belong to: rejects with WriterEnded once that was ended.
   */
  append(entries: readonly AuditEntry[], writer?: string): Promise<void>
  /** The same for entries of which some may have been written before, without it being known: those are left as they are. */
  appendAgain(entries: readonly AuditEntry[], writer?: string): Promise<void>
  /** Gives the oldest unsequenced entries the next positions, in order of arrival; at most `max`. One caller at a time per tenant. */
  sequence(tenant: TenantId, max: number): Promise<readonly SequencedEntry[]>
  /** Entries from a position on, in order. */
  read(tenant: TenantId, fromPosition: number, max: number): Promise<readonly SequencedEntry[]>
  /** Newest first; sequenced or not. `position` is null for entries without a place yet. */
  latest(tenant: TenantId, max: number): Promise<readonly (AuditEntry & { readonly position: number | null })[]>
  byRequest(
    tenant: TenantId,
    requestId: string,
  ): Promise<readonly (AuditEntry & { readonly position: number | null })[]>
  size(tenant: TenantId): Promise<number>
  /**
   * How far giving places has come: the number that the newest entry arrived under, and that of the oldest one without a place, if any.
   * Whatever was acknowledged before has arrived under at most the first.
   */
  progress(tenant: TenantId): Promise<{ readonly newest: number; readonly unplaced: number | null }>
  addCheckpoint(checkpoint: StoredCheckpoint): Promise<void>
  latestCheckpoint(tenant: TenantId): Promise<StoredCheckpoint | null>
  checkpoints(tenant: TenantId, fromSize: number, max: number): Promise<readonly StoredCheckpoint[]>
  /** Drops the personal side of these entries; the log itself stays whole. Answers how many had one. */
  erasePersonal(tenant: TenantId, ids: readonly string[]): Promise<number>
}
