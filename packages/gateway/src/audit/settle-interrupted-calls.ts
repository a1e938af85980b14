import { asClientId, asGrantId, asRequestId, asServerId, asSubjectId, type TenantId } from '#core/ids.ts'
import type { AuditEntry, AuditPort, SequencedEntry } from '#store/ports/audit.ts'
import type { ReplicasPort, StoredReplica } from '#store/ports/replicas.ts'
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
 * than the last stop that owed nothing. Answers how many calls there were.
 */
export async function settleInterruptedCalls(sources: InterruptedCallsSources): Promise<number> {
  const { port, trail, tenant, size } = sources
  const open = await findOpenCalls(sources, await findSettled(sources))
  const outcomes = open.map((intent): AuditEntry => trail.entry(outcomeOf(intent)))
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

/** Intents from this place on without an outcome; of one replica alone, where one is named. Memory: one entry per call open at a time. */
async function findOpenCalls(
  sources: Pick<InterruptedCallsSources, 'tenant' | 'size' | 'signal'> & { readonly port: Pick<AuditPort, 'read'> },
  from: number,
  replica: string | null = null,
): Promise<readonly AuditEvent[]> {
  const open = new Map<string, AuditEvent>()
  for await (const entry of forward(sources, from)) {
    const event = readCall(entry, sources.tenant, replica)
    if (event?.callId === undefined) continue
    if (event.activity === 'call.intent') open.set(event.callId, event)
    else open.delete(event.callId)
  }
  return [...open.values()]
}

/** The replica of records that name none: of the time when one gateway had the store to itself. */
export const NO_REPLICA = ''

/**
 * The same for one replica that has ended, beside others that live: only its own calls are looked at, and only records since it joined.
 * Outcomes, the record of it and the end of the replica are one transaction: of several that settle it at once, one does. Answers how many
 * calls there were; null if somebody else was first.
 */
export async function settleReplica(
  sources: Omit<InterruptedCallsSources, 'port'> & {
    readonly port: Pick<AuditPort, 'read'>
    readonly replicas: Pick<ReplicasPort, 'settle'>
    readonly replica: StoredReplica
  },
): Promise<number | null> {
  const { trail, tenant, replicas, replica } = sources
  const open = await findOpenCalls(sources, replica.fromPosition, replica.id)
  const outcomes = open.map((intent): AuditEntry => trail.entry(outcomeOf(intent)))
  const settled = trail.entry({
    tenant,
    activity: 'system.recover',
    outcome: 'success',
    requestId: null,
    detail: { interruptedCalls: outcomes.length, replica: replica.id },
  })
  return (await replicas.settle(tenant, replica.id, [...outcomes, settled])) === 'settled' ? outcomes.length : null
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
  {
    port,
    tenant,
    size,
    signal,
  }: Pick<InterruptedCallsSources, 'tenant' | 'size' | 'signal'> & { readonly port: Pick<AuditPort, 'read'> },
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
    readonly replica?: string
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

/** Null for whatever is no record of a call, or not of that replica. */
function readCall(entry: SequencedEntry, tenant: TenantId, replica: string | null): AuditEvent | null {
  if (!entry.body.includes('"activity_name":"call.')) return null
  const { activity_name: activity, metadata, actor, api, unmapped } = readRecord(entry)
  if (activity !== 'call.intent' && activity !== 'call.outcome') return null
  if (replica !== null && (unmapped?.replica ?? NO_REPLICA) !== replica) return null
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
