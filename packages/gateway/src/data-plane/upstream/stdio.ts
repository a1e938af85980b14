import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { createLineRedactor } from '@sallyport/inspect'
import type { Clock } from '#core/clock.ts'
import type { Log } from '#core/log.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { StdioUpstream } from '#core/snapshot.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { printLine } from '#wire/jsonrpc/print-line.ts'
import type { DataPlaneLimits } from '../limits.ts'
import { boundedLog } from './bounded-log.ts'
import {
  type ChildOwner,
  childArguments,
  childEnvironment,
  userDirectory,
  usesUserDirectory,
} from './child-environment.ts'
import type { UpstreamConnection, UpstreamEvents, UpstreamFailure } from './connection.ts'
import { endEscaped } from './end-escaped.ts'
import { LineReader } from './line-reader.ts'
import type { ProcessGroups } from './process-group.ts'
import { readUpstreamMessage } from './read-message.ts'

export interface StdioHost {
  readonly stateDir: string
  readonly searchPath: string
  readonly groups: ProcessGroups
  readonly limits: DataPlaneLimits
  readonly clock: Clock
  readonly log: Log
}

/** How long after a child's exit its last output is still read. */
const LAST_WORDS_MS = 500

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** Starts one process for one session of one subject. It is never given to another. */
export async function openStdio(
  spec: StdioUpstream,
  owner: ChildOwner,
  host: StdioHost,
  events: UpstreamEvents,
): Promise<Result<UpstreamConnection, UpstreamFailure>> {
  const userDir = userDirectory(host.stateDir, owner)
  if (!userDir.ok) return refused({ reason: userDir.refusal })
  const runDir = join(host.stateDir, 'run')
  await mkdir(runDir, { recursive: true, mode: 0o700 })
  if (usesUserDirectory(spec)) await mkdir(userDir.value, { recursive: true, mode: 0o700 })
  const privateDir = await mkdtemp(join(runDir, 'child-'))
  const child = spawn(spec.command, childArguments(spec, userDir.value), {
    cwd: spec.cwd ?? privateDir,
    env: childEnvironment(spec, { searchPath: host.searchPath, privateDir, userDir: userDir.value }),
    stdio: ['pipe', 'pipe', 'pipe'],
    // Its own process group, so that what it starts can be ended with it.
    detached: true,
    shell: false,
  })
  const started = await new Promise<boolean>((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
  if (!started) {
    await rm(privateDir, { recursive: true, force: true })
    return refused({ reason: 'spawnFailed' })
  }
  host.groups.adopt(child)
  return ok(new StdioConnection(child, owner, privateDir, host, events))
}

class StdioConnection implements UpstreamConnection {
  readonly #child: Child
  readonly #owner: ChildOwner
  readonly #privateDir: string
  readonly #host: StdioHost
  readonly #events: UpstreamEvents
  readonly #log: Log
  readonly #lines: LineReader
  #junkLines = 0
  #second = Number.NEGATIVE_INFINITY
  #linesThisSecond = 0
  #stderrLines: LineReader
  #stderrSecond = Number.NEGATIVE_INFINITY
  #stderrThisSecond = 0
  readonly #redactor = createLineRedactor()
  #isPausedByOwner = false
  #rest: NodeJS.Timeout | null = null
  #waiting: Uint8Array[] = []
  #isClosed = false
  /** Requests that wait for the child to read, by our id: each can be withdrawn. */
  readonly #unsent = new Map<number, () => void>()
  #cleaned: Promise<void> | null = null

  constructor(child: Child, owner: ChildOwner, privateDir: string, host: StdioHost, events: UpstreamEvents) {
    this.#child = child
    // One listener of each kind per waiting sender; how many may wait is bounded by the calls under way.
    child.stdin.setMaxListeners(0)
    this.#log = boundedLog(host.log, host.limits.logLinesPerMinuteMax, host.clock, { server: owner.server })
    this.#owner = owner
    this.#privateDir = privateDir
    this.#host = host
    this.#events = events
    this.#lines = new LineReader(host.limits.lineBytesMax)
    this.#stderrLines = new LineReader(host.limits.stderrBytesPerSecondMax)
    child.stdout.on('data', (chunk: Uint8Array) => this.#read(chunk))
    child.stderr.on('data', (chunk: Uint8Array) => this.#readStderr(chunk))
    // A child that closed its stdin makes writes fail (EPIPE); its exit tells the rest.
    child.stdin.on('error', () => this.#fail('stdinClosed'))
    child.stdout.on('error', () => this.#fail('stdoutBroken'))
    child.stderr.on('error', () => this.#fail('stderrBroken'))
    child.stdout.once('end', () => setImmediate(() => this.#sayLastWords('stdoutEnded')))
    // `close` comes after the last byte of stdout. What escaped the process group may hold stdout open, so its time is bounded.
    child.once('close', () => this.#sayLastWords('processExited'))
    child.once('exit', () => setTimeout(() => this.#fail('processExited'), LAST_WORDS_MS).unref())
  }

  async send(message: JsonObject): Promise<Result<void, UpstreamFailure>> {
    const { stdin } = this.#child
    const { method, id } = message
    const ourId = method !== undefined && typeof id === 'number' ? id : null
    while (!this.#isClosed && stdin.writableLength > this.#host.limits.stdinBytesMax) {
      if (!(await this.#room(ourId))) return refused({ reason: 'forgotten' })
    }
    if (this.#isClosed || !stdin.writable) return refused({ reason: 'processExited' })
    stdin.write(`${printLine(printJson(message))}\n`)
    return ok(undefined)
  }

  forget(ourId: number): void {
    this.#unsent.get(ourId)?.()
  }

  useRevision(): void {
    // stdio messages carry no revision.
  }

  pause(): void {
    this.#isPausedByOwner = true
    this.#child.stdout.pause()
  }

  resume(): void {
    this.#isPausedByOwner = false
    this.#goOn()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#child.stdin.end()
    // What it still says goes nowhere, but must not block its exit.
    this.#waiting = []
    this.#child.stdout.resume()
    await this.#clean(this.#host.limits.leaveAfterMs)
  }

  /** Resolves once the child has read, or is gone; false where the request was forgotten before. */
  #room(ourId: number | null): Promise<boolean> {
    const { stdin } = this.#child
    return new Promise((resolve) => {
      const end = (goesOn: boolean) => {
        stdin.off('drain', goOn).off('close', goOn).off('error', goOn)
        if (ourId !== null) this.#unsent.delete(ourId)
        resolve(goesOn)
      }
      const goOn = () => end(true)
      stdin.on('drain', goOn).on('close', goOn).on('error', goOn)
      if (ourId !== null) this.#unsent.set(ourId, () => end(false))
    })
  }

  #read(chunk: Uint8Array): void {
    if (this.#isClosed) return
    const lines = this.#lines.push(chunk)
    if (lines === null) {
      this.#fail('lineTooLong')
      return
    }
    this.#waiting.push(...lines)
    this.#deliver()
  }

  /** Hands over waiting lines until the rate of this second is used up; then stdout rests, and the child with it. */
  #deliver(): void {
    const { limits, clock } = this.#host
    while (!this.#isClosed && !this.#isPausedByOwner) {
      const now = clock.monotonicMs()
      if (now - this.#second >= 1_000) {
        this.#second = now
        this.#linesThisSecond = 0
      }
      if (this.#waiting.length === 0) return
      if (this.#linesThisSecond >= limits.linesPerSecondMax) {
        this.#child.stdout.pause()
        this.#rest ??= setTimeout(
          () => {
            this.#rest = null
            this.#goOn()
          },
          Math.max(1, this.#second + 1_000 - now),
        )
        return
      }
      this.#linesThisSecond += 1
      this.#take(this.#waiting.shift() ?? new Uint8Array())
    }
  }

  #goOn(): void {
    if (this.#isPausedByOwner || this.#rest !== null || this.#isClosed) return
    this.#deliver()
    if (this.#waiting.length === 0 && !this.#isPausedByOwner) this.#child.stdout.resume()
  }

  #take(line: Uint8Array): void {
    if (line.length === 0) return
    const message = readUpstreamMessage(line)
    if (message !== null) {
      this.#junkLines = 0
      this.#events.onMessage(message, null)
      return
    }
    this.#junkLines += 1
    if (this.#junkLines === 1) {
      this.#log.warn('an upstream wrote a line to stdout that is no JSON-RPC message; dropped')
    }
    if (this.#junkLines > this.#host.limits.junkLinesMax) this.#fail('stdoutNotProtocol')
  }

  /** Whole lines, so that a secret cut in two by a chunk is still seen; what exceeds the rate is dropped. */
  #readStderr(chunk: Uint8Array): void {
    const { limits, log, clock } = this.#host
    const now = clock.monotonicMs()
    if (now - this.#stderrSecond >= 1_000) {
      this.#stderrSecond = now
      this.#stderrThisSecond = 0
    }
    const lines = this.#stderrLines.push(chunk)
    if (lines === null) this.#stderrLines = new LineReader(limits.stderrBytesPerSecondMax)
    for (const line of lines ?? []) {
      const text = this.#redactor.redact(Buffer.from(line).toString('utf8'))
      this.#stderrThisSecond += line.length
      if (this.#stderrThisSecond > limits.stderrBytesPerSecondMax || text === null || text.trim() === '') continue
      log.info('upstream stderr', { server: this.#owner.server, text })
    }
  }

  /** What was read before the end is still delivered, whatever the rate: it is at most one chunk. */
  #sayLastWords(reason: string): void {
    for (const line of this.#isPausedByOwner ? [] : this.#waiting.splice(0)) {
      if (!this.#isClosed) this.#take(line)
    }
    this.#fail(reason)
  }

  #fail(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#waiting = []
    this.#child.stdout.resume()
    // It broke the protocol or is gone: nothing that it would still do is of use.
    void this.#clean(0)
    this.#events.onClosed(reason)
  }

  #clean(patienceMs: number): Promise<void> {
    if (this.#rest !== null) clearTimeout(this.#rest)
    this.#cleaned ??= (async () => {
      await this.#host.groups.stop(this.#child, patienceMs)
      await endEscaped(this.#privateDir)
      // What cannot be found may hold the other ends for as long as it likes; ours are given back.
      for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe.destroy()
      await rm(this.#privateDir, { recursive: true, force: true, maxRetries: 3 }).catch((cause: unknown) => {
        this.#host.log.warn('the private folder of an ended child could not be removed', { cause })
      })
    })()
    return this.#cleaned
  }
}
