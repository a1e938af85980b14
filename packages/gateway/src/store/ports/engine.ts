import type { GrantId, SubjectId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from './audit.ts'
import type { NewGrant } from './grants.ts'

/** A document of the authorization-server engine. `id` is already hashed where the model's ids are secrets; `payload` is sealed where it must be. */
export interface EngineDocument {
  readonly model: string
  readonly id: string
  readonly payload: string
  readonly grantId: string | null
  readonly uid: string | null
  readonly userCode: string | null
  readonly accountId: string | null
  readonly clientId: string | null
  /** Seconds since the epoch; null never expires. */
  readonly expiresAt: number | null
  readonly consumedAt: number | null
  /** The answer that its use got, for whoever repeats that use within the window; null where none is kept (any more). */
  readonly reply: KeptReply | null
}

/** An answer sealed under what was presented, so that the store alone cannot open it. */
export interface KeptReply {
  readonly sealed: string
  /** Seconds since the epoch: from then on it is given to nobody. */
  readonly until: number
}

/** Fresh: never used. */
export type NewEngineDocument = Omit<EngineDocument, 'consumedAt' | 'reply'>

export type EngineOperation =
  /** Keeps `consumedAt`: saving a used document again does not make it fresh. */
  | { readonly kind: 'upsert'; readonly document: NewEngineDocument }
  /** Plain insert: a conflict fails the whole batch (replay detection). */
  | { readonly kind: 'insert'; readonly document: NewEngineDocument }
  /** Conditional: zero rows means the race was lost, and the whole batch fails. */
  /** `reply` is kept with it: whoever finds it used finds what the use got as well. */
  | {
      readonly kind: 'consume'
      readonly model: string
      readonly id: string
      readonly at: number
      readonly reply?: KeptReply
    }
  | { readonly kind: 'destroy'; readonly model: string; readonly id: string }
  /** Removes every document of the grant, marks our grant row revoked with this cause, and writes the feed. */
  | { readonly kind: 'revokeGrant'; readonly grantId: GrantId; readonly cause: string; readonly at: number }
  /** The batch fails with `grantNotLive` when the subject's account is disabled or the client removed by then. */
  | { readonly kind: 'openGrant'; readonly grant: NewGrant }
  /** The batch fails with `grantNotLive` unless this grant is live at the moment of the commit. */
  /** And with `clientChanged` where the client was another when the person consented. */
  | {
      readonly kind: 'requireLiveGrant'
      readonly grantId: GrantId
      readonly at: number
      readonly clientDigest?: string | null
    }
  /**
   * The batch fails with `documentGone` unless this document still exists: whoever decided on what it read may not bring it back after
   * it was deleted (a login session ended by a new password, a form already answered).
   */
  | { readonly kind: 'requireDocument'; readonly model: string; readonly id: string; readonly at: number }
  /** The batch fails with `loginEnded` unless this login at an identity provider is live at the moment of the commit. */
  | { readonly kind: 'requireLogin'; readonly loginId: string; readonly at: number }
  /** The batch fails with `accountChanged` unless the account is active and still has the password that was checked. */
  | { readonly kind: 'requireAccount'; readonly subject: SubjectId; readonly passwordHash: string }

export type EngineCommit =
  | { readonly outcome: 'committed' }
  | { readonly outcome: 'alreadyConsumed'; readonly model: string; readonly id: string }
  | { readonly outcome: 'duplicate'; readonly model: string; readonly id: string }
  | { readonly outcome: 'grantNotLive'; readonly grantId: GrantId }
  | { readonly outcome: 'clientChanged'; readonly grantId: GrantId }
  | { readonly outcome: 'documentGone'; readonly model: string; readonly id: string }
  | { readonly outcome: 'loginEnded'; readonly loginId: string }
  | { readonly outcome: 'accountChanged'; readonly subject: SubjectId }

export interface EnginePort {
  /** Expired documents are not found. Consumed ones are, with `consumedAt` set. */
  find(tenant: TenantId, model: string, id: string, now: number): Promise<EngineDocument | null>
  findByUid(tenant: TenantId, model: string, uid: string, now: number): Promise<EngineDocument | null>
  findByUserCode(tenant: TenantId, model: string, userCode: string, now: number): Promise<EngineDocument | null>
  /** Everything one request changes, in order, in one transaction with its audit entries. Anything but `committed` changed nothing. */
  commit(tenant: TenantId, operations: readonly EngineOperation[], audit: readonly AuditEntry[]): Promise<EngineCommit>
  /** Deletes documents that expired before `now`, at most `max`, kept replies that are over, and feed entries that nothing alive can need. Answers how many documents. */
  collectExpired(now: number, max: number): Promise<number>
}
