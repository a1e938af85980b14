// Login at a real Keycloak, with groups, a second factor and logout: needs Java and Maven, which bring the server distribution, and Chromium.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { installIfNeeded, root, run, say } from './workspace.mjs'

const VERSION = '26.6.4'
const SHA256 = 'b00d79ca3afd94bf431d2c3afb2a5af695da813017c434de7240790de6490779'
const NAME = 'keycloak-quarkus-dist'
const START_SECONDS = 180
const ADMIN = { name: 'admin', password: 'admin of a test' }

const place = mkdtempSync(join(tmpdir(), 'sallyport-keycloak-'))
let keycloak = null
try {
  installIfNeeded()
  const archive = fetchArchive()
  say('Unpacking Keycloak')
  must('jar', ['xf', archive], place)
  const home = join(place, `keycloak-${VERSION}`)
  mkdirSync(join(home, 'data', 'import'), { recursive: true })
  cpSync(join(root, 'packages/gateway/test/idp/realm.json'), join(home, 'data', 'import', 'realm.json'))
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  say(`Starting Keycloak ${VERSION} (half a minute)`)
  keycloak = spawn(
    'bash',
    [
      join(home, 'bin', 'kc.sh'),
      'start-dev',
      '--import-realm',
      '--http-host',
      '127.0.0.1',
      '--http-port',
      String(port),
    ],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      detached: true,
      env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN.name, KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password },
    },
  )
  await ready(`${origin}/realms/corp/.well-known/openid-configuration`)
  const environment = { SALLYPORT_KEYCLOAK: origin, SALLYPORT_KEYCLOAK_ADMIN: `${ADMIN.name}:${ADMIN.password}` }
  if (!(await run('tsc', ['-b'], {}))) throw new Error('it does not compile')
  if (!(await run('vitest', ['run', 'packages/gateway/test/idp'], environment))) process.exitCode = 1
} catch (error) {
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
} finally {
  if (keycloak?.pid !== undefined && keycloak.exitCode === null) {
    const ended = new Promise((resolve) => keycloak.once('exit', resolve))
    // The shell and the Java that it started.
    process.kill(-keycloak.pid, 'SIGKILL')
    await ended
  }
  rmSync(place, { recursive: true, force: true })
}

/** By Maven, from wherever its settings say; kept where it keeps things. */
function fetchArchive() {
  const kept = join(homedir(), '.m2/repository/org/keycloak', NAME, VERSION, `${NAME}-${VERSION}.zip`)
  if (!existsSync(kept)) {
    say('Fetching Keycloak by Maven (170 MB)')
    const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get'
    must('mvn', ['-q', '-B', plugin, `-Dartifact=org.keycloak:${NAME}:${VERSION}:zip`, '-Dtransitive=false'], place)
  }
  const digest = createHash('sha256').update(readFileSync(kept)).digest('hex')
  if (digest !== SHA256) throw new Error(`${kept} is not the Keycloak that was tried: its SHA-256 is ${digest}`)
  return kept
}

function must(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (result.error?.code === 'ENOENT')
    throw new Error(`This needs ${command}. Install Java (17 or newer, the JDK) and Maven.`)
  if (result.status !== 0) throw new Error(`${command} failed; its own message stands above`)
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function ready(url) {
  const until = Date.now() + START_SECONDS * 1000
  while (Date.now() < until) {
    const answer = await fetch(url).catch(() => null)
    if (answer?.ok) return
    if (keycloak.exitCode !== null) throw new Error('Keycloak ended before it was ready; its own message stands above')
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  throw new Error(`Keycloak was not ready within ${START_SECONDS} s`)
}
