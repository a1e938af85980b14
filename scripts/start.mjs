// `npm start`: installs, builds and runs the quick start. What is printed for people comes from the gateway itself.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { findNode, installIfNeeded, root, run, say, toolEnvironment } from './workspace.mjs'

const QUICKSTART = join(root, 'examples', 'quickstart', 'sallyport.yaml')
const GATEWAY_PORT = 8700
const NOTES_READY_MS = 15_000
const STOP_MS = 10_000

const children = []
let isStopping = false

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    // Asked twice: at once.
    if (isStopping) process.exit(1)
    void stop(signal === 'SIGINT' ? 130 : 0)
  })
}
// Whatever ends this process, nothing that it started outlives it.
process.on('exit', killAll)

try {
  await start()
} catch (error) {
  process.stderr.write(`\n${error.message}\n`)
  await stop(1)
}

async function start() {
  const options = process.argv.slice(2)
  const isQuickstart = !process.env.SALLYPORT_CONFIG
  const port = portOf(options) ?? (isQuickstart ? GATEWAY_PORT : null)
  if (port !== null && (await isTaken(port))) {
    throw new Error(`Port ${port} is taken, perhaps by a gateway that still runs. Stop it, or choose another port:
  npm start -- --port ${port + 10}`)
  }
  installIfNeeded()
  await build()
  if (isQuickstart) await startNotes()
  const environment = {
    SALLYPORT_CONFIG: process.env.SALLYPORT_CONFIG ?? QUICKSTART,
    SALLYPORT_STATE_DIR: process.env.SALLYPORT_STATE_DIR ?? join(root, 'var'),
    SALLYPORT_ENDS_WITH_STDIN: '1',
  }
  const shim = join(root, 'packages', 'gateway', 'bin', 'sallyport.mjs')
  const gateway = startChild([shim, 'serve', ...options], { env: environment, stdio: ['pipe', 'inherit', 'inherit'] })
  gateway.on('exit', (code) => void stop(code ?? 1))
}

async function build() {
  const parts = ['packages/inspect', 'packages/gateway', 'examples/notes-server']
  if (!parts.every((part) => existsSync(join(root, part, 'dist', 'main.js')) || part.endsWith('inspect')))
    say('Building')
  // Incremental: a second of looking when nothing changed.
  if (!(await run('tsc', ['-b', ...parts]))) throw new Error('The build failed; its messages stand above')
}

/** Our example server, on the port that the configuration names, behind a secret that only the gateway is told. */
async function startNotes() {
  const port = Number(/url: http:\/\/127\.0\.0\.1:(\d+)\/mcp/.exec(readFileSync(QUICKSTART, 'utf8'))?.[1])
  if (!Number.isInteger(port)) return
  if (await isTaken(port)) {
    throw new Error(`Port ${port} is taken, which the example server "notes" needs.
Stop what listens there, or write another port into examples/quickstart/sallyport.yaml (servers.notes.http.url).`)
  }
  const folder = join(root, 'var')
  const tokenFile = join(folder, 'notes-token')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(tokenFile))
    writeFileSync(tokenFile, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  const script = join(root, 'examples', 'notes-server', 'dist', 'main.js')
  const args = [
    '--port',
    String(port),
    '--token-file',
    tokenFile,
    '--file',
    join(folder, 'notes.json'),
    '--exit-with-parent',
  ]
  const notes = startChild([script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    const giveUp = () => reject(new Error('The example server "notes" did not start'))
    const timer = setTimeout(giveUp, NOTES_READY_MS)
    notes.once('exit', giveUp)
    notes.stdout.once('data', () => {
      clearTimeout(timer)
      notes.off('exit', giveUp)
      resolve()
    })
  })
  notes.on('exit', () => {
    if (!isStopping) process.stderr.write('The example server "notes" has ended; the others go on.\n')
  })
}

/** Each child leads a process group, so that what it starts in turn ends with it. */
function startChild(args, options) {
  const child = spawn(findNode(), args, { cwd: root, detached: true, ...options, env: toolEnvironment(options.env) })
  child.on('error', (error) => {
    process.stderr.write(`Starting ${args[0]} failed: ${error.message}\n`)
    void stop(1)
  })
  children.push(child)
  return child
}

async function stop(code) {
  if (isStopping) return
  isStopping = true
  const running = children.filter(isRunning)
  const ended = Promise.all(running.map((child) => new Promise((resolve) => child.once('exit', resolve))))
  // The leader alone first: the gateway closes its sessions and its store in order.
  for (const child of running) child.kill('SIGTERM')
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOP_MS))])
  process.exit(code)
}

function killAll() {
  for (const child of children) {
    try {
      if (child.pid) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Nobody is left in that group.
    }
  }
}

function isRunning(child) {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

function portOf(options) {
  const at = options.findIndex((option) => option === '--port' || option.startsWith('--port='))
  if (at === -1) return null
  const port = Number(options[at].split('=')[1] ?? options[at + 1])
  return Number.isInteger(port) && port > 0 ? port : null
}

function isTaken(port) {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(true))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(false)))
  })
}
