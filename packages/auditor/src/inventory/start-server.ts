import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfiguredServer } from './configured-server.ts'
import { type Connection, readAnswer, Unanswered } from './list-tools.ts'

export interface StartLimits {
  /** For the whole visit: a package may have to be fetched first. */
  readonly visitMs: number
  readonly outputBytesMax: number
  /** Between the polite signal and the last one. */
  readonly graceMs: number
}

export const START_LIMITS: StartLimits = { visitMs: 60_000, outputBytesMax: 8 * 1024 * 1024, graceMs: 2_000 }

/** What a server gets of our environment; anything else it must have in its own entry. */
export const PASSED_VARIABLES = ['PATH', 'HOME', 'USERPROFILE', 'SYSTEMROOT', 'COMSPEC', 'PATHEXT', 'LANG', 'LC_ALL']

/**
 * Starts a stdio server as its entry says, without a shell, in an empty folder, with few variables, and ends it and all
 * that it started when the visit is over. Called only for servers whose start the user asked for.
 */
export async function startServer(
  server: ConfiguredServer,
  environment: Readonly<Record<string, string | undefined>>,
  limits: StartLimits = START_LIMITS,
): Promise<Connection> {
  if (server.command === null) throw new Unanswered('it names no command')
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-inventory-'))
  const passed = Object.fromEntries(PASSED_VARIABLES.map((name) => [name, environment[name]]))
  try {
    const child = spawn(server.command, server.args, {
      cwd: folder,
      env: { ...passed, TMPDIR: folder, TEMP: folder, TMP: folder, ...server.environment },
      shell: false,
      // A group of its own, so that what it starts ends with it.
      detached: process.platform !== 'win32',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    return new ProcessConnection(child, folder, limits)
  } catch {
    // Node.js refuses what no system could start, such as a NUL in an argument.
    await rm(folder, { recursive: true, force: true })
    throw new Unanswered('the command could not be started')
  }
}

class ProcessConnection implements Connection {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #folder: string
  readonly #limits: StartLimits
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Unanswered) => void }>()
  readonly #deadline: NodeJS.Timeout
  readonly #exited: Promise<void>
  #ended: Unanswered | null = null
  #id = 0
  #line: Buffer[] = []
  #outputBytes = 0

  constructor(child: ChildProcessWithoutNullStreams, folder: string, limits: StartLimits) {
    this.#child = child
    this.#folder = folder
    this.#limits = limits
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
    })
    this.#deadline = setTimeout(() => this.#end(`it took longer than ${limits.visitMs / 1000} s`), limits.visitMs)
    child.once('error', () => this.#end('the command could not be started'))
    child.once('exit', () => this.#end('it ended before it answered'))
    child.stdin.on('error', () => this.#end('it stopped reading'))
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk))
    child.stderr.on('data', (chunk: Buffer) => this.#count(chunk))
  }

  request(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    })
  }

  notify(method: string): Promise<void> {
    if (this.#ended === null) this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method })}\n`)
    return Promise.resolve()
  }

  async close(): Promise<void> {
    this.#end('the visit is over')
    const hard = setTimeout(() => this.#signal('SIGKILL'), this.#limits.graceMs)
    await this.#exited
    clearTimeout(hard)
    // What the server left behind in its group ends with it, even when the server itself went politely.
    this.#signal('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }

  #end(reason: string): void {
    if (this.#ended !== null) return
    this.#ended = new Unanswered(reason)
    clearTimeout(this.#deadline)
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
    this.#line = []
    this.#child.stdout.removeAllListeners('data').resume()
    this.#child.stderr.removeAllListeners('data').resume()
    this.#child.stdin.end()
    this.#signal('SIGTERM')
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      if (process.platform === 'win32') this.#child.kill(signal)
      else process.kill(-pid, signal)
    } catch {
      // The group is gone.
    }
  }

  #count(chunk: Buffer): boolean {
    this.#outputBytes += chunk.length
    if (this.#outputBytes <= this.#limits.outputBytesMax) return true
    this.#end(`it wrote more than ${this.#limits.outputBytesMax} bytes`)
    return false
  }

  #read(chunk: Buffer): void {
    if (!this.#count(chunk)) return
    let rest = chunk
    for (let end = rest.indexOf(0x0a); end !== -1 && this.#ended === null; end = rest.indexOf(0x0a)) {
      this.#line.push(rest.subarray(0, end))
      const line = Buffer.concat(this.#line).toString('utf8')
      this.#line = []
      rest = rest.subarray(end + 1)
      this.#take(line)
    }
    if (rest.length > 0) this.#line.push(rest)
  }

  /** Lines that are no JSON are logs that went to the wrong place; requests of the server are not answered. */
  #take(line: string): void {
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      return
    }
    for (const [id, { resolve, reject }] of this.#waiting) {
      const answer = readAnswer(message, id)
      if (answer === null) continue
      this.#waiting.delete(id)
      if (answer instanceof Unanswered) reject(answer)
      else resolve(answer.result)
    }
  }
}
