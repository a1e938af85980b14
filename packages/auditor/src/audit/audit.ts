import { hasResult, headerOf, isRefusal, resultOf } from './exchange/answer.ts'
import type { Answer, Ask } from './exchange/ask.ts'
import type { Recorder } from './exchange/recorder.ts'
import { Logins } from './login/logins.ts'
import { type AuditOptions, identitiesOf } from './options.ts'
import type { Target } from './target/discover.ts'
import { ERAS, type Era, INITIALIZE, type McpRequest, mcpAsk } from './target/mcp-message.ts'
import { Undecided } from './undecided.ts'

/** Text that no server has given out. */
const NO_TOKEN = 'sallyport-audit-no-token'
const PATIENCE = 3
const RETRY_SECONDS_MAX = 5

/** A tool as the target lists it. */
export interface ListedTool {
  readonly name: string
  readonly definition: Readonly<Record<string, unknown>>
}

/** One audit under way: the target, what is known of it, and the ways to ask it. */
export class Audit {
  readonly options: AuditOptions
  readonly target: Target
  readonly logins: Logins
  readonly #recorder: Recorder
  readonly #sessions = new Map<string, Promise<string | null>>()
  #eras: readonly Era[] = ERAS
  #tellsTokens: Promise<boolean> | null = null
  readonly #control = new Map<string, Promise<boolean>>()

  constructor(options: AuditOptions, target: Target, recorder: Recorder) {
    this.options = options
    this.target = target
    this.#recorder = recorder
    this.logins = new Logins(options, target, {
      ask: (ask) => recorder.ask(ask),
      random: (length) => recorder.random(length),
      isAlive: (token, resource) => this.#isAlive(token, resource),
    })
  }

  /** Those that the target is known to speak; both, while it is not known. */
  get eras(): readonly Era[] {
    return this.#eras
  }

  /** Sends it, and again after a limit: a 429 says nothing of the question. */
  ask(ask: Ask): Promise<Answer> {
    return this.#patiently(() => this.#recorder.ask(ask))
  }

  /** Sends it once, where the limit is the question. */
  askOnce(ask: Ask): Promise<Answer> {
    return this.#recorder.ask(ask)
  }

  /** Anything but an answer that a verdict rests on (JSON): a recording has it, so that a replay sees the same. */
  observe<T>(what: string, look: () => Promise<T>): Promise<T> {
    return this.#recorder.observe(what, look)
  }

  /** What work comes to, with the numbers of what it sent: for a probe that is told of what another one had to try. */
  noting<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly numbers: readonly number[] }> {
    return this.#recorder.noting(work)
  }

  /** Bytes that nobody can guess; the same ones in a replay. At most 32. */
  random(length: number): Buffer {
    return this.#recorder.random(length)
  }

  /** Milliseconds since the audit began, as of the last answer. */
  nowMs(): number {
    return this.#recorder.nowMs
  }

  nowSeconds(): number {
    return this.#recorder.nowSeconds
  }

  /** A request of an era; with a token the wire with sessions gets its own one first. */
  async call(era: Era, request: McpRequest, url = this.target.url): Promise<Answer> {
    const needsSession =
      era === 'legacy' && request.method !== 'initialize' && request.token != null && request.sessionId === undefined
    const sessionId = needsSession ? await this.sessionOf(request.token ?? '', url) : (request.sessionId ?? null)
    return this.ask(mcpAsk(url, era, { ...request, sessionId }))
  }

  /** Id of the session that belongs to a token; null where the target has none. */
  sessionOf(token: string, url = this.target.url): Promise<string | null> {
    const key = `${url} ${token}`
    const session = this.#sessions.get(key) ?? this.#openSession(token, url)
    this.#sessions.set(key, session)
    return session
  }

  async #openSession(token: string, url: string): Promise<string | null> {
    const answer = await this.ask(mcpAsk(url, 'legacy', { method: 'initialize', params: INITIALIZE, token }))
    const sessionId = headerOf(answer, 'mcp-session-id')
    if (hasResult(answer))
      await this.ask(mcpAsk(url, 'legacy', { method: 'notifications/initialized', token, sessionId }))
    return sessionId
  }

  /** Finds out which eras the target speaks, with a token or, where none is asked for, without. */
  async learnEras(token: string | null): Promise<void> {
    const spoken: Era[] = []
    for (const era of ERAS) {
      const answer = await this.call(era, { method: 'tools/list', token })
      if (hasResult(answer)) spoken.push(era)
      else if (era === 'legacy' && hasResult(await this.call(era, { method: 'initialize', params: INITIALIZE, token })))
        spoken.push(era)
    }
    if (spoken.length > 0) this.#eras = spoken
  }

  wait(ms: number): Promise<unknown> {
    return this.options.wait(ms)
  }

  /** For as long as the target says, within reason. */
  async #patiently(asked: () => Promise<Answer>): Promise<Answer> {
    let answer = await asked()
    for (let time = 0; time < PATIENCE && answer.status === 429; time += 1) {
      const seconds = Number(headerOf(answer, 'retry-after') ?? 1)
      await this.wait(Math.min(Number.isFinite(seconds) ? seconds : 1, RETRY_SECONDS_MAX) * 1000)
      answer = await asked()
    }
    return answer
  }

  /** Whether the target tells a token from any other text: what it makes of revoked ones means nothing before. */
  tellsTokens(): Promise<boolean> {
    this.#tellsTokens ??= this.target.demandsToken
      ? this.call(this.eras[0] ?? 'modern', { method: 'tools/list', token: NO_TOKEN }).then(
          (answer) => !hasResult(answer),
        )
      : Promise.resolve(false)
    return this.#tellsTokens
  }

  /**
   * Whether a token opens a resource: its tools can be listed. Refused is what is answered with 4xx, and where a token that should open it does.
   * Rejects with `Undecided` for everything else: a server that is down, or that refuses everybody, tells nothing of this token.
   */
  async opens(token: string, era: Era = this.eras[0] ?? 'modern', url = this.target.url): Promise<boolean> {
    const answer = await this.call(era, { method: 'tools/list', token }, url)
    if (hasResult(answer)) return true
    if (!isRefusal(answer)) throw new Undecided(`tools/list is answered with ${answer.failure ?? answer.status}`)
    if (!(await this.#opensForSome(era, url))) throw new Undecided('no token opens it, so that a refusal says nothing')
    return false
  }

  /** Whether the token that is for this resource opens it; true where there is none to try it with. */
  #opensForSome(era: Era, url: string): Promise<boolean> {
    const key = `${era} ${url}`
    const known = this.#control.get(key) ?? this.#askWithOwnToken(era, url)
    this.#control.set(key, known)
    return known
  }

  async #askWithOwnToken(era: Era, url: string): Promise<boolean> {
    if (identitiesOf(this.options) === 0) return true
    const isTarget = url === this.target.url
    if (!isTarget && this.options.people.length === 0) return true
    const { accessToken } = isTarget ? await this.logins.full(0) : await this.logins.elsewhere(0, url)
    return hasResult(await this.call(era, { method: 'tools/list', token: accessToken }, url))
  }

  async #isAlive(token: string, url: string): Promise<boolean> {
    for (const era of this.#eras) if (hasResult(await this.call(era, { method: 'tools/list', token }, url))) return true
    return false
  }

  async toolsFor(token: string | null, era: Era = this.eras[0] ?? 'modern'): Promise<readonly ListedTool[]> {
    const listed = resultOf(await this.call(era, { method: 'tools/list', token }))?.['tools']
    return (Array.isArray(listed) ? listed : []).flatMap((definition: unknown) => {
      const name = (definition as { name?: unknown } | null)?.name
      return typeof name === 'string' ? [{ name, definition: definition as Record<string, unknown> }] : []
    })
  }
}
