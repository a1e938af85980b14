import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Person } from '../e2e/support/authorize.ts'
import { freePort } from '../e2e/support/gateway.ts'
import { type AdminAnswer, askSocket } from './admin-socket.ts'

const BIN = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url))
const READY_MS = 20_000

/** A folder with a configuration and a state that outlives the processes which use it. */
export interface Place {
  readonly folder: string
  readonly stateDir: string
  readonly configFile: string
  readonly port: number
  readonly origin: string
  readonly env: NodeJS.ProcessEnv
  remove(): Promise<void>
}

/** The built gateway as a process of its own, to be treated badly. */
export interface GatewayProcess {
  readonly child: ChildProcess
  /** Exit code and signal, once it has ended. */
  readonly exit: Promise<readonly [number | null, NodeJS.Signals | null]>
  /** Everything it wrote so far, both streams. */
  readonly output: () => string
  /** Resolves when it answers that it is ready; rejects if it ends before. */
  ready(): Promise<void>
}

export async function makePlace(yaml: (folder: string) => string): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-process-'))
  const port = await freePort()
  const configFile = join(folder, 'sallyport.yaml')
  const stateDir = join(folder, 'var')
  const origin = `http://127.0.0.1:${port}`
  await writeFile(configFile, `version: 1\ngateway: { publicUrl: '${origin}' }\n${yaml(folder)}`, { mode: 0o600 })
  const { NODE_OPTIONS: _options, VITEST: _vitest, NODE_ENV: _env, ...rest } = process.env
  return {
    folder,
    stateDir,
    configFile,
    port,
    origin,
    env: { ...rest, SALLYPORT_CONFIG: configFile, SALLYPORT_STATE_DIR: stateDir },
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}

/** One of the real servers of the quick start, by the last part of its package's name. */
export function quickstartServer(name: string): string {
  return fileURLToPath(
    new URL(`../../../../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`, import.meta.url),
  )
}

/** `shell` runs before it in the same process, such as `ulimit`. */
export function spawnGateway(place: Place, shell: string | null = null): GatewayProcess {
  const command = [process.execPath, BIN, 'serve'] as const
  const [program, ...args] = shell === null ? command : ['/bin/sh', '-c', `${shell}; exec "$0" "$@"`, ...command]
  const child = spawn(program ?? '', args, { env: place.env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const keep = (chunk: unknown) => {
    output += String(chunk)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // What `exit` tells.
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  return { child, exit, output: () => output, ready: () => untilReady(place.origin, child, () => output) }
}

async function untilReady(origin: string, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = performance.now() + READY_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the gateway ended with ${child.exitCode ?? child.signalCode}:\n${output()}`)
    }
    const answer = await fetch(`${origin}/readyz`).catch(() => null)
    await answer?.arrayBuffer()
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`the gateway was not ready:\n${output()}`)
}

/** The command line on this place; never rejects because of an exit code. */
export function runCli(place: Place, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { env: place.env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

export async function admin(place: Place, method: string, path: string, body?: unknown): Promise<AdminAnswer> {
  return askSocket(place.stateDir, method, path, body)
}

export async function addUser(place: Place, username: string): Promise<Person> {
  const password = `correct horse battery ${username}`
  const answer = await admin(place, 'POST', '/users', { username, password })
  if (answer.status !== 201) throw new Error(`${username} was not added: ${answer.status} ${answer.text}`)
  return { username, password }
}

/** One record of the log as it was written: the members that tests ask for. */
export interface WrittenRecord {
  readonly activity_name: string
  readonly status: string
  readonly status_code?: string
  readonly metadata: { readonly correlation_uid?: string }
  readonly api?: { readonly operation?: string; readonly service?: { readonly name: string } }
  readonly unmapped?: {
    readonly call_id?: string
    readonly tool?: string
    readonly decision?: { readonly toolClass?: string }
    readonly detail?: Readonly<Record<string, unknown>>
  }
}

/** The whole log, oldest first, as it is exported. */
export async function exportedRecords(place: Place): Promise<WrittenRecord[]> {
  const { status, text } = await admin(place, 'GET', '/log/export')
  if (status !== 200) throw new Error(`no export: ${status} ${text}`)
  return text
    .split('\n')
    .filter((line) => line.startsWith('{"type":"record"'))
    .map((line) => JSON.parse((JSON.parse(line) as { body: string }).body) as WrittenRecord)
}

/** Processes whose home lies in the place: what its gateways started, alive or left behind. */
export async function childrenOf(place: Place): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      return environment.includes(`HOME=${place.stateDir}/run/`) ? [Number(pid)] : []
    }),
  )
  return found.flat()
}
