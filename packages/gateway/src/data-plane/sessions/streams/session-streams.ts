import type { ServerResponse } from 'node:http'
import { ok, type Result, refused } from '#core/result.ts'
import type { Principal } from '#identity/principal.ts'
import type { DataPlaneLimits } from '../../limits.ts'
import { EventLog, type StreamLog } from './event-log.ts'
import { SseConnection } from './sse-connection.ts'
import { parseEventId } from './sse-event.ts'

interface Attached {
  readonly connection: SseConnection
  readonly principal: Principal
  readonly expiry: NodeJS.Timeout | null
}

export interface SessionStreamsOptions {
  readonly limits: DataPlaneLimits
  readonly primes: boolean
  readonly nowMs: () => number
  /** True while a connected reader of this session is too slow: the session's upstream is not read meanwhile. */
  readonly onPressure: (isPressed: boolean) => void
}

/** All streams of one session: which connection carries which, what is kept for those who come back, and who is too slow. */
export class SessionStreams {
  readonly #options: SessionStreamsOptions
  readonly #log: EventLog
  readonly #attached = new Map<StreamLog, Attached>()
  /** Messages about nothing in particular that came while no GET stream was open. They get a stream, and an id, when one opens. */
  #kept: string[] = []
  #keptBytes = 0
  #isPressed = false
  #isEnded = false

  constructor(options: SessionStreamsOptions) {
    this.#options = options
    this.#log = new EventLog(options.limits)
  }

  get openCount(): number {
    return this.#attached.size
  }

  /** Bytes held for this session's readers, sent and unsent. */
  get bytes(): number {
    return this.#log.bytes + this.#keptBytes
  }

  hasListener(): boolean {
    return this.#listener() !== null
  }

  /**
   * A GET without `Last-Event-ID`: a new stream for what is not related to a request. It ends when the token does. The oldest listener
   * makes room: a client that lost its network comes back long before we learn that its old connections are dead.
   */
  listen(response: ServerResponse, principal: Principal): void {
    this.#makeRoom()
    this.#attach(this.#log.open('g'), response, principal, true, {})
    this.#deliverKept()
  }

  /**
   * A GET with `Last-Event-ID`: goes on with that very stream, after that very event. The older connection of the stream, if it still
   * hangs, is cut. Unknown streams: a listener simply starts anew, an answer that is gone is refused.
   */
  resume(response: ServerResponse, lastEventId: string, principal: Principal): Result<void, 'eventUnknown'> {
    const cursor = parseEventId(lastEventId)
    if (cursor === null) return refused('eventUnknown')
    const stream = this.#log.find(cursor.stream)
    if (stream === null) {
      if (!cursor.stream.startsWith('g')) return refused('eventUnknown')
      this.listen(response, principal)
      return ok(undefined)
    }
    if (cursor.sequence > stream.sentThrough) return refused('eventUnknown')
    const isListener = stream.key.startsWith('g')
    this.#attached.get(stream)?.connection.destroy()
    if (isListener) this.#makeRoom()
    stream.sentThrough = cursor.sequence
    this.#attach(stream, response, principal, true, {})
    if (isListener) this.#deliverKept()
    return ok(undefined)
  }

  /** Makes the answer to a POST an event stream. An admitted call may finish, so this one does not end with the token. */
  openAnswer(response: ServerResponse, principal: Principal, headers: Readonly<Record<string, string>>): StreamLog {
    const stream = this.#log.open('a')
    this.#attach(stream, response, principal, false, headers)
    return stream
  }

  send(stream: StreamLog, data: string, substitute: string | null = null): void {
    if (this.#isEnded) return
    this.#log.add(stream, data, substitute)
    this.#attached.get(stream)?.connection.flush()
  }

  complete(stream: StreamLog): void {
    stream.isComplete = true
    this.#attached.get(stream)?.connection.flush()
    this.#log.forgetFinished()
  }

  /**
   * Ends the connection of a stream that goes on: the client comes back for the rest. Only clients of a revision that primes know that
   * they must (2025-11-25); the others keep theirs.
   */
  letGo(stream: StreamLog): void {
    if (this.#options.primes) this.#attached.get(stream)?.connection.end()
  }

  /** To exactly one listener, or kept (bounded, oldest first out) until one comes. */
  sendUnrelated(data: string): void {
    if (this.#isEnded) return
    const listener = this.#listener()
    if (listener !== null) {
      this.send(listener, data)
      return
    }
    const { replayBytesMax, replayEventsMax } = this.#options.limits
    this.#kept.push(data)
    this.#keptBytes += data.length
    while (this.#kept.length > replayEventsMax || this.#keptBytes > replayBytesMax) {
      this.#keptBytes -= this.#kept.shift()?.length ?? 0
    }
  }

  /** Cuts the connections of principals that no longer hold. */
  endWhere(isOver: (principal: Principal) => boolean): void {
    for (const { connection, principal } of [...this.#attached.values()]) {
      if (isOver(principal)) connection.destroy()
    }
  }

  /** The session is over: nothing is sent or kept any more. */
  end(): void {
    this.#isEnded = true
    this.#kept = []
    for (const { connection } of [...this.#attached.values()]) connection.end()
  }

  #attach(
    stream: StreamLog,
    response: ServerResponse,
    principal: Principal,
    endsWithToken: boolean,
    headers: Readonly<Record<string, string>>,
  ): void {
    const { limits, primes, nowMs } = this.#options
    const expiry = endsWithToken
      ? setTimeout(() => connection.end(), Math.max(0, principal.expiresAt * 1000 - nowMs()))
      : null
    const connection = new SseConnection({
      response,
      stream,
      limits,
      primes,
      headers,
      onPressure: () => this.#notePressure(),
      onClosed: () => {
        if (expiry !== null) clearTimeout(expiry)
        if (this.#attached.get(stream)?.connection === connection) this.#attached.delete(stream)
        this.#prune()
        this.#notePressure()
      },
    })
    this.#attached.set(stream, { connection, principal, expiry })
    // A response that ended while the connection was made has told us already.
    if (!stream.isConnected) this.#attached.delete(stream)
  }

  #deliverKept(): void {
    const listener = this.#listener()
    if (listener === null) return
    const kept = this.#kept
    this.#kept = []
    this.#keptBytes = 0
    for (const data of kept) this.send(listener, data)
  }

  #listener(): StreamLog | null {
    for (const stream of this.#attached.keys()) if (stream.key.startsWith('g')) return stream
    return null
  }

  #makeRoom(): void {
    const listeners = [...this.#attached].filter(([stream]) => stream.key.startsWith('g'))
    const excess = listeners.length + 1 - this.#options.limits.listenersMax
    for (const [, { connection }] of listeners.slice(0, Math.max(0, excess))) connection.destroy()
  }

  #prune(): void {
    this.#log.trim()
    this.#log.forgetFinished()
  }

  #notePressure(): void {
    const isPressed = [...this.#attached.values()].some(({ connection }) => connection.isPressed)
    if (isPressed === this.#isPressed) return
    this.#isPressed = isPressed
    this.#options.onPressure(isPressed)
  }
}
