import type { ClientId, GrantId, RequestId, ServerId, SubjectId, TenantId } from '#core/ids.ts'
import type { AuditEntry } from '#store/ports/audit.ts'

/** What happened, in the words of the code that saw it. `audit/record.ts` turns it into the OCSF-shaped record. */
export interface AuditEvent {
  readonly tenant: TenantId
  readonly activity: AuditActivity
  readonly outcome: 'success' | 'refused' | 'failed' | 'unknown'
  /** Machine-readable cause, camelCase: the inward reason that the caller is not told. */
  readonly reason?: string
  readonly requestId: RequestId | null
  /** One per MCP call: joins intent and outcome. */
  readonly callId?: string
  readonly subject?: SubjectId
  readonly clientId?: ClientId
  readonly grantId?: GrantId
  readonly server?: ServerId
  readonly method?: string
  readonly tool?: string
  readonly scopesAsked?: readonly string[]
  readonly scopesGranted?: readonly string[]
  /** Versions of what decided: config, membership, tool definition. */
  readonly decision?: Readonly<Record<string, string | number>>
  /** Codes, ids and numbers only; never names, addresses, tokens or payloads. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>
  /** Names, addresses, redacted previews: sealed and erasable, never in the leaf (only a salted commitment is). */
  readonly personal?: Readonly<Record<string, string>>
}

export type AuditActivity =
  | 'login'
  | 'logout'
  | 'setup'
  | 'authenticate'
  | 'client.register'
  | 'client.approve'
  | 'client.remove'
  | 'client.token.create'
  | 'client.token.revoke'
  | 'consent'
  | 'key.create'
  | 'key.rotate'
  | 'key.revoke'
  | 'token.issue'
  | 'token.refresh'
  | 'token.revoke'
  | 'grant.revoke'
  | 'call.intent'
  | 'call.outcome'
  | 'session.open'
  | 'session.close'
  | 'request.refused'
  | 'account.create'
  | 'account.change'
  | 'provider.test'
  | 'log.read'
  | 'config.applied'
  | 'config.rejected'
  | 'signingKey.change'
  | 'system.start'
  | 'system.recover'
  | 'system.stop'

/** The only way into the audit log. */
export interface AuditTrail {
  /** The entry to commit in a port's own transaction, together with what it records. */
  entry(event: AuditEvent): AuditEntry
  /**
   * Durable when it resolves. Rejects when it could not be written: the caller refuses what it was about to do. The outcome of a call is
   * of something done already; it is kept and written as soon as that works again, while its caller is refused the answer.
   */
  record(event: AuditEvent): Promise<void>
  /**
   * For refusals of callers nobody vouches for, and of grants that are refused too often to be recorded one by one: identical ones
   * (activity, reason, server, grant, address) within a window become one record
   * with count, first and last, so that a flood cannot fill the disk. The first of each kind is durable when it resolves.
   */
  refusedUnauthenticated(event: AuditEvent, address: string): Promise<void>
}

/** The trail as those who carry calls need it. */
export interface CallAuditTrail extends AuditTrail {
  /** True from a write that failed until one that worked: whoever would act without a record beforehand makes one now. */
  isFailing(): boolean
}
