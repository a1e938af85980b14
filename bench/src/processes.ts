import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { treeOf } from './machine.ts'

const READY_MS = 20_000
const STOP_MS = 8_000

export interface Started {
  readonly pid: number
  readonly child: ChildProcess
  /** Everything written so far, both streams; the last 64 KiB of it. */
  readonly output: () => string
  stop(): Promise<void>
}

const running = new Set<Started>()

/** Starts a program; `isReady` is asked until it says yes. What it writes is kept for the message of a failure. */
export async function startProcess(
  command: string,
  args: readonly string[],
  isReady: (output: string) => Promise<boolean>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Started> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
  let output = ''
  const keep = (chunk: unknown) => {
    output = (output + String(chunk)).slice(-65_536)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let problem: string | null = null
  child.once('error', (cause) => {
    problem = cause.message
  })
  const started: Started = { pid: child.pid ?? 0, child, output: () => output, stop: () => stop(started) }
  running.add(started)
  const deadline = performance.now() + READY_MS
  while (performance.now() < deadline && problem === null && child.exitCode === null) {
    if (await isReady(output).catch(() => false)) return started
    await sleep(20)
  }
  await started.stop()
  throw new Error(`${command} ${args[0] ?? ''} did not start: ${problem ?? ''}\n${output}`)
}

/** Ends everything that was started here, descendants included. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((started) => started.stop()))
}

export async function stopProcess(pid: number | null): Promise<void> {
  await [...running].find((started) => started.pid === pid)?.stop()
}

/** For the end of this process, when nobody can wait any more. */
export function killAll(): void {
  for (const { pid } of running) kill(treeOf(pid), 'SIGKILL')
}

async function stop(started: Started): Promise<void> {
  if (!running.delete(started)) return
  const { child, pid } = started
  if (child.exitCode !== null || child.signalCode !== null || pid === 0) return
  // Peers leave their children behind, so they are remembered before the parent is gone.
  const tree = treeOf(pid)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })])
  kill(child.exitCode === null && child.signalCode === null ? tree : tree.slice(1), 'SIGKILL')
}

function kill(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      if (pid > 0) process.kill(pid, signal)
    } catch {
      // It ended by itself.
    }
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(address)))
    })
  })
}

/** Whether something answers HTTP there, whatever it says. */
export async function answersHttp(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) })
  await response.body?.cancel()
  return true
}

export async function acceptsConnections(port: number): Promise<boolean> {
  const { connect } = await import('node:net')
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
