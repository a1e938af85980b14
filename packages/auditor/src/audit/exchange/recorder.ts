import { setTimeout as sleep } from 'node:timers/promises'
import type { z } from 'zod'
import type { exchangeSchema } from '#report/model.ts'
import { AddressGuard } from './address-guard.ts'
import { type Answer, type Ask, send } from './ask.ts'
import { redactHeader, redactText } from './redact.ts'
import { SecretsSeen } from './secrets-seen.ts'

type Exchange = z.infer<typeof exchangeSchema>

export interface RecorderOptions {
  readonly target: URL
  /** 0: as fast as it goes. */
  readonly requestsPerSecond: number
  readonly timeoutMs: number
  readonly authority: string | null
  /** Tokens that were given. */
  readonly tokens: readonly string[]
}

const BODY_BYTES_MAX = 512 * 1024
/** More than any audit sends; a loop that we did not think of ends here. */
const REQUESTS_MAX = 3000

/** After so many that were not answered in time, one after the other, nothing more is asked. */
const SILENCES_MAX = 6

/** Sends requests at a pace, only where they may go, and keeps what was sent and what came. */
export class Recorder {
  readonly exchanges: Exchange[] = []
  readonly #options: RecorderOptions
  readonly #guard: AddressGuard
  readonly #secrets: SecretsSeen
  #silences = 0
  readonly #startedAt = performance.now()
  #nextAt = 0
  #label = 'discovery'

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#guard = new AddressGuard(options.target)
    this.#secrets = new SecretsSeen(options.tokens)
  }

  /** Everything that `work` sends is told to be of this probe; answers its numbers with what it comes to. */
  async under<T>(label: string, work: () => Promise<T>): Promise<{ readonly value: T; readonly numbers: number[] }> {
    const first = this.exchanges.length
    this.#label = label
    const value = await work()
    return { value, numbers: this.exchanges.slice(first).map(({ number }) => number) }
  }

  async ask(ask: Ask): Promise<Answer> {
    const url = URL.parse(ask.url)
    if (url === null || this.exchanges.length >= REQUESTS_MAX || !(await this.#guard.mayAsk(url)))
      return this.#record(
        ask,
        refused(url === null ? 'not a URL' : 'not asked: this address is not the target’s to name'),
      )
    if (this.#silences >= SILENCES_MAX) return this.#record(ask, refused('not asked: the target has stopped answering'))
    await this.#pace()
    const { timeoutMs, authority } = this.#options
    const answer = await send(ask, { timeoutMs, authority, lookup: this.#guard.lookup, bodyBytesMax: BODY_BYTES_MAX })
    this.#silences = answer.failure === 'timeout' ? this.#silences + 1 : 0
    return this.#record(ask, answer)
  }

  /** An exchange as a report may show it, without any secret of this audit. */
  shown(number: number): Exchange | null {
    const exchange = this.exchanges[number - 1]
    return exchange === undefined ? null : this.#secrets.hideIn(exchange)
  }

  async #pace(): Promise<void> {
    const { requestsPerSecond } = this.#options
    if (requestsPerSecond === 0) return
    const now = performance.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + 1000 / requestsPerSecond
    if (at > now) await sleep(at - now)
  }

  #record(ask: Ask, answer: Answer): Answer {
    const { status, headers, text, isCut, failure, durationMs } = answer
    this.#secrets.learn(ask, answer)
    this.exchanges.push({
      number: this.exchanges.length + 1,
      label: this.#label,
      request: {
        method: ask.method,
        url: redactText(ask.target === undefined ? ask.url : `${new URL(ask.url).origin}${ask.target}`, false),
        headers: ask.headers.map(([name, value]) => redactHeader(name, value)),
        body: ask.body === undefined ? null : redactText(ask.body),
      },
      response:
        failure === null
          ? {
              status,
              headers: headers.map(([name, value]) => redactHeader(name, value)),
              body: redactText(text),
              isCut,
            }
          : null,
      failure,
      atMs: Math.max(0, Math.round(performance.now() - this.#startedAt - durationMs)),
      durationMs,
    })
    return answer
  }
}

function refused(failure: string): Answer {
  return { status: 0, headers: [], text: '', isCut: false, failure, durationMs: 0, tlsVersion: null }
}
