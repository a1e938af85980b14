import type { ServerResponse } from 'node:http'
import { printLine } from '#wire/jsonrpc/print-line.ts'
import type { DataPlaneLimits } from '../limits.ts'
import { KEEP_ALIVE_COMMENT } from '../sessions/streams/sse-event.ts'

export type EventStreamLimits = Pick<DataPlaneLimits, 'keepAliveMs' | 'stallMs'>

/**
 * One response as an event stream of 2026-07-28: events without ids, because nothing is resumed. Whoever sends waits for the reader, so
 * nothing piles up; a reader that takes nothing for `stallMs` loses the connection.
 */
export class EventStream {
  readonly #response: ServerResponse
  readonly #limits: EventStreamLimits
  readonly #keepAlive: NodeJS.Timeout
  #last: Promise<void> = Promise.resolve()

  /** Sends the head. The response must not have begun. */
  constructor(response: ServerResponse, limits: EventStreamLimits) {
    this.#response = response
    this.#limits = limits
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      'x-content-type-options': 'nosniff',
      // Reverse proxies that buffer would hold events back (streamable-http §Receiving Messages).
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
    this.#keepAlive = setInterval(() => {
      if (!response.writableNeedDrain) void this.#write(KEEP_ALIVE_COMMENT)
    }, limits.keepAliveMs)
    response.once('close', () => clearInterval(this.#keepAlive))
  }

  /** One message, as printed JSON. Resolves when the reader has room again or is gone; messages keep their order. */
  send(text: string): Promise<void> {
    this.#last = this.#last.then(() => this.#write(`event: message\ndata: ${printLine(text)}\n\n`))
    return this.#last
  }

  /** After everything sent before. */
  async end(): Promise<void> {
    clearInterval(this.#keepAlive)
    await this.#last
    if (!this.#response.destroyed) this.#response.end()
  }

  #write(text: string): Promise<void> {
    const response = this.#response
    if (response.destroyed || response.writableEnded || response.write(text)) return Promise.resolve()
    return new Promise((resolve) => {
      const stall = setTimeout(() => response.destroy(), this.#limits.stallMs)
      const done = () => {
        clearTimeout(stall)
        response.off('drain', done).off('close', done)
        resolve()
      }
      response.on('drain', done).on('close', done)
    })
  }
}
