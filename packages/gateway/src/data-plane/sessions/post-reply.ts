import type { ServerResponse } from 'node:http'
import type { Principal } from '#identity/principal.ts'
import type { StreamNews } from '../upstream/connection.ts'
import type { StreamLog } from './streams/event-log.ts'
import type { SessionStreams } from './streams/session-streams.ts'

export interface PostReplyOptions {
  readonly response: ServerResponse
  readonly streams: SessionStreams
  readonly principal: Principal
  /** Requests in the body that each get one answer. */
  readonly requests: number
  readonly isBatch: boolean
  readonly opensAfterMs: number
  /** A JSON answer of which nothing is taken for this long is given up. */
  readonly stallMs: number
}

/**
 * The answer to one POST with requests. It is JSON when every answer is there before anything else had to be said, and an event
 * stream from the moment a related message comes first or the wait grows long (MCP, Sending Messages to the Server, 5 and 6),
 * or the server offers to be asked for the rest: then so do we.
 * A client that hangs up changes nothing for the calls: what they give is kept where it can be resumed, or dropped.
 */
export class PostReply {
  readonly #options: PostReplyOptions
  readonly #answers: string[] = []
  readonly #timer: NodeJS.Timeout
  #remaining: number
  #stream: StreamLog | null = null
  /** The stream, once the server has primed its own. */
  #primed: StreamLog | null = null

  constructor(options: PostReplyOptions) {
    this.#options = options
    this.#remaining = options.requests
    this.#timer = setTimeout(() => this.#open(), options.opensAfterMs)
  }

  /** A message that belongs to a request of this POST. False when there is no stream to put it on: answered already, or hung up. */
  related(text: string): boolean {
    const stream = this.#open()
    if (stream === null || stream.isComplete) return false
    this.#options.streams.send(stream, text)
    return true
  }

  /** Does with our stream what the server does with its own. One that it never primed it may not let go of: that one just broke off. */
  follow(news: StreamNews): void {
    if (news === 'primed') this.#primed = this.#open()
    else if (this.#primed !== null) this.#options.streams.letGo(this.#primed)
  }

  /**
   * The answer to one request, as printed JSON. `substitute` is kept for resumption where the answer itself is too large to keep.
   * `directly` answers a single request by an HTTP status of its own (a refusal), if the status line has not been sent.
   */
  answer(text: string, substitute: string | null, directly: (() => void) | null = null): void {
    const { streams, isBatch, response } = this.#options
    this.#remaining -= 1
    if (this.#stream !== null) streams.send(this.#stream, text, substitute)
    else if (directly !== null && !isBatch) {
      this.#finish()
      if (!response.destroyed) directly()
      return
    } else this.#answers.push(text)
    this.#finishIfLast()
  }

  /** One request will get no answer: its client has cancelled it. */
  withoutAnswer(): void {
    this.#remaining -= 1
    this.#finishIfLast()
  }

  /** The exchange is answered in another way. */
  discard(): void {
    this.#finish()
  }

  #finishIfLast(): void {
    if (this.#remaining > 0) return
    this.#finish()
    const { streams, isBatch, response } = this.#options
    // All cancelled: a stream that ends without a message is the one way to say nothing.
    if (this.#stream === null && this.#answers.length === 0) this.#open()
    if (this.#stream !== null) {
      streams.complete(this.#stream)
      return
    }
    if (response.destroyed) return
    // As text it goes out in one piece with the headers.
    const body = isBatch ? `[${this.#answers.join(',')}]` : (this.#answers[0] ?? '')
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.end(body)
    // A reader that takes nothing would otherwise hold the body for as long as it likes.
    if (!response.writableFinished) response.setTimeout(this.#options.stallMs, () => response.destroy())
  }

  #open(): StreamLog | null {
    if (this.#stream !== null) return this.#stream
    const { response, streams, principal } = this.#options
    if (response.destroyed || response.headersSent) return null
    this.#stream = streams.openAnswer(response, principal, {})
    for (const text of this.#answers.splice(0)) streams.send(this.#stream, text)
    return this.#stream
  }

  #finish(): void {
    clearTimeout(this.#timer)
  }
}
