import { type CanonicalValue, canonicalJson } from './jcs.ts'
import type { AuditActivity, AuditEvent } from './trail.ts'

/** Bumped when the meaning of a field changes; readers of old logs look here first. See docs/specs/audit-record.md. */
const RECORD_SCHEMA = 'sallyport.audit/1'

/** OCSF class by activity: 3001 Account Change, 3002 Authentication, 3003 Authorize Session, 3004 Entity Management, 6002 Application Lifecycle, 6003 API Activity. */
const CLASS_UID: Readonly<Record<AuditActivity, number>> = {
  login: 3002,
  logout: 3002,
  setup: 3001,
  authenticate: 3002,
  'client.register': 3004,
  'client.approve': 3004,
  'client.remove': 3004,
  'client.token.create': 3004,
  'client.token.revoke': 3004,
  consent: 3003,
  'key.create': 3003,
  'key.rotate': 3003,
  'key.revoke': 3003,
  'token.issue': 3003,
  'token.refresh': 3003,
  'token.revoke': 3003,
  'grant.revoke': 3003,
  'call.intent': 6003,
  'call.outcome': 6003,
  'session.open': 6003,
  'session.close': 6003,
  'request.refused': 6003,
  'account.create': 3001,
  'account.change': 3001,
  'provider.test': 3002,
  'log.read': 6003,
  'config.applied': 6002,
  'config.rejected': 6002,
  'signingKey.change': 3004,
  'system.start': 6002,
  'system.recover': 6002,
  'system.stop': 6002,
}

/** OCSF status_id: 0 unknown, 1 success, 2 failure. */
const STATUS_ID = { success: 1, refused: 2, failed: 2, unknown: 0 } as const

export interface Coalesced {
  readonly count: number
  readonly firstMs: number
  readonly lastMs: number
}

/**
 * The record of one event as JCS-canonical JSON: the bytes that become the Merkle leaf.
 * `personalCommitment` is a salted hash of the personal side (base64url), which is kept elsewhere and can be erased.
 */
export function printRecord(
  event: AuditEvent,
  stamp: { readonly id: string; readonly timeMs: number; readonly replica?: string | null },
  personalCommitment: string | null,
  coalesced: Coalesced | null,
): string {
  // Members stand in the order of RFC 8785 §3.2.3, so that printing them as they stand is canonical; record.test.ts compares the two.
  const record = {
    activity_name: event.activity,
    actor: { app_uid: event.clientId, user: event.subject === undefined ? undefined : { uid: event.subject } },
    api: {
      operation: event.method,
      request: event.requestId === null ? undefined : { uid: event.requestId },
      service: event.server === undefined ? undefined : { name: event.server },
    },
    class_uid: CLASS_UID[event.activity],
    metadata: { correlation_uid: event.requestId ?? undefined, tenant_uid: event.tenant, uid: stamp.id },
    schema: RECORD_SCHEMA,
    status: event.outcome,
    status_code: event.reason,
    status_id: STATUS_ID[event.outcome],
    time: stamp.timeMs,
    unmapped: {
      call_id: event.callId,
      coalesced:
        coalesced === null ? undefined : { count: coalesced.count, first: coalesced.firstMs, last: coalesced.lastMs },
      decision: event.decision,
      detail: event.detail,
      grant_id: event.grantId,
      personal_commitment: personalCommitment ?? undefined,
      replica: stamp.replica ?? undefined,
      scopes_asked: event.scopesAsked,
      scopes_granted: event.scopesGranted,
      tool: event.tool,
    },
  } satisfies CanonicalValue
  const text = isCanonical(event.decision) && isCanonical(event.detail) ? JSON.stringify(record) : SURROGATE_ESCAPE
  // Only half a surrogate pair is printed as such an escape (or a backslash before `ud`, which the careful way prints the same).
  return text.includes(SURROGATE_ESCAPE) ? canonicalJson(wellFormed(record)) : text
}

const SURROGATE_ESCAPE = '\\ud'

/** Built in the order of RFC 8785 already, with nothing in it that JSON prints in another way. Keys like numbers move in objects. */
function isCanonical(members: Readonly<Record<string, string | number | boolean | null>> | undefined): boolean {
  let before = ''
  for (const key in members) {
    const value = members[key]
    if (key < before || /^\d/.test(key) || (typeof value === 'number' && !Number.isFinite(value))) return false
    before = key
  }
  return true
}

/** What callers send (tool names, methods, scopes) may hold lone surrogates; a record must not, and must not fail for it. */
function wellFormed(value: CanonicalValue): CanonicalValue {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: CanonicalValue) => wellFormed(item))
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key.toWellFormed(),
      member === undefined ? undefined : wellFormed(member),
    ]),
  )
}
