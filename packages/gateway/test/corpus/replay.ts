import type { IncomingHttpHeaders } from 'node:http'
import { expect } from 'vitest'
import { startDataPlane } from '../support/data-plane.ts'
import { type Crossing, expectedOf } from './allowed-rewrites.ts'
import { type ClientSide, openClientSide, type Sight } from './client-side.ts'
import { ENDS_HERE, type EndsHere, STREAM_REWRITES } from './ends-here.ts'
import type { Recording } from './recording.ts'
import { type Step, scriptOf } from './script.ts'
import { type Arrival, openHttpUpstream, openStdioUpstream, type Upstream } from './upstream-side.ts'
import { at, layOut, type Node, printWire, readWire, replaceIn, textAt, withAt } from './wire-text.ts'

/** Replays one recording through the data plane; answers the names of all rewrites it took. Throws at the first other difference. */
export async function replay(recording: Recording): Promise<ReadonlySet<string>> {
  const upstream = recording.head.transport === 'http' ? await openHttpUpstream() : await openStdioUpstream()
  const gateway = await startDataPlane({ servers: { corpus: { upstream: upstream.spec } } })
  const run = new Replay(recording, upstream, openClientSide(gateway.url('corpus')))
  try {
    await run.all()
    return run.used
  } finally {
    await gateway.close()
    await upstream.close()
  }
}

interface Exchange {
  readonly step: Extract<Step, { do: 'ask' | 'listen' | 'leave' }>
  /** Null for GET and DELETE. */
  readonly message: Node | null
  /** What the gateway made of it; null where it ends at the gateway, or has not come yet. */
  arrival: Arrival | null
  /** Its id on the gateway's connection, as JSON text. */
  ourId: string | null
  endsHere: EndsHere | null
  isGone: boolean
}

class Replay {
  readonly used = new Set<string>()
  readonly #recording: Recording
  readonly #steps: readonly Step[]
  readonly #upstream: Upstream
  readonly #client: ClientSide
  readonly #exchanges = new Map<number, Exchange>()
  /** The gateway's session by the recorded one. */
  readonly #sessions = new Map<string, string>()
  /** Ids under which the server's questions reached the client, by the server's own. */
  readonly #questions = new Map<string, string>()
  /** States that the client holds, by those the server gave; and what the server gave, by what the client holds. */
  readonly #sealed = new Map<string, string>()
  readonly #unsealed = new Map<string, string | null>()
  /** The state of a round for which the server gave none, by what was asked. */
  readonly #stateless = new Map<string, string>()
  /** Questions of the server that never reached the client. */
  readonly #notAsked = new Set<string>()
  readonly #events = new Map<string, string>()
  readonly #tools: ReadonlySet<string>

  constructor(recording: Recording, upstream: Upstream, client: ClientSide) {
    this.#recording = recording
    this.#upstream = upstream
    this.#client = client
    this.#steps = scriptOf(recording)
    upstream.arrivals.intercept = (arrival) => this.#answerOwn(arrival)
    this.#tools = new Set(this.#answersTo('tools/list').flatMap((answer) => namesOf(at(answer, ['result', 'tools']))))
  }

  async all(): Promise<void> {
    for (const step of this.#steps) await this.#take(step)
    const left = this.#upstream.arrivals.left.filter(({ method }) => method !== 'GET')
    expect(left.map(({ method, body }) => `${method} ${body}`)).toEqual([])
    expect(this.#client.sights.left.filter(({ kind }) => kind === 'message')).toEqual([])
  }

  get #era(): 'legacy' | 'modern' {
    return this.#recording.head.revision === '2026-07-28' ? 'modern' : 'legacy'
  }

  async #take(step: Step): Promise<void> {
    if (step.do === 'ask') return await this.#ask(step)
    if (step.do === 'listen' || step.do === 'leave') return await this.#begin(step)
    const exchange = this.#exchanges.get(step.exchange) ?? null
    if (step.do === 'say') return await this.#say(step, exchange)
    if (exchange === null) throw new Error(`the recording has no exchange ${step.exchange}`)
    if (step.do === 'hangUp') return await this.#hangUp(step.exchange, exchange)
    if (exchange.endsHere !== null || exchange.isGone) return
    if (step.do === 'answer') {
      exchange.arrival ??= await this.#arrivalOf(exchange)
      exchange.arrival.response?.writeHead(step.status, step.headers).flushHeaders()
      if (step.headers['content-type'] === undefined) exchange.arrival.response?.end()
      if (step.headers['content-type'] === undefined) await this.#checkHead(step.exchange, step.status, exchange)
    } else if (step.do === 'fill') exchange.arrival?.response?.write(step.text)
    else if (exchange.arrival?.response?.writableEnded === false) {
      exchange.arrival.response.end()
      if (exchange.step.do === 'ask') await this.#checkHead(step.exchange, this.#statusOf(step.exchange), exchange)
      if (exchange.step.do === 'ask') await this.#sight('the end of the answer', step.exchange, 'end')
    }
  }

  /** GET and DELETE. */
  async #begin(step: Extract<Step, { do: 'listen' | 'leave' }>): Promise<void> {
    const exchange: Exchange = { step, message: null, arrival: null, ourId: null, endsHere: null, isGone: false }
    this.#exchanges.set(step.exchange, exchange)
    exchange.endsHere = this.#endsHere(exchange)
    const eventId = step.headers['last-event-id']
    // It may come after what this client was never told, because the call before it ended at the gateway.
    exchange.isGone = eventId !== undefined && !this.#events.has(eventId)
    if (exchange.isGone) return
    this.#client.send(step.exchange, step.do === 'listen' ? 'GET' : 'DELETE', this.#headers(step.headers), '')
    if (exchange.endsHere !== null) await this.#checkRefusal(step.exchange, exchange, exchange.endsHere)
    else if (step.do === 'listen') await this.#checkHead(step.exchange, this.#statusOf(step.exchange), exchange)
  }

  async #ask(step: Extract<Step, { do: 'ask' }>): Promise<void> {
    const message = readWire(step.body)
    const exchange: Exchange = { step, message, arrival: null, ourId: null, endsHere: null, isGone: false }
    this.#exchanges.set(step.exchange, exchange)
    exchange.endsHere = this.#endsHere(exchange)
    const id = at(message, ['id'])
    exchange.isGone = kindOf(message) === 'response' && id !== null && this.#notAsked.has(printWire(id))
    if (exchange.isGone) return
    this.#client.send(step.exchange, 'POST', this.#headers(step.headers), this.#asClientSays(step.body, message))
    if (exchange.endsHere !== null) return await this.#checkRefusal(step.exchange, exchange, exchange.endsHere)
    const arrival = await this.#nextMessage(`${step.body} at the server`)
    const actual = readWire(arrival.body)
    const held = readWire(this.#asClientSays(step.body, message))
    const kind = kindOf(message)
    // An answer of the client goes back under the server's own id.
    const sent = kind === 'response' ? message : held
    this.#compare(sent, actual, this.#crossing('upstream', sent, actual, exchange))
    exchange.arrival = arrival
    const ourId = at(actual, ['id'])
    if (kind === 'request' && ourId !== null) exchange.ourId = printWire(ourId)
    if (arrival.response !== null) checkUpstreamHeaders(arrival.headers, step.headers, this.#era)
    else if (kind !== 'request') await this.#checkHead(step.exchange, 202, exchange)
  }

  async #say(step: Extract<Step, { do: 'say' }>, asked: Exchange | null): Promise<void> {
    const message = readWire(step.message)
    const kind = kindOf(message)
    const number = kind === 'response' && step.exchange === 0 ? this.#askedBy(message) : step.exchange
    const exchange = asked ?? this.#exchanges.get(number) ?? null
    if (exchange !== null && (exchange.endsHere !== null || exchange.isGone)) return
    const text = step.wrap(this.#asServerSays(step.message, message, exchange))
    if (step.exchange === 0) this.#upstream.write(text)
    else exchange?.arrival?.response?.write(text)
    if (kind === 'request' && isUnknownQuestion(message, this.#recording.head.revision)) {
      return await this.#refusedQuestion(message)
    }
    const isWhole = step.exchange !== 0 && this.#typeOf(step.exchange) === 'application/json'
    if (isWhole) exchange?.arrival?.response?.end()
    const sight = await this.#message(`${step.message} at the client`)
    const actual = readWire(sight.text)
    this.#compare(message, actual, this.#crossing('client', message, actual, exchange))
    if (kind === 'response') {
      expect(sight.exchange, 'an answer belongs to the exchange that asked').toBe(number)
      if (step.exchange === 0) await this.#checkHead(number, this.#statusIn(message), exchange)
      if (step.exchange === 0) await this.#sight('the end of the answer', number, 'end')
      if (isWhole) await this.#checkHead(number, this.#statusOf(number), exchange)
      if (isWhole) await this.#sight('the end of the answer', number, 'end')
    } else if (step.exchange !== 0 && sight.exchange !== number) {
      this.used.add(STREAM_REWRITES.otherStream.name)
      const sessionOf = (one: number) => this.#exchanges.get(one)?.step.headers['mcp-session-id']
      expect(sessionOf(sight.exchange), 'a message stays in its session').toBe(sessionOf(number))
    }
    if (step.eventId !== null && sight.eventId !== null) this.#events.set(step.eventId, sight.eventId)
    this.#remember(message, actual, exchange)
  }

  /** The gateway answers the server in the client's stead, and the client is not asked. */
  async #refusedQuestion(question: Node): Promise<void> {
    this.used.add(STREAM_REWRITES.unknownQuestion.name)
    const id = printWire(at(question, ['id']) ?? question)
    const answer = await this.#nextMessage(`a refusal of ${printWire(question)}`)
    answer.response?.writeHead(202).end()
    expect(answer.body).toBe(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"Method not found"}}`)
    this.#notAsked.add(id)
  }

  #remember(message: Node, actual: Node, exchange: Exchange | null): void {
    const [id, theirs] = [at(message, ['id']), at(actual, ['id'])]
    if (kindOf(message) === 'request' && id !== null && theirs !== null) {
      this.#questions.set(printWire(id), printWire(theirs))
    }
    const held = textAt(actual, ['result', 'requestState'])
    if (held === null || exchange?.message == null) return
    const given = textAt(message, ['result', 'requestState'])
    this.#unsealed.set(held, given)
    if (given !== null) this.#sealed.set(given, held)
    else this.#stateless.set(subjectOf(exchange.message), held)
  }

  async #hangUp(number: number, exchange: Exchange): Promise<void> {
    exchange.isGone = true
    const { response } = exchange.arrival ?? {}
    this.#client.hangUp(number)
    // Closing the stream is how 2026-07-28 cancels; a session's own stream may go on upstream.
    if (this.#era === 'modern' && response?.writableEnded === false && !response.destroyed) {
      await new Promise<void>((resolve) => response.once('close', () => resolve()))
    }
  }

  async #checkRefusal(number: number, { message }: Exchange, { name, status }: EndsHere): Promise<void> {
    this.used.add(name)
    const id = message === null ? null : at(message, ['id'])
    const head = await this.#sight('the head of the refusal', number, 'head')
    if (head.kind !== 'head') return
    expect(head.status, name).toBe(status)
    if (head.headers['content-type'] !== 'application/json') return
    const refused = readWire((await this.#message('the refusal')).text)
    if (id === null) return
    expect(printWire(at(refused, ['id']) ?? readWire('null'))).toBe(printWire(id))
    expect(at(refused, ['error', 'code']), 'a refusal is an error').not.toBeNull()
  }

  async #checkHead(number: number, status: number, exchange: Exchange | null): Promise<void> {
    const head = await this.#sight('the head of the answer', number, 'head')
    if (head.kind !== 'head') return
    const step = exchange?.step
    const expected = step?.do === 'leave' && status === 200 ? 204 : status
    if (expected !== status) this.used.add(STREAM_REWRITES.farewell.name)
    const said = this.#client.sights.left.filter((sight) => sight.kind === 'message').map(({ text }) => text)
    expect(head.status, `status of exchange ${number}, where it said ${said.join(' ')}`).toBe(expected)
    checkClientHeaders(head.headers)
    const session = head.headers['mcp-session-id']
    if (typeof session === 'string') this.#sessions.set(this.#recordedSession(number), session)
    const was = this.#typeOf(number)
    const is = head.headers['content-type']
    if (was !== is && step?.do === 'ask' && was !== undefined) this.used.add(STREAM_REWRITES.framing.name)
  }

  #nextMessage(what: string): Promise<Arrival> {
    return this.#upstream.arrivals.take(what, ({ method }) => method === 'POST' || method === 'line')
  }

  /** What the gateway asks for itself is answered as the server answered the client. */
  #answerOwn(arrival: Arrival): boolean {
    if (!this.#isOwn(arrival)) return false
    this.used.add(STREAM_REWRITES.ownRequests.name)
    const asked = readWire(arrival.body)
    const [answer] = this.#answersTo(textAt(asked, ['method']) ?? '')
    const [id, theirs] = [at(asked, ['id']), answer === undefined ? null : at(answer, ['id'])]
    // Then the gateway waits in vain, and the replay says for what.
    if (answer === undefined || id === null || theirs === null) return false
    const body = printWire(withAt(answer, ['id'], id))
    if (arrival.response === null) this.#upstream.write(`${body}\n`)
    else arrival.response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    return true
  }

  #isOwn({ body }: Arrival): boolean {
    if (body === '') return false
    const message = readWire(body)
    if (this.#era === 'modern') {
      return textAt(message, ['params', '_meta', 'io.modelcontextprotocol/clientInfo', 'name']) === 'sallyport'
    }
    // The recorded clients all say which page they want or send no params at all.
    const params = at(message, ['params'])
    return (
      textAt(message, ['method']) === 'tools/list' && params !== null && printWire(params) === '{}' && this.#isLate()
    )
  }

  /** The client's own listing is the last thing it asked for. */
  #isLate(): boolean {
    const last = [...this.#exchanges.values()].findLast(
      ({ message }) => message !== null && kindOf(message) === 'request',
    )
    return last?.message == null || textAt(last.message, ['method']) !== 'tools/list'
  }

  async #arrivalOf({ step }: Exchange): Promise<Arrival> {
    const method = step.do === 'listen' ? 'GET' : 'DELETE'
    const session = step.headers['mcp-session-id']
    const arrival = await this.#upstream.arrivals.take(
      `${method} at the server`,
      (one) => one.method === method && one.headers['mcp-session-id'] === session,
    )
    checkUpstreamHeaders(arrival.headers, step.headers, this.#era)
    return arrival
  }

  #endsHere(exchange: Exchange): EndsHere | null {
    const { step, message } = exchange
    const subject = { ...step, message, era: this.#era, tools: this.#tools, transport: this.#recording.head.transport }
    const found = ENDS_HERE.find(({ applies }) => applies(subject)) ?? null
    if (found !== null) this.used.add(found.name)
    return found
  }

  #headers(recorded: Readonly<Record<string, string>>): Record<string, string> {
    const headers: Record<string, string> = { ...recorded, authorization: 'Bearer token-alice' }
    const session = recorded['mcp-session-id']
    if (session !== undefined) headers['mcp-session-id'] = this.#sessions.get(session) ?? session
    const eventId = recorded['last-event-id']
    if (eventId !== undefined) headers['last-event-id'] = this.#events.get(eventId) ?? eventId
    return headers
  }

  /** The recorded bytes, with what the client would have got from the gateway in the place of what it got from the server. */
  #asClientSays(body: string, message: Node): string {
    const id = at(message, ['id'])
    if (kindOf(message) === 'response' && id !== null) {
      return replaceIn(body, id, this.#questions.get(printWire(id)) ?? printWire(id))
    }
    const state = at(message, ['params', 'requestState'])
    if (state?.type === 'string') return replaceIn(body, state, JSON.stringify(this.#sealed.get(state.value) ?? ''))
    const params = at(message, ['params'])
    const held =
      at(message, ['params', 'inputResponses']) === null ? undefined : this.#stateless.get(subjectOf(message))
    if (held === undefined || params === null) return body
    return `${body.slice(0, params.to - 1)},"requestState":${JSON.stringify(held)}${body.slice(params.to - 1)}`
  }

  /** The recorded bytes, with the gateway's ids in the place of the recorded client's. */
  #asServerSays(text: string, message: Node, exchange: Exchange | null): string {
    const listenId = exchange?.ourId ?? null
    const tag = at(message, ['params', '_meta', 'io.modelcontextprotocol/subscriptionId'])
    if (tag !== null && listenId !== null) return replaceIn(text, tag, listenId)
    const token = at(message, ['params', 'progressToken'])
    if (token !== null && kindOf(message) === 'notification') {
      return replaceIn(
        text,
        token,
        this.#ourIdOf((asked) => at(asked, ['params', '_meta', 'progressToken']), token),
      )
    }
    const id = at(message, ['id'])
    if (kindOf(message) !== 'response' || id === null) return text
    return replaceIn(text, id, exchange?.ourId ?? printWire(id))
  }

  #ourIdOf(read: (asked: Node) => Node | null, wanted: Node): string {
    for (const { message, ourId } of [...this.#exchanges.values()].toReversed()) {
      const found = message === null ? null : read(message)
      if (found !== null && ourId !== null && printWire(found) === printWire(wanted)) return ourId
    }
    return printWire(wanted)
  }

  #compare(recorded: Node, actual: Node, crossing: Crossing): void {
    const { expected, used } = expectedOf(recorded, crossing)
    for (const name of used) this.used.add(name)
    const where = `${crossing.kind} ${crossing.method} toward the ${crossing.toward}`
    expect(layOut(actual), where).toBe(layOut(expected))
  }

  #crossing(toward: 'upstream' | 'client', message: Node, actual: Node, exchange: Exchange | null): Crossing {
    const kind = kindOf(message)
    const asked = exchange?.message ?? null
    const own = textAt(message, ['method'])
    return {
      toward,
      era: this.#era,
      revision: this.#recording.head.revision,
      kind,
      method: own ?? (asked === null || toward === 'upstream' ? '' : (textAt(asked, ['method']) ?? '')),
      actual,
      isRetry: asked !== null && at(asked, ['params', 'inputResponses']) !== null,
      ourIdOf: (id) => this.#ourIdOf((asked) => at(asked, ['id']), id),
      unsealed: (state) => this.#unsealed.get(state),
    }
  }

  /** The exchange whose request has the id of this response; the latest, where ids were used again. */
  #askedBy(response: Node): number {
    const id = at(response, ['id'])
    for (const [number, { message }] of [...this.#exchanges].toReversed()) {
      const asked = message === null || kindOf(message) !== 'request' ? null : at(message, ['id'])
      if (asked !== null && id !== null && printWire(asked) === printWire(id)) return number
    }
    throw new Error(`nobody asked for ${printWire(response)}`)
  }

  #answersTo(method: string): Node[] {
    const asked = new Map<number | string, string>()
    return this.#steps.flatMap((step) => {
      if (step.do === 'ask') {
        const message = readWire(step.body)
        const key =
          this.#recording.head.transport === 'http' ? step.exchange : printWire(at(message, ['id']) ?? message)
        if (kindOf(message) === 'request') asked.set(key, textAt(message, ['method']) ?? '')
      }
      if (step.do !== 'say') return []
      const message = readWire(step.message)
      const key = step.exchange === 0 ? printWire(at(message, ['id']) ?? message) : step.exchange
      return kindOf(message) === 'response' && asked.get(key) === method ? [message] : []
    })
  }

  #statusOf(exchange: number): number {
    const head = this.#steps.find((step) => step.do === 'answer' && step.exchange === exchange)
    return head?.do === 'answer' ? head.status : 200
  }

  #typeOf(exchange: number): string | undefined {
    const head = this.#steps.find((step) => step.do === 'answer' && step.exchange === exchange)
    return head?.do === 'answer' ? head.headers['content-type'] : undefined
  }

  /** Over HTTP 2026-07-28 has statuses for its own errors; a process has none. */
  #statusIn(response: Node): number {
    const code = Number(printWire(at(response, ['error', 'code']) ?? readWire('0')))
    if (this.#era === 'legacy') return 200
    if (code === -32601) return 404
    return code <= -32020 && code >= -32099 ? 400 : 200
  }

  #recordedSession(exchange: number): string {
    const head = this.#steps.find((step) => step.do === 'answer' && step.exchange === exchange)
    return (head?.do === 'answer' ? head.headers['mcp-session-id'] : undefined) ?? 'the only one'
  }

  async #sight(what: string, exchange: number, kind: Sight['kind']): Promise<Sight> {
    const fits = (sight: Sight) => sight.exchange === exchange && sight.kind === kind
    return await this.#client.sights.take(`${what} of exchange ${exchange}`, fits)
  }

  #message(what: string): Promise<Extract<Sight, { kind: 'message' }>> {
    const isMessage = (sight: Sight): sight is Extract<Sight, { kind: 'message' }> => sight.kind === 'message'
    return this.#client.sights.take(what, isMessage)
  }
}

function kindOf(message: Node): Crossing['kind'] {
  if (at(message, ['method']) === null) return 'response'
  return at(message, ['id']) === null ? 'notification' : 'request'
}

/** Elicitation came with 2025-06-18. */
function isUnknownQuestion(message: Node, revision: string): boolean {
  return revision === '2025-03-26' && textAt(message, ['method']) === 'elicitation/create'
}

function subjectOf(message: Node): string {
  return [textAt(message, ['method']), textAt(message, ['params', 'name'])].join(' ')
}

function namesOf(list: Node | null): string[] {
  return list?.type === 'array' ? list.items.flatMap((item) => textAt(item, ['name']) ?? []) : []
}

/** What an upstream request may have besides the headers of its own connection; everything else of the client's ends at the gateway. */
const TOWARD_SERVER = new Set(['accept', 'content-type', 'user-agent', 'mcp-session-id', 'mcp-protocol-version'])
const OF_THE_CONNECTION = new Set(['accept-encoding', 'host', 'connection', 'content-length', 'transfer-encoding'])

function checkUpstreamHeaders(
  actual: IncomingHttpHeaders,
  recorded: Readonly<Record<string, string>>,
  era: 'legacy' | 'modern',
): void {
  const mirrors = (name: string) => era === 'modern' && /^mcp-(?:method|name|param-)/.test(name)
  const carried = (name: string) => name === 'mcp-session-id' || name === 'mcp-protocol-version' || mirrors(name)
  for (const [name, value] of Object.entries(actual)) {
    expect(TOWARD_SERVER.has(name) || OF_THE_CONNECTION.has(name) || mirrors(name), `header ${name}`).toBe(true)
    if (carried(name)) expect(value, `header ${name}`).toBe(recorded[name])
  }
  for (const name of Object.keys(recorded).filter(carried)) expect(actual[name], `header ${name}`).toBe(recorded[name])
  expect(actual['user-agent']).toBe('sallyport')
  expect(actual['accept-encoding'] ?? 'identity').toBe('identity')
}

const TOWARD_CLIENT = new Set([
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'mcp-session-id',
  'transfer-encoding',
  'x-accel-buffering',
  'x-content-type-options',
])

function checkClientHeaders(actual: IncomingHttpHeaders): void {
  for (const name of Object.keys(actual)) expect(TOWARD_CLIENT.has(name), `header ${name}`).toBe(true)
  expect(actual['cache-control']).toMatch(/^no-store/)
  expect(actual['x-content-type-options']).toBe('nosniff')
}
