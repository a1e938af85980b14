import type { ServerResponse } from 'node:http'
import { EventStream, type EventStreamLimits } from './event-stream.ts'

export interface ModernReplyOptions {
  readonly response: ServerResponse
  readonly limits: EventStreamLimits & { readonly streamOpensAfterMs: number }
  /** The client hung up before it was answered: 2026-07-28 calls that a cancellation. */
  readonly onGone: () => void
  /** The client took all there was, or is gone: until then the answer costs us memory. Called once. */
  readonly onClosed: () => void
}

/**
 * The answer to one modern request: JSON where it is there soon and nothing had to be said before, else a stream of this request alone
 * that ends with the answer.
 */
export class ModernReply {
  readonly #options: ModernReplyOptions
  readonly #timer: NodeJS.Timeout
  #stream: EventStream | null = null
  #isOver = false

  constructor(options: ModernReplyOptions) {
    this.#options = options
    const { response, limits } = options
    this.#timer = setTimeout(() => this.#open(), limits.streamOpensAfterMs)
    response.once('close', () => {
      clearTimeout(this.#timer)
      const wasOver = this.#isOver
      this.#isOver = true
      if (!wasOver) options.onGone()
      options.onClosed()
    })
    // It may have closed while nobody was listening.
    if (response.destroyed && !this.#isOver) response.emit('close')
  }

  /** Something about the request before its answer. Resolves when the client has room for more. */
  async notify(text: string): Promise<void> {
    if (!this.#isOver) await this.#open()?.send(text)
  }

  /** The answer, as printed JSON; `status` counts where the status line has not been sent. */
  answer(status: number, text: string): void {
    this.#finish((response) => {
      const body = Buffer.from(text)
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': body.length,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      })
      // A reader that takes nothing would otherwise hold the body for as long as it likes.
      response.setTimeout(this.#options.limits.stallMs, () => response.destroy())
      response.end(body)
    }, text)
  }

  /** A refusal: `directly` answers by a status of its own, `text` stands for it on a stream. */
  refuse(text: string, directly: () => void): void {
    this.#finish(directly, text)
  }

  /** The exchange is answered in another way. */
  discard(): void {
    clearTimeout(this.#timer)
    this.#isOver = true
    // A stream that has begun can only end without its answer.
    void this.#stream?.end()
  }

  #finish(directly: (response: ServerResponse) => void, text: string): void {
    clearTimeout(this.#timer)
    const { response } = this.#options
    // Nothing further for a request that was cancelled (streamable-http §Cancellation).
    if (this.#isOver || response.destroyed) return
    this.#isOver = true
    if (this.#stream === null) {
      directly(response)
      return
    }
    void this.#stream.send(text)
    void this.#stream.end()
  }

  #open(): EventStream | null {
    const { response, limits } = this.#options
    if (this.#stream !== null || this.#isOver || response.destroyed) return this.#stream
    this.#stream = new EventStream(response, limits)
    return this.#stream
  }
}
