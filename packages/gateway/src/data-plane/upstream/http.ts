import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '#core/log.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { HttpUpstream } from '#core/snapshot.ts'
import { OutboundFailure } from '#net/outbound-failure.ts'
import { UPSTREAM_CONNECTIONS_MAX, type UpstreamPool, type UpstreamResponse } from '#net/upstream-pool.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isModernError } from '#wire/mcp/error-codes.ts'
import type { DataPlaneLimits } from '../limits.ts'
import type { UpstreamConnection, UpstreamEvents, UpstreamFailure } from './connection.ts'
import { upstreamHeaders } from './credential.ts'
import { readUpstreamMessage } from './read-message.ts'
import { SseReader } from './sse-reader.ts'

/** Standing GET streams may take at most this share of the connections, so that calls always find one. */
const LISTENERS_MAX = UPSTREAM_CONNECTIONS_MAX / 2
/** Made once: an abort without a reason makes an exception with a stack, and every answered call ends with one. */
const FORGOTTEN = new Error('the call is over')
/** An upstream's session id: visible ASCII (MCP, session management), and short enough for a header. */
const SESSION_ID = /^[\x21-\x7e]{1,1024}$/
/** The largest body of a refusal that is looked at. */
const ERROR_BYTES_MAX = 64 * 1024
const POST_ACCEPT = 'application/json, text/event-stream'

export interface HttpOptions {
  readonly pool: UpstreamPool
  /** A larger answer, or a larger event of a stream, is refused. */
  readonly responseBytesMax: number
  readonly callTimeoutMs: number
  readonly limits: DataPlaneLimits
  readonly log: Log
}

/** A client of Streamable HTTP, revisions 2025-03-26 to 2025-11-25. No traffic until the first message. */
export function openHttp(spec: HttpUpstream, options: HttpOptions, events: UpstreamEvents): UpstreamConnection {
  return new HttpConnection(spec, options, events)
}

class HttpConnection implements UpstreamConnection {
  readonly #spec: HttpUpstream
  readonly #path: string
  readonly #options: HttpOptions
  readonly #events: UpstreamEvents
  /** Ends what belongs to no call: the standing stream, notifications, answers. */
  readonly #all = new AbortController()
  /** Calls whose answer has not been read to its end. */
  readonly #underWay = new Map<number, AbortController>()
  #sessionId: string | null = null
  #revision: string | null = null
  /** Present while reading is paused; resolves when it goes on. */
  #gate: PromiseWithResolvers<void> | null = null
  #listens = false

  constructor(spec: HttpUpstream, options: HttpOptions, events: UpstreamEvents) {
    const url = new URL(spec.url)
    this.#spec = spec
    this.#path = `${url.pathname}${url.search}`
    this.#options = options
    this.#events = events
  }

  async send(message: JsonObject): Promise<Result<void, UpstreamFailure>> {
    const method = message['method']
    const ourId = typeof method === 'string' && typeof message['id'] === 'number' ? message['id'] : null
    const begun = await this.#post(message, ourId, ourId === null ? this.#all.signal : this.#open(ourId))
    if (!begun.ok && ourId !== null) this.#underWay.delete(ourId)
    if (begun.ok && method === 'notifications/initialized') void this.#listen()
    return begun
  }

  forget(ourId: number): void {
    this.#underWay.get(ourId)?.abort(FORGOTTEN)
    this.#underWay.delete(ourId)
  }

  useRevision(revision: string): void {
    this.#revision = revision
  }

  pause(): void {
    this.#gate ??= Promise.withResolvers<void>()
  }

  resume(): void {
    this.#gate?.resolve()
    this.#gate = null
  }

  async close(): Promise<void> {
    if (this.#all.signal.aborted) return
    this.resume()
    if (this.#sessionId !== null) await this.#sayFarewell()
    this.#all.abort()
    for (const call of this.#underWay.values()) call.abort(FORGOTTEN)
  }

  /** A signal of the call's own. One that follows several costs more than the rest of a small call. */
  #open(ourId: number): AbortSignal {
    const call = new AbortController()
    if (this.#all.signal.aborted) call.abort(FORGOTTEN)
    this.#underWay.set(ourId, call)
    return call.signal
  }

  async #post(message: JsonObject, ourId: number | null, signal: AbortSignal): Promise<Result<void, UpstreamFailure>> {
    let response: UpstreamResponse
    try {
      response = await this.#options.pool.request({
        method: 'POST',
        path: this.#path,
        headers: upstreamHeaders(this.#spec, {
          accept: POST_ACCEPT,
          hasBody: true,
          sessionId: this.#sessionId,
          revision: this.#revision,
          lastEventId: null,
        }),
        body: printJson(message),
        signal,
        headersTimeoutMs: this.#options.callTimeoutMs,
        bodyIdleTimeoutMs: null,
        bytesMax: null,
      })
    } catch (error) {
      return refused({ reason: reasonOf(error) })
    }
    const problem = this.#problemOf(response, ourId !== null)
    if (problem !== null) {
      const isModern = message['method'] === 'initialize' && (await answersModern(response))
      response.body.destroy()
      return refused({ reason: isModern ? 'modernOnly' : problem })
    }
    if (message['method'] === 'initialize') {
      const sessionId = response.headers['mcp-session-id'] ?? null
      if (sessionId !== null && !SESSION_ID.test(sessionId)) {
        response.body.destroy()
        return refused({ reason: 'sessionIdInvalid' })
      }
      this.#sessionId = sessionId
    }
    if (ourId === null) response.body.destroy()
    else if (mediaType(response) === 'text/event-stream') void this.#readStream(response, ourId)
    else void this.#readJson(response, ourId)
    return ok(undefined)
  }

  /** Null when the answer may be read. What the upstream says about its own authorization never reaches a caller. */
  #problemOf(response: UpstreamResponse, isRequest: boolean): string | null {
    const { status } = response
    if (status === 404 && this.#sessionId !== null) return 'sessionLost'
    if (status === 401 || status === 403) return 'credentialRefused'
    if (status >= 300 && status < 400) return 'redirect'
    if (status < 200 || status > 299) return `status${status}`
    if (!isRequest) return null
    const type = mediaType(response)
    return type === 'application/json' || type === 'text/event-stream' ? null : 'mediaTypeUnexpected'
  }

  async #readJson(response: UpstreamResponse, ourId: number): Promise<void> {
    try {
      const bytes = await response.body.whole(this.#options.responseBytesMax)
      if (this.#gate !== null) await this.#gate.promise
      if (bytes === null) return this.#lose(ourId, 'resultTooLarge')
      const message = readUpstreamMessage(bytes)
      if (message === null) return this.#lose(ourId, 'jsonInvalid')
      // Read to its end, so there is nothing left to break off. One request, one answer: whatever the body was, the request is over.
      if (!this.#underWay.delete(ourId)) return
      this.#events.onMessage(message, ourId)
      this.#events.onLost(ourId, 'answerMissing')
    } catch (error) {
      this.#lose(ourId, reasonOf(error))
    }
  }

  /** Reads one stream, resuming it (bounded) where it breaks off, until the awaited answer came or the stream is given up. */
  async #readStream(first: UpstreamResponse, relatedTo: number | null): Promise<void> {
    let response: UpstreamResponse | null = first
    let lastEventId: string | null = null
    let attempts = 0
    let waitMs = this.#options.limits.retryMs
    while (!this.#all.signal.aborted) {
      if (response !== null) {
        const end: StreamEnd = await this.#readEvents(response, relatedTo, lastEventId)
        if (end.kind === 'answered') return
        if (end.kind === 'refused') return this.#giveUp(relatedTo, end.reason)
        lastEventId = end.lastEventId
        if (relatedTo !== null && end.isWhole && lastEventId !== null) this.#events.onStream?.(relatedTo, 'letGo')
        if (end.sawEvents) attempts = 0
        waitMs = end.retryMs ?? waitMs
      }
      // A stream without event ids cannot be resumed; what was under way on it is lost.
      if (relatedTo !== null && lastEventId === null) return this.#giveUp(relatedTo, 'streamEnded')
      attempts += 1
      if (attempts > this.#options.limits.resumesMax) return this.#giveUp(relatedTo, 'streamEnded')
      const signal = this.#signalOf(relatedTo)
      if (signal === null) return
      await sleep(waitMs * attempts, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      response = await this.#get(lastEventId, signal)
    }
  }

  async #readEvents(response: UpstreamResponse, relatedTo: number | null, cursor: string | null): Promise<StreamEnd> {
    const reader = new SseReader(this.#options.responseBytesMax)
    let lastEventId = cursor
    let sawEvents = false
    let isWhole = false
    try {
      for await (const chunk of response.body) {
        if (this.#gate !== null) await this.#gate.promise
        const events = reader.push(chunk)
        if (events === null) return { kind: 'refused', reason: 'streamMalformed' }
        for (const event of events) {
          sawEvents = true
          lastEventId = event.id ?? lastEventId
          if (relatedTo !== null && event.id !== null && event.data === '') this.#events.onStream?.(relatedTo, 'primed')
          if (event.data === '' || event.type !== 'message') continue
          const message = readUpstreamMessage(event.data)
          if (message === null) return { kind: 'refused', reason: 'jsonInvalid' }
          this.#events.onMessage(message, relatedTo)
          if (relatedTo !== null && !this.#underWay.has(relatedTo)) return { kind: 'answered' }
          if (this.#gate !== null) await this.#gate.promise
        }
      }
      isWhole = true
    } catch {
      // A stream that breaks off is treated like one that ends.
    }
    return { kind: 'ended', isWhole, lastEventId, sawEvents, retryMs: reader.retryMs }
  }

  /** The standing stream for what belongs to no request. Servers need not have one (405). */
  async #listen(): Promise<void> {
    if (this.#listens || this.#options.pool.inFlight() >= LISTENERS_MAX) return
    this.#listens = true
    const response = await this.#get(null, this.#all.signal)
    if (response !== null) await this.#readStream(response, null)
  }

  async #get(lastEventId: string | null, signal: AbortSignal): Promise<UpstreamResponse | null> {
    try {
      const response = await this.#options.pool.request({
        method: 'GET',
        path: this.#path,
        headers: upstreamHeaders(this.#spec, {
          accept: 'text/event-stream',
          hasBody: false,
          sessionId: this.#sessionId,
          revision: this.#revision,
          lastEventId,
        }),
        signal,
        bodyIdleTimeoutMs: null,
        bytesMax: null,
      })
      if (response.status === 200 && mediaType(response) === 'text/event-stream') return response
      response.body.destroy()
      return null
    } catch {
      return null
    }
  }

  async #sayFarewell(): Promise<void> {
    try {
      const response = await this.#options.pool.request({
        method: 'DELETE',
        path: this.#path,
        headers: upstreamHeaders(this.#spec, {
          accept: POST_ACCEPT,
          hasBody: false,
          sessionId: this.#sessionId,
          revision: this.#revision,
          lastEventId: null,
        }),
        signal: AbortSignal.any([this.#all.signal, AbortSignal.timeout(this.#options.limits.farewellMs)]),
        bytesMax: null,
      })
      response.body.destroy()
    } catch {
      // The upstream may refuse (405) or be gone; its session then ends by its own rules.
    }
  }

  #signalOf(relatedTo: number | null): AbortSignal | null {
    if (relatedTo === null) return this.#all.signal
    return this.#underWay.get(relatedTo)?.signal ?? null
  }

  #giveUp(relatedTo: number | null, reason: string): void {
    if (relatedTo === null) this.#options.log.debug('an upstream event stream ended', { reason })
    else this.#lose(relatedTo, reason)
  }

  #lose(ourId: number, reason: string): void {
    if (this.#underWay.delete(ourId)) this.#events.onLost(ourId, reason)
  }
}

type StreamEnd =
  | { readonly kind: 'answered' }
  | { readonly kind: 'refused'; readonly reason: string }
  | {
      readonly kind: 'ended'
      /** The server ended it; false when it broke off. */
      readonly isWhole: boolean
      readonly lastEventId: string | null
      readonly sawEvents: boolean
      readonly retryMs: number | null
    }

/** Whether a refused `initialize` was refused in the words that only 2026-07-28 has (versioning §Backward Compatibility). */
async function answersModern(response: UpstreamResponse): Promise<boolean> {
  if (response.status !== 400 || mediaType(response) !== 'application/json') return false
  try {
    const bytes = await response.body.whole(ERROR_BYTES_MAX)
    const message = bytes === null ? null : readUpstreamMessage(bytes)
    return message?.kind === 'response' && isModernError(message.object)
  } catch {
    return false
  }
}

function mediaType(response: UpstreamResponse): string {
  return (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function reasonOf(error: unknown): string {
  return error instanceof OutboundFailure ? error.reason : 'unreachable'
}
