import type { AuditActivity, AuditEvent } from '#audit/trail.ts'
import type { RequestId, ServerId } from '#core/ids.ts'
import type { Snapshot } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import type { Principal } from '#identity/principal.ts'
import type { Authenticated } from './authentication/authenticate.ts'
import type { Permit } from './authorization/authorize.ts'

/** Who and where; the same in every record of one request. */
export interface RecordContext {
  readonly snapshot: Snapshot
  readonly requestId: RequestId | null
  readonly principal: Principal
  readonly server: ServerId
  /** Joins the records of one session; not the session's id. */
  readonly session: string | null
}

/** What one record says about one message. */
export interface RecordSubject {
  readonly activity: AuditActivity
  readonly outcome: AuditEvent['outcome']
  readonly reason?: string | undefined
  readonly callId?: string | undefined
  readonly method?: string | undefined
  readonly tool?: string | null | undefined
  readonly toolClass?: ToolClass | null | undefined
  readonly membershipVersion?: number | undefined
  readonly scopesAsked?: readonly string[] | undefined
  readonly detail?: Readonly<Record<string, string | number | boolean | null>> | undefined
}

/** Names that a caller chose are cut to this; what they name is never longer. */
const NAME_CHARS_MAX = 128

/** Pure. Payloads, names of people, tokens and addresses have no place here; ids, codes and versions do. */
export function describeEvent(context: RecordContext, subject: RecordSubject): AuditEvent {
  const { principal, snapshot } = context
  return {
    tenant: principal.tenant,
    activity: subject.activity,
    outcome: subject.outcome,
    requestId: context.requestId,
    subject: principal.subject,
    clientId: principal.clientId,
    grantId: principal.grantId,
    server: context.server,
    scopesGranted: principal.scopes,
    decision: {
      config: snapshot.version,
      ...(subject.membershipVersion === undefined ? {} : { membership: subject.membershipVersion }),
      ...(subject.toolClass == null ? {} : { toolClass: subject.toolClass }),
    },
    ...(subject.reason === undefined ? {} : { reason: subject.reason }),
    ...(subject.callId === undefined ? {} : { callId: subject.callId }),
    ...(subject.method === undefined ? {} : { method: subject.method.slice(0, NAME_CHARS_MAX) }),
    ...(subject.tool == null ? {} : { tool: subject.tool.slice(0, NAME_CHARS_MAX) }),
    ...(subject.scopesAsked === undefined ? {} : { scopesAsked: subject.scopesAsked }),
    detail: {
      ...subject.detail,
      ...(context.session === null ? {} : { session: context.session }),
      ...(principal.machine == null ? {} : { machine: principal.machine }),
    },
  }
}

export function contextOf({ head, principal }: Authenticated, session: string | null): RecordContext {
  return { snapshot: head.snapshot, requestId: head.requestId, principal, server: head.server.id, session }
}

/** What was permitted, and by which versions. */
export function describePermit(
  permit: Permit,
): Pick<RecordSubject, 'method' | 'tool' | 'toolClass' | 'membershipVersion'> {
  const { message, tool, toolClass, decision } = permit
  return {
    method: message.kind === 'response' ? undefined : message.method,
    tool,
    toolClass,
    membershipVersion: decision.membership,
  }
}
