// What the scripts of this folder agree on: where the checkout is, how its parts get installed and which Node.js runs
// them. Plain JavaScript for Node.js 20, because it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const NODE_MAJOR_MIN = 24

/**
 * Runs `npm ci` in a folder that has a lockfile, when its node_modules is missing or holds something else than the
 * lockfile says. Throws when that fails.
 */
export function installIfNeeded(folder = root) {
  if (isInstalled(folder)) return
  say(`Installing what ${relative(root, join(folder, 'package-lock.json'))} names`)
  // Under npm its own path is known; otherwise the one on PATH will do.
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  const [command, ...prefix] = npm
  // No package of ours needs an install script, so none may run one.
  const args = [...prefix, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const result = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
  if (result.status !== 0) throw new Error('npm ci failed; its own message stands above')
}

/** Compares versions entry by entry: file times say nothing after a checkout. */
function isInstalled(folder) {
  const installed = readPackages(join(folder, 'node_modules', '.package-lock.json'))
  if (installed === null) return false
  const wanted = readPackages(join(folder, 'package-lock.json')) ?? {}
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/')) return true
    const found = installed[path]
    // Optional packages for other platforms are rightly absent.
    return found === undefined ? entry.optional === true || entry.devOptional === true : found.version === entry.version
  })
}

function readPackages(lockfile) {
  return existsSync(lockfile) ? JSON.parse(readFileSync(lockfile, 'utf8')).packages : null
}

/** Path of a Node.js that is new enough: this one, or the one that a package of the workspace carries. */
export function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  const carried = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(carried)) return carried
  throw new Error(
    `Node.js ${NODE_MAJOR_MIN} or newer is needed, and npm carries none for ${process.platform} ${process.arch}`,
  )
}

/** The environment in which tools find the workspace's programs, its Node.js first among them. */
export function toolEnvironment(extra = {}) {
  return {
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
    ...extra,
  }
}

/** Runs a program of the workspace to its end; answers whether it succeeded. */
export function run(command, args, extraEnvironment = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: toolEnvironment(extraEnvironment),
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`)
      resolve(false)
    })
    child.on('exit', (code) => resolve(code === 0))
  })
}

export function say(text) {
  process.stdout.write(`\n== ${text}\n`)
}
