import { checkAnswer } from './check-answer.ts'
import { Connection, type Target } from './connection.ts'
import { type McpSession, openSession } from './mcp-session.ts'
import type { LoadJob, LoadResult, Wire } from './messages.ts'
import { readTokens } from './read-tokens.ts'
import { callBody, deleteText, modernCallBody, modernPostText, postText } from './request-text.ts'

const PROBLEMS_KEPT_MAX = 5
const LATENCIES_KEPT_MAX = 2_000_000

/** A connection and what it needs to ask. */
interface Asker {
  readonly connection: Connection
  readonly target: Target
  readonly tokens: readonly string[]
  /** None in the revision without them. */
  readonly session: McpSession | null
}

/** Closed loop: each connection asks again once it is answered, and every answer is checked. */
export class Job {
  readonly #job: LoadJob
  readonly #askers: readonly Asker[]
  readonly #latencies: number[] = []
  readonly #problems = new Map<string, number>()
  #loops: Promise<void>[] = []
  #lastId = 0
  #answered = 0
  #wrong = 0
  #isCounting = false
  #isEnding = false
  #countingSince = 0

  private constructor(job: LoadJob, askers: readonly Asker[]) {
    this.#job = job
    this.#askers = askers
  }

  static async open(job: LoadJob): Promise<Job> {
    const perDoor = await Promise.all(job.doors.map((_, index) => openDoor(job, index)))
    return new Job(job, perDoor.flat())
  }

  /** Shows every token once, so that whoever remembers tokens has seen them all. */
  async showTokens(): Promise<void> {
    const next = new Map<readonly string[], number>()
    const show = async ({ connection, target, tokens, session }: Asker) => {
      for (let at = next.get(tokens) ?? 0; at < tokens.length; at = next.get(tokens) ?? 0) {
        next.set(tokens, at + 1)
        const body = `{"jsonrpc":"2.0","id":"token-${at}","method":"ping"}`
        const { status } = await connection.ask(postText(target, tokens[at] ?? null, session, body))
        if (status !== 200) throw new Error(`token ${at} was answered with ${status}`)
      }
    }
    await Promise.all(this.#askers.map(show))
  }

  begin(): void {
    const text = requestText(this.#job.wire, this.#job.tool)
    this.#loops = this.#askers.map((asker) => this.#loop(asker, (id) => text(asker, id)))
  }

  /** From now on latencies and requests are counted. */
  count(): void {
    this.#isCounting = true
    this.#countingSince = performance.now()
  }

  /** Stops asking, waits for what is under way and tells what was counted. */
  async end(): Promise<LoadResult> {
    const countedMs = performance.now() - this.#countingSince
    const counted = this.#latencies.length
    this.#isCounting = false
    this.#isEnding = true
    const hung = await this.#drain()
    if (hung === 0) await this.#closeSessions()
    for (const { connection } of this.#askers) connection.close()
    const sorted = this.#latencies.sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return {
      counted,
      countedMs,
      answered: this.#answered,
      wrong: this.#wrong + hung,
      problems: [
        ...[...this.#problems].map(([problem, times]) => `${times} × ${problem}`),
        ...(hung > 0 ? [`${hung} calls without an answer`] : []),
      ],
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      meanMs: sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, sorted.length),
    }
  }

  /** Peers that do not know DELETE say so, which is fine. */
  async #closeSessions(): Promise<void> {
    const closed = new Set<McpSession>()
    for (const { connection, target, tokens, session } of this.#askers) {
      if (session === null || session.id === null || closed.has(session)) continue
      closed.add(session)
      await connection.ask(deleteText(target, tokens[0] ?? null, session)).catch(() => null)
    }
  }

  async #drain(): Promise<number> {
    let left = this.#loops.length
    const all = this.#loops.map(async (loop) => {
      await loop
      left -= 1
    })
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise((resolve) => {
      timer = setTimeout(resolve, this.#job.drainMs)
    })
    await Promise.race([Promise.all(all), timeout])
    clearTimeout(timer)
    return left
  }

  async #loop({ connection }: Asker, text: (id: number) => string): Promise<void> {
    const { chars, logMessages } = this.#job
    while (!this.#isEnding) {
      this.#lastId += 1
      const id = this.#lastId
      const sentMs = performance.now()
      try {
        const response = await connection.ask(text(id))
        const tookMs = performance.now() - sentMs
        const problem = checkAnswer(response, { id, chars, logMessages })
        if (problem === null) this.#answered += 1
        else this.#note(problem)
        if (this.#isCounting && this.#latencies.length < LATENCIES_KEPT_MAX) this.#latencies.push(tookMs)
      } catch (cause) {
        this.#note(String(cause))
        return
      }
    }
  }

  #note(problem: string): void {
    this.#wrong += 1
    if (this.#problems.size < PROBLEMS_KEPT_MAX || this.#problems.has(problem)) {
      this.#problems.set(problem, (this.#problems.get(problem) ?? 0) + 1)
    }
  }
}

async function openDoor(job: LoadJob, index: number): Promise<Asker[]> {
  const door = job.doors[index]
  if (door === undefined) throw new Error('no door')
  const { target } = door
  const tokens = await readTokens(door.tokensFile)
  const count = Array.from({ length: job.connections }).filter(
    (_, number) => number % job.doors.length === index,
  ).length
  const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(target)))
  const sessions: McpSession[] = []
  // One after the other: opening is not what is measured, and peers start a process for each.
  for (const connection of job.wire === 'legacy' ? connections.slice(0, job.sessionsPerDoor) : []) {
    sessions.push(await openSession(connection, target, tokens[0] ?? null))
  }
  return connections.map((connection, number) => ({
    connection,
    target,
    tokens,
    session: sessions[number % Math.max(1, sessions.length)] ?? null,
  }))
}

/** Tokens are taken in turn, by all connections of a door together. */
function requestText(wire: Wire, tool: string): (asker: Asker, id: number) => string {
  if (wire === 'modern') {
    const body = modernCallBody(tool)
    return ({ target, tokens }, id) => modernPostText(target, tokens[id % tokens.length] ?? null, tool, body(id))
  }
  const body = callBody(tool)
  return ({ target, tokens, session }, id) => postText(target, tokens[id % tokens.length] ?? null, session, body(id))
}
