import type { Dispatcher } from 'undici'
import { OutboundFailure } from './outbound-failure.ts'
import { announcesMoreThan, flatHeaders, isCompressed, outboundFailure } from './undici-failures.ts'
import { IncomingBody } from './upstream-body.ts'
import type { UpstreamResponse } from './upstream-pool.ts'

export interface ExchangeOptions {
  readonly signal: AbortSignal | null
  readonly bytesMax: number | null
  /** Called exactly once, when the request holds its connection no longer. */
  readonly release: () => void
}

/**
 * One request on its way through the HTTP library, which reports to it. Speaks to the library's lowest level: its promises and streams cost
 * more than everything else that a small call needs.
 */
export class UpstreamExchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<UpstreamResponse>
  readonly #options: ExchangeOptions
  readonly #settle: PromiseWithResolvers<UpstreamResponse>
  readonly #onAbort = () => this.#abort()
  #controller: Dispatcher.DispatchController | null = null
  #body: IncomingBody | null = null
  #bytes = 0
  #isOver = false

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#settle = Promise.withResolvers<UpstreamResponse>()
    this.response = this.#settle.promise
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#options.signal?.aborted === true) controller.abort(new OutboundFailure('aborted'))
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    raw: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    // RFC 9110 §15.2: an interim answer is not the answer.
    if (status < 200) return
    const headers = flatHeaders(raw)
    const { bytesMax } = this.#options
    const isTooLarge = bytesMax !== null && announcesMoreThan(headers, bytesMax)
    if (isTooLarge || isCompressed(headers)) {
      controller.abort(new OutboundFailure(isTooLarge ? 'tooLarge' : 'compressed'))
      return
    }
    this.#body = new IncomingBody({
      pause: () => controller.pause(),
      resume: () => controller.resume(),
      abort: () => controller.abort(new OutboundFailure('aborted')),
    })
    this.#settle.resolve({ status, headers, body: this.#body })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { bytesMax } = this.#options
    this.#bytes += chunk.length
    if (bytesMax !== null && this.#bytes > bytesMax) controller.abort(new OutboundFailure('tooLarge'))
    else this.#body?.push(chunk)
  }

  onResponseEnd(): void {
    this.#finish()
    this.#body?.finish('whole')
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: unknown): void {
    this.#finish()
    const wasAborted = this.#options.signal?.aborted === true
    const failure = wasAborted
      ? new OutboundFailure('aborted', error)
      : outboundFailure(error, this.#body === null ? 'unreachable' : 'reset')
    if (this.#body === null) this.#settle.reject(failure)
    else this.#body.finish(failure)
  }

  /** While the connection is still being made there is nothing to break off; the caller need not wait for it. */
  #abort(): void {
    const failure = new OutboundFailure('aborted')
    if (this.#controller !== null) this.#controller.abort(failure)
    else this.#settle.reject(failure)
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#options.release()
  }
}
