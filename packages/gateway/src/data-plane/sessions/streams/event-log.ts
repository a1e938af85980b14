import type { DataPlaneLimits } from '../../limits.ts'

/** One event of one stream, as kept for sending and for resumption. */
export interface StoredEvent {
  readonly stream: StreamLog
  readonly sequence: number
  /** Printed JSON-RPC message. */
  data: string
  /** Takes the place of `data` when that has to be thrown away: a short error for the same request, so that nobody waits for ever. */
  substitute: string | null
}

/** The events of one logical stream. It outlives the connections that carry it. */
export interface StreamLog {
  /** `a{n}` answers a POST, `g{n}` was opened by GET. */
  readonly key: string
  readonly events: StoredEvent[]
  lastSequence: number
  /** Highest sequence handed to a connection. */
  sentThrough: number
  /** True once nothing will be added. */
  isComplete: boolean
  /** True while a connection reads it: its unsent events are then never thrown away. */
  isConnected: boolean
}

/**
 * All events of a session, oldest first, bounded in number and bytes. Pure bookkeeping: no I/O, no clock.
 * What is thrown away first is the oldest event that was sent already or that no connected reader waits for.
 */
export class EventLog {
  readonly #limits: Pick<DataPlaneLimits, 'replayEventsMax' | 'replayBytesMax'>
  readonly #streams = new Map<string, StreamLog>()
  #order: StoredEvent[] = []
  #bytes = 0
  #lastStream = 0

  constructor(limits: Pick<DataPlaneLimits, 'replayEventsMax' | 'replayBytesMax'>) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  get eventCount(): number {
    return this.#order.length
  }

  open(kind: 'a' | 'g'): StreamLog {
    this.#lastStream += 1
    const stream: StreamLog = {
      key: `${kind}${this.#lastStream}`,
      events: [],
      lastSequence: 0,
      sentThrough: 0,
      isComplete: false,
      isConnected: false,
    }
    this.#streams.set(stream.key, stream)
    return stream
  }

  find(key: string): StreamLog | null {
    return this.#streams.get(key) ?? null
  }

  add(stream: StreamLog, data: string, substitute: string | null): void {
    stream.lastSequence += 1
    const event: StoredEvent = { stream, sequence: stream.lastSequence, data, substitute }
    stream.events.push(event)
    this.#order.push(event)
    this.#bytes += data.length
    this.trim()
  }

  /** Forgets what exceeds the bounds. Also called when a connection ends, because its unsent events may go from then on. */
  trim(): void {
    if (!this.#isOver()) return
    for (const event of [...this.#order]) {
      if (!this.#isOver()) break
      const { stream } = event
      if (stream.isConnected && event.sequence > stream.sentThrough) continue
      if (event.substitute !== null) {
        this.#bytes += event.substitute.length - event.data.length
        event.data = event.substitute
        event.substitute = null
        continue
      }
      this.#remove(event)
    }
    this.forgetFinished()
  }

  /** Streams that nobody reads and that have nothing left to resume. An answer still awaited stays; a listener just starts anew. */
  forgetFinished(): void {
    for (const stream of this.#streams.values()) {
      const isOver = stream.isComplete || stream.key.startsWith('g')
      if (!stream.isConnected && stream.events.length === 0 && isOver) this.#streams.delete(stream.key)
    }
  }

  #isOver(): boolean {
    return this.#order.length > this.#limits.replayEventsMax || this.#bytes > this.#limits.replayBytesMax
  }

  #remove(event: StoredEvent): void {
    this.#bytes -= event.data.length
    this.#order = this.#order.filter((other) => other !== event)
    event.stream.events.splice(event.stream.events.indexOf(event), 1)
  }
}

/** Bytes of a stream that its connection has not been given yet. */
export function unsentBytes(stream: StreamLog): number {
  let bytes = 0
  for (let index = stream.events.length - 1; index >= 0; index -= 1) {
    const event = stream.events[index]
    if (event === undefined || event.sequence <= stream.sentThrough) break
    bytes += event.data.length
  }
  return bytes
}
