import { createHash } from 'node:crypto'
import type { Clock } from '#core/clock.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import type { Sealer } from '#keys/sealer.ts'
import type { AuditEntry, AuditPort } from '#store/ports/audit.ts'
import { Coalescer } from './coalesce.ts'
import { canonicalJson } from './jcs.ts'
import { type Coalesced, printRecord } from './record.ts'
import type { AuditEvent, AuditTrail } from './trail.ts'

/** Longest text kept of anything a caller sent. */
const TEXT_CHARS_MAX = 512
const SALT_BYTES = 16

export interface AuditTrailDependencies {
  readonly port: AuditPort
  readonly sealer: Sealer
  readonly clock: Clock
  readonly random: Random
}

/** The trail over the store. `close()` writes the counts of refusals still being coalesced. */
export function createAuditTrail(dependencies: AuditTrailDependencies): AuditTrail & { close(): Promise<void> } {
  const { port, clock, random } = dependencies
  const entry = (event: AuditEvent, coalesced: Coalesced | null = null): AuditEntry => {
    const timeMs = clock.nowMs()
    const id = uuidv7(random, timeMs)
    const personal = sealPersonal(dependencies, event, id)
    return {
      id,
      tenant: event.tenant,
      timeMs,
      requestId: event.requestId,
      body: printRecord(clip(event), { id, timeMs }, personal?.commitment ?? null, coalesced),
      personal: personal?.sealed ?? null,
    }
  }
  const coalescer = new Coalescer(clock, (event, coalesced) => port.append([entry(event, coalesced)]))
  return {
    entry: (event) => entry(event),
    record: (event) => port.append([entry(event)]),
    refusedUnauthenticated: (event, address) =>
      coalescer.refuse({ ...event, personal: { ...event.personal, address } }, address),
    close: () => coalescer.close(),
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
  const short = (text: string) => (text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text)
  return {
    ...event,
    ...(event.method === undefined ? {} : { method: short(event.method) }),
    ...(event.tool === undefined ? {} : { tool: short(event.tool) }),
    ...(event.scopesAsked === undefined ? {} : { scopesAsked: event.scopesAsked.slice(0, 100).map(short) }),
  }
}
