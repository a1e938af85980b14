import type { Clock } from '#core/clock.ts'
import type { Coalesced } from './record.ts'
import type { AuditEvent } from './trail.ts'

/** Identical refusals within this time become one record. */
const WINDOW_MS = 60_000
/** Kinds told apart at once; a flood from more addresses than this is counted together per reason. */
const KINDS_MAX = 1_000

interface Kind {
  readonly event: AuditEvent
  count: number
  firstMs: number
  lastMs: number
}

/**
 * Keeps a flood of refusals from filling the disk. The first of a kind is written at once; the rest of its window as one
 * record with count, first and last. A write that fails at the end of a window is tried again with the next.
 */
export class Coalescer {
  readonly #kinds = new Map<string, Kind>()
  readonly #clock: Clock
  readonly #write: (event: AuditEvent, coalesced: Coalesced | null) => Promise<void>
  readonly #timer: NodeJS.Timeout

  constructor(clock: Clock, write: (event: AuditEvent, coalesced: Coalesced | null) => Promise<void>) {
    this.#clock = clock
    this.#write = write
    this.#timer = setInterval(() => void this.flush().catch(() => undefined), WINDOW_MS)
    this.#timer.unref()
  }

  /** Resolves once this refusal is durable, or counted beside one that is. */
  async refuse(event: AuditEvent, address: string): Promise<void> {
    const nowMs = this.#clock.nowMs()
    const kind = this.#kinds.size < KINDS_MAX ? keyOf(event, address) : keyOf(event, '')
    const known = this.#kinds.get(kind)
    if (known !== undefined) {
      known.count += 1
      known.firstMs = known.count === 1 ? nowMs : known.firstMs
      known.lastMs = nowMs
      return
    }
    // Counted from now on, so that a burst that arrives while the first is being written adds to it.
    this.#kinds.set(kind, { event, count: 0, firstMs: nowMs, lastMs: nowMs })
    try {
      await this.#write(event, null)
    } catch (cause) {
      this.#kinds.delete(kind)
      throw cause
    }
  }

  /** Ends the window: writes what was counted and forgets the kinds. */
  async flush(): Promise<void> {
    for (const [key, kind] of [...this.#kinds]) {
      this.#kinds.delete(key)
      if (kind.count === 0) continue
      const counted = { count: kind.count, firstMs: kind.firstMs, lastMs: kind.lastMs }
      try {
        await this.#write({ ...kind.event, requestId: null }, counted)
      } catch (cause) {
        this.#kinds.set(key, kind)
        throw cause
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
  }
}

function keyOf(event: AuditEvent, address: string): string {
  return JSON.stringify([
    event.tenant,
    event.activity,
    event.reason ?? '',
    event.server ?? '',
    event.grantId ?? '',
    address,
  ])
}
