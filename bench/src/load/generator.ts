import { CALL_ARGUMENTS } from '../payload.ts'
import { checkAnswer } from './check-answer.ts'
import { Connection } from './connection.ts'
import { deleteText, type McpSession, openSession, postText } from './mcp-session.ts'
import type { FromGenerator, LoadJob, LoadResult, ToGenerator } from './messages.ts'

// The load generator: a process of its own, so that its CPU is nobody else's. Closed loop: each connection asks again once it is answered,
// and every answer is checked. One job at a time.
const PROBLEMS_KEPT_MAX = 5
const LATENCIES_KEPT_MAX = 2_000_000

let current: Job | null = null

process.on('message', (message: ToGenerator) => {
  handle(message).catch((cause: unknown) => say({ kind: 'failed', problem: String(cause) }))
})
process.on('disconnect', () => process.exit(0))

async function handle(message: ToGenerator): Promise<void> {
  switch (message.kind) {
    case 'open':
      current = await Job.open(message.job)
      return say({ kind: 'opened' })
    case 'begin':
      return current?.begin()
    case 'count':
      return current?.count()
    case 'end': {
      const result = await current?.end()
      current = null
      return say(result === undefined ? { kind: 'failed', problem: 'no job' } : { kind: 'ended', result })
    }
  }
}

function say(message: FromGenerator): void {
  process.send?.(message)
}

class Job {
  readonly #job: LoadJob
  readonly #connections: Connection[]
  readonly #sessions: readonly McpSession[]
  readonly #askers: ((id: number) => string)[]
  readonly #latencies: number[] = []
  readonly #problems = new Map<string, number>()
  #loops: Promise<void>[] = []
  #lastId = 0
  #answered = 0
  #wrong = 0
  #isCounting = false
  #isEnding = false
  #countingSince = 0
  #countedMs = 0
  #counted = 0

  private constructor(job: LoadJob, connections: Connection[], sessions: readonly McpSession[]) {
    this.#job = job
    this.#connections = connections
    this.#sessions = sessions
    this.#askers = connections.map((_, index) => this.#asker(index))
  }

  static async open(job: LoadJob): Promise<Job> {
    const { target, tokens } = job
    const connections = await Promise.all(Array.from({ length: job.connections }, () => Connection.open(target)))
    const token = tokens[0] ?? null
    const sessions: McpSession[] = []
    // One after the other: opening is not what is measured, and peers start a process for each.
    for (const connection of connections.slice(0, job.sessions)) {
      sessions.push(await openSession(connection, target, token))
    }
    return new Job(job, connections, sessions)
  }

  /** Tokens are taken in turn, by all connections together. */
  #asker(index: number): (id: number) => string {
    const { target, tokens, tool } = this.#job
    const session = this.#sessions[index % this.#sessions.length]
    if (session === undefined) throw new Error('no session')
    const params = JSON.stringify({ name: tool, arguments: CALL_ARGUMENTS })
    return (id) => {
      const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
      return postText(target, tokens[id % tokens.length] ?? null, session, body)
    }
  }

  begin(): void {
    this.#loops = this.#connections.map((connection, index) => this.#loop(connection, index))
  }

  /** From now on latencies and requests are counted. */
  count(): void {
    this.#isCounting = true
    this.#countingSince = performance.now()
  }

  /** Stops asking, waits for what is under way and tells what was counted. */
  async end(): Promise<LoadResult> {
    this.#countedMs = performance.now() - this.#countingSince
    this.#counted = this.#latencies.length
    this.#isCounting = false
    this.#isEnding = true
    const hung = await this.#drain()
    if (hung === 0) await this.#closeSessions()
    for (const connection of this.#connections) connection.close()
    const sorted = this.#latencies.sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return {
      counted: this.#counted,
      countedMs: this.#countedMs,
      answered: this.#answered,
      wrong: this.#wrong + hung,
      problems: [...this.#problems.keys(), ...(hung > 0 ? [`${hung} calls without an answer`] : [])],
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      meanMs: sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, sorted.length),
    }
  }

  /** Peers that do not know DELETE say so, which is fine. */
  async #closeSessions(): Promise<void> {
    const { target, tokens } = this.#job
    for (const [index, session] of this.#sessions.entries()) {
      if (session.id === null) continue
      await this.#connections[index]?.ask(deleteText(target, tokens[0] ?? null, session)).catch(() => null)
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

  async #loop(connection: Connection, index: number): Promise<void> {
    const request = this.#askers[index]
    while (!this.#isEnding && request !== undefined) {
      this.#lastId += 1
      const id = this.#lastId
      const sentMs = performance.now()
      try {
        const response = await connection.ask(request(id))
        const tookMs = performance.now() - sentMs
        const problem = checkAnswer(response, { id, chars: this.#job.chars, logMessages: this.#job.logMessages })
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
