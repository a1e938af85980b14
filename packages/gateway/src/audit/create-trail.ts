import { createHash } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import type { Sealer } from '#keys/sealer.ts'
import { StoreUnavailable, WriterEnded } from '#store/errors.ts'
import type { AuditEntry, AuditPort } from '#store/ports/audit.ts'
import { Coalescer } from './coalesce.ts'
import { canonicalJson } from './jcs.ts'
import { OwedOutcomes } from './owed-outcomes.ts'
import { type Coalesced, printRecord } from './record.ts'
import type { AuditEvent, CallAuditTrail } from './trail.ts'

/** Longest text kept of anything a caller sent. */
const TEXT_CHARS_MAX = 512
/** Scopes that a caller asked for; the rest is not recorded. */
const SCOPES_MAX = 100
const SALT_BYTES = 16

export interface AuditTrailDependencies {
  readonly port: AuditPort
  readonly sealer: Sealer
  readonly clock: Clock
  readonly random: Random
  /** Under which id calls are recorded here, where several processes write to one log; absent: this one is alone. */
  readonly writer?: Writer
  /** Told once when writing begins to fail, with the cause, and once when it works again, with null. */
  readonly onWriting?: (cause: unknown) => void
}

/** A replica among others (store/ports/replicas.ts). Its id changes when it was taken for dead. */
export interface Writer {
  current(): string
}

/** The trail over the store, with what only its owner needs. */
export interface OwnedAuditTrail extends CallAuditTrail {
  /** Writes outcomes that could not be written when they were known. False if some are still owed. */
  settle(): Promise<boolean>
  /** Writes the counts of refusals still being coalesced, and what is owed. */
  close(): Promise<void>
}

/** The trail over the store. */
export function createAuditTrail(dependencies: AuditTrailDependencies): OwnedAuditTrail {
  const { port, clock, random } = dependencies
  let isFailing = false
  const tell = (cause: unknown) => {
    if (isFailing === (cause !== null)) return
    isFailing = cause !== null
    dependencies.onWriting?.(cause)
  }
  const telling = async (written: Promise<void>): Promise<void> => {
    try {
      await written
      tell(null)
    } catch (cause) {
      // It could be written, had somebody else not settled these calls already.
      if (!(cause instanceof WriterEnded)) tell(cause)
      throw cause
    }
  }
  const append = (one: AuditEntry, writer: string | null) =>
    telling(writer === null ? port.append([one]) : port.append([one], writer))
  const entry = (event: AuditEvent, coalesced: Coalesced | null = null, replica: string | null = null): AuditEntry => {
    const timeMs = clock.nowMs()
    const id = uuidv7(random, timeMs)
    const personal = sealPersonal(dependencies, event, id)
    return {
      id,
      tenant: event.tenant,
      timeMs,
      requestId: event.requestId,
      body: printRecord(clip(event), { id, timeMs, replica }, personal?.commitment ?? null, coalesced),
      personal: personal?.sealed ?? null,
    }
  }
  const coalescer = new Coalescer(clock, (event, coalesced) => append(entry(event, coalesced), null))
  const owed = new OwedOutcomes((entries, writer) =>
    telling(writer === null ? port.appendAgain(entries) : port.appendAgain(entries, writer)),
  )
  /** Calls with an intent and no outcome yet, and the id under which each began: its outcome belongs to that one, or to whoever ended it. */
  const begunUnder = new Map<string, string>()
  const writerOf = ({ activity, callId }: AuditEvent): string | null => {
    if (callId === undefined || dependencies.writer === undefined) return null
    return activity === 'call.intent' ? dependencies.writer.current() : (begunUnder.get(callId) ?? null)
  }
  const record = async (event: AuditEvent): Promise<void> => {
    const writer = writerOf(event)
    const one = entry(event, null, writer)
    try {
      await append(one, writer)
      if (writer === null || event.callId === undefined) return
      if (event.activity === 'call.intent') begunUnder.set(event.callId, writer)
      else begunUnder.delete(event.callId)
    } catch (cause) {
      if (event.callId !== undefined && event.activity === 'call.outcome') begunUnder.delete(event.callId)
      if (cause instanceof WriterEnded) throw cause
      if (event.activity === 'call.outcome') owed.add([one], writer)
      // A connection was lost, and the intent may be in the log or not. The caller is refused, so nothing will be sent.
      if (event.activity === 'call.intent' && cause instanceof StoreUnavailable) {
        const notSent = { ...event, activity: 'call.outcome', outcome: 'failed', reason: 'notSent' } as const
        owed.add([one, entry(notSent, null, writer)], writer)
      }
      throw cause
    }
  }
  return {
    entry: (event) => entry(event),
    record,
    isFailing: () => isFailing,
    refusedUnauthenticated: (event, address) =>
      coalescer.refuse({ ...event, personal: { ...event.personal, address } }, address),
    settle: async () => {
      await owed.pay().catch(() => undefined)
      return owed.isSettled
    },
    close: async () => {
      owed.stop()
      try {
        await coalescer.close()
      } finally {
        await owed.pay()
      }
    },
  }
}

function sealPersonal(
  { sealer, random }: AuditTrailDependencies,
  event: AuditEvent,
  id: string,
): { readonly sealed: Uint8Array; readonly commitment: string } | null {
  if (event.personal === undefined) return null
  const salt = Buffer.from(random.bytes(SALT_BYTES))
  const values = Object.fromEntries(
    Object.entries(event.personal).map(([key, value]) => [
      key,
      value.toWellFormed().slice(0, TEXT_CHARS_MAX).toWellFormed(),
    ]),
  )
  const text = canonicalJson({ salt: salt.toString('base64url'), values })
  return {
    sealed: sealer.seal(Buffer.from(text), personalContext(event.tenant, id)),
    commitment: createHash('sha256').update(text).digest('base64url'),
  }
}

/** Associated data of a sealed personal side: it opens only beside its own record. */
export function personalContext(tenant: string, id: string): string {
  return `audit|${tenant}|${id}`
}

function clip(event: AuditEvent): AuditEvent {
  const isShort = (text: string | undefined) => text === undefined || text.length <= TEXT_CHARS_MAX
  if (isShort(event.method) && isShort(event.tool) && event.scopesAsked === undefined) return event
  const short = (text: string) => (text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text)
  return {
    ...event,
    ...(event.method === undefined ? {} : { method: short(event.method) }),
    ...(event.tool === undefined ? {} : { tool: short(event.tool) }),
    ...(event.scopesAsked === undefined ? {} : { scopesAsked: event.scopesAsked.slice(0, SCOPES_MAX).map(short) }),
  }
}
