import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FromGenerator, LoadJob, LoadResult, ToGenerator } from './messages.ts'

const OPEN_MS = 60_000
const SHOW_MS = 5 * 60_000

/** The load generator's process. One job at a time: `open`, `begin`, `count`, `end`. */
export class Generator {
  readonly #child: ChildProcess
  #waiting: { resolve(message: FromGenerator): void; reject(cause: Error): void } | null = null

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./generator.ts', import.meta.url)))
    this.#child.on('message', (message: FromGenerator) => {
      this.#waiting?.resolve(message)
      this.#waiting = null
    })
    this.#child.on('exit', (code) => this.#waiting?.reject(new Error(`the load generator ended with ${code}`)))
  }

  async open(job: LoadJob): Promise<void> {
    await this.#ask({ kind: 'open', job }, OPEN_MS)
  }

  async showTokens(): Promise<void> {
    await this.#ask({ kind: 'showTokens' }, SHOW_MS)
  }

  begin(): void {
    this.#send({ kind: 'begin' })
  }

  count(): void {
    this.#send({ kind: 'count' })
  }

  async end(drainMs: number): Promise<LoadResult> {
    const answer = await this.#ask({ kind: 'end' }, drainMs + OPEN_MS)
    if (answer.kind !== 'ended') throw new Error('the load generator spoke out of turn')
    return answer.result
  }

  close(): void {
    this.#child.kill()
  }

  #send(message: ToGenerator): void {
    this.#child.send(message)
  }

  async #ask(message: ToGenerator, timeoutMs: number): Promise<FromGenerator> {
    let timer: NodeJS.Timeout | undefined
    const answer = new Promise<FromGenerator>((resolve, reject) => {
      this.#waiting = { resolve, reject }
      timer = setTimeout(() => reject(new Error(`the load generator did not ${message.kind}`)), timeoutMs)
    })
    this.#send(message)
    const said = await answer.finally(() => clearTimeout(timer))
    if (said.kind === 'failed') throw new Error(said.problem)
    return said
  }
}
