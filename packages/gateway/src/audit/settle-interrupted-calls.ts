import { asClientId, asGrantId, asRequestId, asServerId, asSubjectId, type TenantId } from '#core/ids.ts'
import type { AuditEntry, AuditPort, SequencedEntry } from '#store/ports/audit.ts'
import type { AuditEvent, AuditTrail } from './trail.ts'

/** Records read at once; between two batches others get their turn at the store. */
const BATCH_MAX = 1_000

export interface InterruptedCallsSources {
  readonly port: Pick<AuditPort, 'read' | 'append'>
  readonly trail: Pick<AuditTrail, 'entry'>
  readonly tenant: TenantId
  /** Records that were there before this start, all of them with a place. Later ones are not looked at. */
  readonly size: number
  /** Once aborted, it rejects after the records being read, and nothing was written. */
  readonly signal: AbortSignal
}

/**
 * Every call has exactly one outcome record. A gateway that was killed leaves intents without one: the next start gives each the outcome
 * `unknown`, and says in one record that everything before `size` is settled. Outcomes and that record are written together or not at
 * all, so a start that is killed itself leaves the work to the one after it. Only what is younger than the last such record is read, or
 * than the last stop that owed nothing. Memory: one entry per call open at a time. Answers how many calls there were.
 */
export async function settleInterruptedCalls(sources: InterruptedCallsSources): Promise<number> {
  const { port, trail, tenant, size } = sources
  const from = await findSettled(sources)
  const open = new Map<string, AuditEvent>()
  for await (const entry of forward(sources, from)) {
    const event = readCall(entry, tenant)
    if (event?.callId === undefined) continue
    if (event.activity === 'call.intent') open.set(event.callId, event)
    else open.delete(event.callId)
  }
  const outcomes = [...open.values()].map((intent): AuditEntry => trail.entry(outcomeOf(intent)))
  const settled = trail.entry({
    tenant,
    activity: 'system.recover',
    outcome: 'success',
    requestId: null,
    detail: { settledBelow: size, interruptedCalls: outcomes.length },
  })
  await port.append([...outcomes, settled])
  return outcomes.length
}

function outcomeOf(intent: AuditEvent): AuditEvent {
  return { ...intent, activity: 'call.outcome', outcome: 'unknown', reason: 'gatewayStopped' }
}

/** The position below which every call has its outcome. */
async function findSettled({ port, tenant, size, signal }: InterruptedCallsSources): Promise<number> {
  for (let below = size; below > 0; below = Math.max(0, below - BATCH_MAX)) {
    signal.throwIfAborted()
    const from = Math.max(0, below - BATCH_MAX)
    const batch = await port.read(tenant, from, below - from)
    for (const entry of batch.toReversed()) {
      const settled = settledBy(entry)
      if (settled !== null) return settled
    }
  }
  return 0
}

function settledBy(entry: SequencedEntry): number | null {
  if (!entry.body.includes('"activity_name":"system.')) return null
  const { activity_name: activity, status, unmapped } = readRecord(entry)
  if (activity === 'system.stop' && status === 'success') return entry.position
  const below = activity === 'system.recover' ? unmapped?.detail?.['settledBelow'] : undefined
  return typeof below === 'number' ? below : null
}

async function* forward(
  { port, tenant, size, signal }: InterruptedCallsSources,
  from: number,
): AsyncGenerator<SequencedEntry> {
  for (let next = from; next < size; ) {
    signal.throwIfAborted()
    const batch = await port.read(tenant, next, Math.min(BATCH_MAX, size - next))
    if (batch.length === 0) return
    yield* batch
    next += batch.length
  }
}

/** The members that audit/record.ts writes and this file reads. */
interface Written {
  readonly activity_name: string
  readonly status: string
  readonly metadata?: { readonly correlation_uid?: string }
  readonly actor?: { readonly user?: { readonly uid: string }; readonly app_uid?: string }
  readonly api?: { readonly operation?: string; readonly service?: { readonly name: string } }
  readonly unmapped?: {
    readonly call_id?: string
    readonly grant_id?: string
    readonly tool?: string
    readonly scopes_granted?: readonly string[]
    readonly decision?: Readonly<Record<string, string | number>>
    readonly detail?: Readonly<Record<string, string | number | boolean | null>>
  }
}

function readRecord(entry: SequencedEntry): Written {
  // Only audit/record.ts writes bodies, and the tree vouches for them.
  return JSON.parse(entry.body) as Written
}

/** Null for whatever is no record of a call. */
function readCall(entry: SequencedEntry, tenant: TenantId): AuditEvent | null {
  if (!entry.body.includes('"activity_name":"call.')) return null
  const { activity_name: activity, metadata, actor, api, unmapped } = readRecord(entry)
  if (activity !== 'call.intent' && activity !== 'call.outcome') return null
  const requestId = metadata?.correlation_uid
  return {
    tenant,
    activity,
    outcome: 'unknown',
    requestId: requestId === undefined ? null : asRequestId(requestId),
    ...given('callId', unmapped?.call_id),
    ...given('subject', actor?.user?.uid, asSubjectId),
    ...given('clientId', actor?.app_uid, asClientId),
    ...given('grantId', unmapped?.grant_id, asGrantId),
    ...given('server', api?.service?.name, asServerId),
    ...given('method', api?.operation),
    ...given('tool', unmapped?.tool),
    ...given('scopesGranted', unmapped?.scopes_granted),
    ...given('decision', unmapped?.decision),
    ...given('detail', unmapped?.detail),
  }
}

function given<K extends keyof AuditEvent, T>(
  key: K,
  value: T | undefined,
  as?: (value: T) => AuditEvent[K],
): Partial<AuditEvent> {
  return value === undefined ? {} : { [key]: as === undefined ? value : as(value) }
}
