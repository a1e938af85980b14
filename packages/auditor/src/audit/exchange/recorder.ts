import { setTimeout as sleep } from 'node:timers/promises'
import type { Person } from '../options.ts'
import { AddressGuard } from './address-guard.ts'
import { type Answer, type Ask, send } from './ask.ts'
import { redactHeader, redactText } from './redact.ts'
import { SecretsSeen } from './secrets-seen.ts'
import { SeededBytes } from './seeded-bytes.ts'
import type { Exchange, Question, Seen, Tape } from './tape.ts'

export interface RecorderOptions {
  readonly target: URL
  /** 0: as fast as it goes. */
  readonly requestsPerSecond: number
  readonly timeoutMs: number
  readonly authority: string | null
  /** Tokens that were given. */
  readonly tokens: readonly string[]
  readonly startedAt: Date
  readonly tape: Tape
}

const BODY_BYTES_MAX = 512 * 1024
/** More than any audit sends; a loop that we did not think of ends here. */
const REQUESTS_MAX = 3000

/** After so many that were not answered in time, one after the other, nothing more is asked. */
const SILENCES_MAX = 6

/** Sends requests at a pace, only where they may go, and keeps what was sent and what came. */
export class Recorder {
  readonly secrets: SecretsSeen
  readonly #options: RecorderOptions
  readonly #guard: AddressGuard
  readonly #bytes: SeededBytes
  /** By number less one; null while the answer is waited for. */
  readonly #exchanges: (Exchange | null)[] = []
  readonly #startedAt = performance.now()
  #silences = 0
  #nextAt = 0
  #nowMs = 0
  #label = 'discovery'

  constructor(options: RecorderOptions) {
    this.#options = options
    this.#guard = new AddressGuard(options.target)
    this.secrets = new SecretsSeen(options.tokens)
    this.#bytes = new SeededBytes(options.tape.seed)
  }

  /** How many requests were asked for. */
  get count(): number {
    return this.#exchanges.length
  }

  /** Milliseconds since the audit began, as of the last answer: the same when a recording is played. */
  get nowMs(): number {
    return this.#nowMs
  }

  get nowSeconds(): number {
    return Math.floor((this.#options.startedAt.getTime() + this.#nowMs) / 1000)
  }

  /** Bytes that nobody can guess, and that a recording makes again; at most 32. */
  random(length: number): Buffer {
    return this.#bytes.next(this.#label, length)
  }

  /** Everything that `work` sends is told to be of this probe; answers its numbers with what it comes to. */
  async under<T>(label: string, work: () => Promise<T>): Promise<{ readonly value: T; readonly numbers: number[] }> {
    this.#label = label
    return this.noting(work)
  }

  async noting<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly numbers: number[] }> {
    const first = this.count
    const value = await work()
    return { value, numbers: Array.from({ length: this.count - first }, (_, at) => first + at + 1) }
  }

  async ask(ask: Ask): Promise<Answer> {
    const number = this.#exchanges.push(null)
    const seen = await this.#options.tape.answer(this.#question(`${ask.method} ${shownUrl(ask)}`), () =>
      this.#send(ask, number, this.#label),
    )
    const { answer, exchange } = seen
    this.secrets.learn(ask, answer)
    this.#exchanges[number - 1] = { ...exchange, number }
    this.#nowMs = Math.max(this.#nowMs, exchange.atMs + exchange.durationMs)
    return answer
  }

  /** Anything else that is looked at, as JSON: what was seen is part of a recording. */
  observe<T>(what: string, look: () => Promise<T>): Promise<T> {
    return this.#options.tape.observe(this.#question(redactText(what, false)), look)
  }

  /** A person whose authorization responses are part of a recording. */
  watched(person: Person, who: number): Person {
    return {
      redirectUri: person.redirectUri,
      authorize: async (url, options) => {
        const seen = await this.observe(
          `person ${who} ${options.isHandsOff ? 'watches' : 'goes to'} ${url}`,
          async () => {
            const end = await person.authorize(url, options)
            if (!(end instanceof URL)) return end
            this.secrets.learnResponse(end)
            return end.href
          },
        )
        return seen === null || seen === 'page' ? seen : new URL(seen)
      },
    }
  }

  /** An exchange as a report may show it, without any secret of this audit. */
  shown(number: number): Exchange | null {
    const exchange = this.#exchanges[number - 1] ?? null
    return exchange === null ? null : this.secrets.hideIn(exchange)
  }

  #question(what: string): Question {
    return { label: this.#label, what }
  }

  async #send(ask: Ask, number: number, label: string): Promise<Seen> {
    const answer = await this.#answer(ask)
    return { answer, exchange: this.#exchangeOf(ask, answer, number, label) }
  }

  async #answer(ask: Ask): Promise<Answer> {
    const url = URL.parse(ask.url)
    if (url === null || this.count > REQUESTS_MAX || !(await this.#guard.mayAsk(url)))
      return refused(url === null ? 'not a URL' : 'not asked: this address is not the target’s to name')
    if (this.#silences >= SILENCES_MAX) return refused('not asked: the target has stopped answering')
    await this.#pace()
    const { timeoutMs, authority } = this.#options
    const answer = await send(ask, { timeoutMs, authority, lookup: this.#guard.lookup, bodyBytesMax: BODY_BYTES_MAX })
    this.#silences = answer.failure === 'timeout' ? this.#silences + 1 : 0
    return answer
  }

  async #pace(): Promise<void> {
    const { requestsPerSecond } = this.#options
    if (requestsPerSecond === 0) return
    const now = performance.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + 1000 / requestsPerSecond
    if (at > now) await sleep(at - now)
  }

  #exchangeOf(ask: Ask, answer: Answer, number: number, label: string): Exchange {
    const { status, headers, text, isCut, failure, durationMs } = answer
    return {
      number,
      label,
      request: {
        method: ask.method,
        url: shownUrl(ask),
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
    }
  }
}

function shownUrl({ url, target }: Ask): string {
  return redactText(target === undefined ? url : `${URL.parse(url)?.origin ?? ''}${target}`, false)
}

function refused(failure: string): Answer {
  return { status: 0, headers: [], text: '', isCut: false, failure, durationMs: 0, tlsVersion: null }
}
