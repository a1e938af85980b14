import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Person } from './authorize.ts'

const ROOT = fileURLToPath(new URL('../../../../../', import.meta.url))
const BIN = join(ROOT, 'packages/gateway/bin/sallyport.mjs')
const NOTES = join(ROOT, 'examples/notes-server/dist/main.js')
const READY_MS = 15_000

export interface RunningGateway {
  readonly origin: string
  readonly stateDir: string
  readonly configFile: string
  readonly process: ChildProcess
  /** Everything the gateway wrote so far, both streams. */
  readonly output: () => string
  /** Runs `sallyport` with this gateway's state; answers standard output. Rejects on a non-zero exit. */
  cli(...args: string[]): Promise<string>
  addUser(name: string, role?: string): Promise<Person>
  /** Ends the process with this signal and waits. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** A new process on the same state, port and configuration. */
  restart(): Promise<RunningGateway>
  /** Stops and removes the state. */
  dispose(): Promise<void>
}

export interface GatewayOptions {
  /** Replaces the servers of the quick start. YAML of the `servers:` mapping's entries, indented by two. */
  readonly serversYaml?: string
  /** More top-level YAML. */
  readonly extraYaml?: string
  /** Written beside the configuration, for the owner alone. */
  readonly files?: Readonly<Record<string, string>>
}

/** Starts the built gateway as its own process: a fresh state folder, a free port, the quick start's servers unless others are given. */
export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const stateDir = await mkdtemp(join(tmpdir(), 'sallyport-e2e-'))
  const port = await freePort()
  const notes = options.serversYaml === undefined ? await startNotes() : null
  const configFile = join(stateDir, 'sallyport.yaml')
  await writeFile(
    configFile,
    configuration(port, options.serversYaml ?? quickstartServers(notes?.port ?? 0), options.extraYaml ?? ''),
    { mode: 0o600 },
  )
  for (const [name, text] of Object.entries(options.files ?? {}))
    await writeFile(join(stateDir, name), text, { mode: 0o600 })
  return launch({ stateDir, port, configFile, stopNotes: notes?.stop ?? (async () => {}) })
}

interface Launch {
  readonly stateDir: string
  readonly port: number
  readonly configFile: string
  readonly stopNotes: () => Promise<void>
}

async function launch(setup: Launch): Promise<RunningGateway> {
  const { stateDir, port, configFile } = setup
  const env = { ...environment(), SALLYPORT_CONFIG: configFile, SALLYPORT_STATE_DIR: join(stateDir, 'var') }
  const child = spawn(process.execPath, [BIN, 'serve'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    output += String(chunk)
  })
  const origin = `http://127.0.0.1:${port}`
  await untilReady(origin, child, () => output)
  const cli = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args], { env })
    return stdout
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
  return {
    origin,
    stateDir,
    configFile,
    process: child,
    output: () => output,
    cli,
    addUser: async (username, role) => {
      const password = `correct horse battery ${username}`
      const file = join(stateDir, `${username}.password`)
      await writeFile(file, password, { mode: 0o600 })
      await cli('user', 'add', username, '--password-file', file, ...(role === undefined ? [] : ['--role', role]))
      return { username, password }
    },
    stop,
    restart: async () => {
      await stop()
      return launch(setup)
    },
    dispose: async () => {
      await stop()
      await setup.stopNotes()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

async function untilReady(origin: string, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = performance.now() + READY_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}:\n${output()}`)
    const answer = await fetch(`${origin}/readyz`).catch(() => null)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the gateway was not ready:\n${output()}`)
}

/** What a shell gives, less anything that would configure the gateway or Node differently than for a user. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, VITEST: _vitest, NODE_ENV: _env, ...rest } = process.env
  return rest
}

function configuration(port: number, servers: string, extra: string): string {
  return `version: 1
gateway:
  publicUrl: http://127.0.0.1:${port}
${extra}
servers:
${servers}
`
}

function quickstartServers(notesPort: number): string {
  const server = (name: string) => join(ROOT, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`)
  return `  everything:
    title: Everything
    stdio: { command: node, args: ['${server('everything')}', stdio] }
  files:
    title: Files
    stdio: { command: node, args: ['${server('filesystem')}', '${join(ROOT, 'examples/quickstart/files')}'] }
  memory:
    title: Memory
    stdio:
      command: node
      args: ['${server('memory')}']
      env: { MEMORY_FILE_PATH: '\${userDir}/memory.json' }
  notes:
    title: Notes
    http: { url: 'http://127.0.0.1:${notesPort}/mcp', network: loopback }
`
}

async function startNotes(): Promise<{ port: number; stop: () => Promise<void> }> {
  const port = await freePort()
  const child = spawn(process.execPath, [NOTES, '--port', String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('exit', (code) => reject(new Error(`the notes server ended with ${code}`)))
  })
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
