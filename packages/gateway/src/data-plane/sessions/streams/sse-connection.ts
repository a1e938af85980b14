import type { ServerResponse } from 'node:http'
import type { DataPlaneLimits } from '../../limits.ts'
import { type StreamLog, unsentBytes } from './event-log.ts'
import { KEEP_ALIVE_COMMENT, printEventId, printMessageEvent, printPrimingEvent } from './sse-event.ts'

export type SseLimits = Pick<DataPlaneLimits, 'unsentBytesMax' | 'stallMs' | 'keepAliveMs' | 'retryMs'>

export interface SseConnectionOptions {
  readonly response: ServerResponse
  readonly stream: StreamLog
  readonly limits: SseLimits
  /** Whether the client's revision knows priming events (2025-11-25); older clients would parse the empty data as a message. */
  readonly primes: boolean
  readonly headers: Readonly<Record<string, string>>
  /** Called whenever the pressure of this reader rose above or fell below the bound. */
  readonly onPressure: () => void
  readonly onClosed: () => void
}

/**
 * Writes one stream to one HTTP response, at the reader's pace: after a write that filled the socket nothing more is handed to it
 * until it drains, so that unsent events stay in the log, where they are counted. A reader that stalls is cut and may resume.
 */
export class SseConnection {
  readonly stream: StreamLog
  readonly #options: SseConnectionOptions
  #isBlocked = false
  #isEnding = false
  #isClosed = false
  #isPressed = false
  #stall: NodeJS.Timeout | null = null
  readonly #keepAlive: NodeJS.Timeout

  constructor(options: SseConnectionOptions) {
    const { response, stream, limits } = options
    this.stream = stream
    this.#options = options
    stream.isConnected = true
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-content-type-options': 'nosniff',
      // Reverse proxies that buffer would hold events back.
      'x-accel-buffering': 'no',
      ...options.headers,
    })
    response.flushHeaders()
    response.on('close', () => this.#closed())
    response.on('error', () => this.#closed())
    this.#keepAlive = setInterval(() => this.#beat(), limits.keepAliveMs)
    if (options.primes) this.#write(printPrimingEvent(printEventId(stream.key, stream.sentThrough), limits.retryMs))
    this.flush()
  }

  get isPressed(): boolean {
    return this.#isPressed
  }

  /** Hands over what the reader can take now. */
  flush(): void {
    const { stream } = this
    while (!this.#isClosed && !this.#isEnding && !this.#isBlocked) {
      const next = nextUnsent(stream)
      if (next === undefined) break
      stream.sentThrough = next.sequence
      this.#write(printMessageEvent(printEventId(stream.key, next.sequence), next.data))
    }
    if (stream.isComplete && !this.#isBlocked && nextUnsent(stream) === undefined) this.end()
    this.#notePressure()
  }

  /** Ends the connection, not the stream: the client may come back. */
  end(): void {
    if (this.#isClosed || this.#isEnding) return
    this.#isEnding = true
    const { response } = this.#options
    if (this.#isBlocked) response.destroy()
    else response.end()
  }

  destroy(): void {
    this.#options.response.destroy()
    this.#closed()
  }

  #write(text: string): void {
    const { response, limits } = this.#options
    if (response.write(text)) return
    this.#isBlocked = true
    this.#stall = setTimeout(() => this.destroy(), limits.stallMs)
    response.once('drain', () => {
      this.#isBlocked = false
      if (this.#stall !== null) clearTimeout(this.#stall)
      this.flush()
    })
  }

  #beat(): void {
    if (!this.#isBlocked && !this.#isClosed && !this.#isEnding) this.#write(KEEP_ALIVE_COMMENT)
  }

  #notePressure(): void {
    const isPressed = !this.#isClosed && unsentBytes(this.stream) > this.#options.limits.unsentBytesMax
    if (isPressed === this.#isPressed) return
    this.#isPressed = isPressed
    this.#options.onPressure()
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.stream.isConnected = false
    clearInterval(this.#keepAlive)
    if (this.#stall !== null) clearTimeout(this.#stall)
    this.#notePressure()
    this.#options.onClosed()
  }
}

function nextUnsent(stream: StreamLog) {
  // Events are in order and few are unsent: look from the end.
  let next: StreamLog['events'][number] | undefined
  for (let index = stream.events.length - 1; index >= 0; index -= 1) {
    const event = stream.events[index]
    if (event === undefined || event.sequence <= stream.sentThrough) break
    next = event
  }
  return next
}
