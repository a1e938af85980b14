import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { JsonObject, JsonRpcMessage, JsonValue, MessageId } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import { isModernError } from '#wire/mcp/error-codes.ts'
import { type Cleared, requireCleared } from '../inspection/inspect-arguments.ts'
import type { DataPlaneLimits } from '../limits.ts'
import { upstreamRevisionIsSpoken } from '../sessions/capabilities.ts'
import type { OpenConnection, StreamNews, UpstreamConnection, UpstreamEvents, UpstreamFailure } from './connection.ts'
import { type PendingEntry, PendingTable, progressTokenOf, withOurIds } from './correlation.ts'

/**
 * Ids of the gateway's own requests share a table with the client's. Half a surrogate pair cannot come from a client (parse-strict.ts), so
 * a client can neither take such an id nor cancel it. It never goes on the wire.
 */
const OWN_ID_PREFIX = '\ud800own-'

/** How a call ended. `object` is the upstream's response under the asker's own id. */
export type CallEnd =
  | { readonly kind: 'answered'; readonly object: JsonObject }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'timedOut' }
  | { readonly kind: 'cancelled' }

/** A request that has an id toward the upstream and an absolute time limit. */
export interface Call<T> {
  readonly entry: PendingEntry<PendingCall<T>>
  readonly ended: Promise<CallEnd>
  /** True from the moment it ended, whatever the reason: then it must not be sent any more. */
  readonly isOver: () => boolean
}

export interface PendingCall<T> {
  /** What the session knows about the call; null for requests of the gateway itself. */
  readonly context: T | null
  readonly end: (end: CallEnd) => void
}

export interface LinkOptions<T> {
  readonly open: OpenConnection
  readonly limits: DataPlaneLimits
  readonly callTimeoutMs: number
  readonly clock: Clock
  readonly log: Log
  /** Requests and notifications of the upstream. `related` is the call on whose stream it came, where the transport says so. */
  readonly onMessage: (message: JsonRpcMessage, related: T | null) => void
  /** How the upstream treats the stream that answers this call. */
  readonly onStream?: (news: StreamNews, related: T) => void
  /** The connection broke; the server's own open questions are void. */
  readonly onBroken: (reason: string) => void
}

/**
 * One session's conversation with its upstream, over as many connections as it takes: ids of ours on every request, one time limit per
 * call, and after a break a new connection with the same `initialize`, with growing waits and a bounded number of attempts.
 */
export class Link<T> {
  readonly #options: LinkOptions<T>
  readonly #calls: PendingTable<PendingCall<T>>
  #connection: UpstreamConnection | null = null
  #starting: Promise<Result<UpstreamConnection, UpstreamFailure>> | null = null
  #initializeParams: JsonObject | null = null
  #breaks: number[] = []
  #ownRequests = 0
  #isPaused = false
  #isClosed = false

  constructor(options: LinkOptions<T>) {
    this.#options = options
    this.#calls = new PendingTable(options.limits.callsInFlightMax)
  }

  get callsInFlight(): number {
    return this.#calls.size
  }

  /** Contexts of the calls under way, oldest first. */
  contexts(): readonly T[] {
    return this.#calls.entries().flatMap(({ value }) => (value.context === null ? [] : [value.context]))
  }

  /** Opens the first connection. The answer's `result` is the upstream's, as it came. */
  async initialize(params: JsonObject): Promise<Result<JsonObject, UpstreamFailure>> {
    this.#initializeParams = params
    const started = await this.#start()
    return started.ok ? ok(started.value.result) : started
  }

  /** Gives a request its id. Nothing is sent yet; the time limit runs. */
  begin(id: MessageId, params: JsonObject | null, context: T | null): Result<Call<T>, 'idInUse' | 'tooMany'> {
    const { promise, resolve } = Promise.withResolvers<CallEnd>()
    let isOver = false
    const end = (how: CallEnd) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      // At once, so that the transport sees that the request is over.
      this.#calls.close(entry)
      this.#connection?.forget(entry.ourId)
      resolve(how)
    }
    const opened = this.#calls.open(id, progressTokenOf(params), { context, end })
    if (!opened.ok) return opened
    const entry = opened.value
    const timer = setTimeout(() => this.#timeOut(entry), this.#options.callTimeoutMs)
    return ok({ entry, ended: promise, isOver: () => isOver })
  }

  /** Sends a begun call. Only what inspection cleared can be sent for a caller. */
  async run(call: Call<T>, cleared: Cleared): Promise<CallEnd> {
    requireCleared(cleared)
    return await this.#run(call, cleared.object)
  }

  /** Forgets a begun call that was not sent after all. */
  abandon(call: Call<T>): void {
    call.entry.value.end({ kind: 'lost', reason: 'notSent' })
  }

  /** A request of the gateway's own: nobody's arguments are in it. */
  async ask(method: string, params: JsonObject): Promise<CallEnd> {
    this.#ownRequests += 1
    const begun = this.begin(`${OWN_ID_PREFIX}${this.#ownRequests}`, null, null)
    if (!begun.ok) return { kind: 'lost', reason: begun.refusal }
    const { entry } = begun.value
    return await this.#run(begun.value, { jsonrpc: '2.0', id: entry.ourId, method, params })
  }

  /** A cleared notification, or the client's cleared answer to the server, under ids that are already the upstream's. */
  async tell(cleared: Cleared, object: JsonObject): Promise<Result<void, UpstreamFailure>> {
    requireCleared(cleared)
    return await this.#send(object)
  }

  /** The gateway's own answer to a request of the upstream, e.g. that it may not ask this. */
  async answerOurselves(object: JsonObject): Promise<void> {
    await this.#connection?.send(object)
  }

  /** The client cancels its request: told to the upstream under our id, and nothing is waited for any more. */
  async cancel(cleared: Cleared, requestId: JsonValue | undefined): Promise<boolean> {
    requireCleared(cleared)
    const entry = this.#calls.byOriginalId(requestId)
    if (entry === null) return false
    const params = isJsonObject(cleared.object['params']) ? cleared.object['params'] : {}
    await this.#connection?.send({ ...cleared.object, params: { ...params, requestId: entry.ourId } })
    entry.value.end({ kind: 'cancelled' })
    return true
  }

  /** Ends the calls of callers who may not be answered any more, and tells the upstream to stop. */
  endCalls(isOver: (context: T) => boolean, reason: string): void {
    for (const entry of this.#calls.entries()) {
      if (entry.value.context === null || !isOver(entry.value.context)) continue
      this.#sendCancelled(entry, reason)
      entry.value.end({ kind: 'lost', reason })
    }
  }

  /** The call that a progress note of the upstream belongs to. */
  callByProgressToken(token: JsonValue | undefined): PendingEntry<PendingCall<T>> | null {
    const entry = this.#calls.byOurId(token)
    return entry !== null && entry.progressToken !== null ? entry : null
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    if (isPaused) this.#connection?.pause()
    else this.#connection?.resume()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#endAll('sessionEnded')
    const connection = this.#connection
    this.#connection = null
    const starting = await this.#starting?.catch(() => null)
    await connection?.close()
    if (starting?.ok && starting.value !== connection) await starting.value.close()
  }

  async #run(call: Call<T>, object: JsonObject): Promise<CallEnd> {
    const sending = this.#send(withOurIds(object, call.entry), call.isOver).then((sent) => {
      if (!sent.ok) call.entry.value.end({ kind: 'lost', reason: sent.refusal.reason })
      return call.ended
    })
    // Not one after the other: an upstream that reads nothing must not hold a caller beyond the call's time.
    return await Promise.race([call.ended, sending])
  }

  /** A call that ended while a connection was made (cancelled, timed out, revoked) is not sent: its caller was told otherwise. */
  async #send(object: JsonObject, isOver: () => boolean = () => false): Promise<Result<void, UpstreamFailure>> {
    const first = await this.#connected()
    if (!first.ok) return first
    if (isOver()) return ok(undefined)
    const sent = await first.value.send(object)
    if (sent.ok || sent.refusal.reason !== 'sessionLost') return sent
    // The upstream forgot our session and has not looked at the message: once more, in a new one.
    this.#drop(first.value, 'sessionLost')
    const second = await this.#connected()
    if (!second.ok) return second
    return isOver() ? ok(undefined) : await second.value.send(object)
  }

  async #connected(): Promise<Result<UpstreamConnection, UpstreamFailure>> {
    if (this.#isClosed) return refused({ reason: 'sessionEnded' })
    if (this.#connection !== null) return ok(this.#connection)
    this.#starting ??= this.#restart().finally(() => {
      this.#starting = null
    })
    return await this.#starting
  }

  async #restart(): Promise<Result<UpstreamConnection, UpstreamFailure>> {
    const { limits, clock } = this.#options
    const now = clock.monotonicMs()
    this.#breaks = this.#breaks.filter((at) => now - at < limits.restartWindowMs)
    if (this.#breaks.length > limits.restartsMax) return refused({ reason: 'restartsExhausted' })
    const wait = Math.min(limits.restartDelayMs * 2 ** Math.max(0, this.#breaks.length - 1), limits.restartDelayMaxMs)
    await sleep(wait, undefined, { ref: false })
    const started = await this.#start()
    if (!started.ok) {
      this.#breaks.push(clock.monotonicMs())
      return started
    }
    await started.value.connection.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return ok(started.value.connection)
  }

  /** A new connection with the handshake done. The handshake is not in the call table: nobody may cancel it. */
  async #start(): Promise<Result<{ connection: UpstreamConnection; result: JsonObject }, UpstreamFailure>> {
    const { callTimeoutMs } = this.#options
    if (this.#isClosed || this.#initializeParams === null) return refused({ reason: 'sessionEnded' })
    const id = this.#calls.reserve()
    const answer = Promise.withResolvers<CallEnd>()
    let isReady = false
    const opened: Result<UpstreamConnection, UpstreamFailure> = await this.#open({
      onMessage: (message, relatedTo) => {
        if (isReady) this.#receive(message, relatedTo)
        else if (message.kind === 'response' && message.id === id) {
          answer.resolve({ kind: 'answered', object: message.object })
        }
      },
      onStream: (ourId, news) => {
        const context = this.#calls.byOurId(ourId)?.value.context ?? null
        if (context !== null) this.#options.onStream?.(news, context)
      },
      onLost: (ourId, reason) => {
        if (ourId === id) answer.resolve({ kind: 'lost', reason })
        else this.#calls.byOurId(ourId)?.value.end({ kind: 'lost', reason })
      },
      onClosed: (reason) => {
        answer.resolve({ kind: 'lost', reason })
        if (opened.ok) this.#drop(opened.value, reason)
      },
    })
    if (!opened.ok) return opened
    const connection = opened.value
    const timer = setTimeout(() => answer.resolve({ kind: 'timedOut' }), callTimeoutMs)
    const sent = await connection.send({ jsonrpc: '2.0', id, method: 'initialize', params: this.#initializeParams })
    const end: CallEnd = sent.ok ? await answer.promise : { kind: 'lost', reason: sent.refusal.reason }
    clearTimeout(timer)
    const result = end.kind === 'answered' ? end.object['result'] : undefined
    const revision = isJsonObject(result) ? result['protocolVersion'] : undefined
    if (!isJsonObject(result) || !upstreamRevisionIsSpoken(revision) || this.#isClosed) {
      await connection.close()
      return refused({ reason: handshakeFailure(end) })
    }
    connection.forget(id)
    connection.useRevision(revision)
    isReady = true
    this.#connection = connection
    if (this.#isPaused) connection.pause()
    return ok({ connection, result })
  }

  /** A machine without processes, memory or disk to spare makes an upstream unavailable; it must not break the road. */
  async #open(events: UpstreamEvents): Promise<Result<UpstreamConnection, UpstreamFailure>> {
    try {
      return await this.#options.open(events)
    } catch (cause) {
      this.#options.log.error('a connection to an upstream could not be opened', { cause })
      return refused({ reason: 'openFailed' })
    }
  }

  #receive(message: JsonRpcMessage, relatedTo: number | null): void {
    if (message.kind === 'response') {
      const entry = this.#calls.byOurId(message.id ?? undefined)
      if (entry === null) {
        this.#options.log.warn('an upstream answered a request that is not open; dropped')
        return
      }
      entry.value.end({ kind: 'answered', object: { ...message.object, id: entry.originalId } })
      return
    }
    const related = relatedTo === null ? null : (this.#calls.byOurId(relatedTo)?.value.context ?? null)
    this.#options.onMessage(message, related)
  }

  #timeOut(entry: PendingEntry<PendingCall<T>>): void {
    this.#sendCancelled(entry, 'timed out')
    entry.value.end({ kind: 'timedOut' })
  }

  #sendCancelled({ ourId }: PendingEntry<PendingCall<T>>, reason: string): void {
    const params = { requestId: ourId, reason }
    void this.#connection?.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
  }

  #drop(connection: UpstreamConnection, reason: string): void {
    if (this.#connection !== connection) return
    this.#connection = null
    this.#breaks.push(this.#options.clock.monotonicMs())
    void connection.close()
    if (reason !== 'sessionLost') this.#endAll(reason)
    this.#options.onBroken(reason)
  }

  #endAll(reason: string): void {
    for (const { value } of this.#calls.entries()) value.end({ kind: 'lost', reason })
  }
}

function handshakeFailure(end: CallEnd): string {
  if (end.kind === 'lost') return end.reason
  if (end.kind === 'timedOut') return 'handshakeTimedOut'
  if (end.kind === 'answered' && isModernError(end.object)) return 'modernOnly'
  return 'handshakeRefused'
}
