// The gate: installs what is missing, then builds, checks and tests, and stops at the first thing that is not right.
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { installIfNeeded, root, run, say } from './workspace.mjs'

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const PUBLISHED = ['packages/auditor', 'packages/gateway', 'packages/inspect']

const isFull = process.argv.includes('--full')

try {
  installIfNeeded()
  // Real clients, the official conformance suite and a PostgreSQL server, which nobody but these tests installs.
  for (const name of ['e2e', 'conformance', 'postgres'])
    installIfNeeded(join(root, 'packages', 'gateway', 'test', name))
  const chromium = findChromium() ?? installChromium()
  const environment = { CHROMIUM_PATH: chromium, ...(isFull ? { SALLYPORT_TEST_FULL: '1' } : {}) }
  const steps = [
    { title: 'Types and build', command: 'tsc', args: ['-b'] },
    { title: 'Format and lint (Biome)', command: 'biome', args: ['check', '--error-on-warnings', '.'] },
    { title: 'Lint with types (oxlint)', command: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
    { title: 'Unused files, exports and dependencies (knip)', command: 'knip', args: [] },
    ...PUBLISHED.map((folder) => ({
      title: `Package ${folder} (publint)`,
      command: 'publint',
      args: ['run', '--strict', '--pack', 'npm', folder],
    })),
    { title: isFull ? 'Tests, the long ones too' : 'Tests', command: 'vitest', args: ['run'] },
  ]
  // CPU times come from Linux's /proc.
  if (process.platform === 'linux') {
    steps.push({ title: 'CPU per call beside an SDK proxy', command: 'node', args: ['bench/bench.mjs', '--guard'] })
  } else say('CPU per call beside an SDK proxy: measured on Linux only')
  for (const { title, command, args } of steps) {
    say(title)
    if (!(await run(command, args, environment))) {
      process.stderr.write(`\nStopped at: ${title}\n`)
      process.exit(1)
    }
  }
} catch (error) {
  process.stderr.write(`\n${error.message}\n`)
  process.exit(1)
}

function findChromium() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.flatMap((folder) => CHROMIUM_NAMES.map((name) => join(folder, name))).find(isExecutable) ?? null
}

/** The pages are tested in a real browser. On a Debian machine of which we are root we bring one; elsewhere we ask. */
function installChromium() {
  const canInstall = process.getuid?.() === 0 && isExecutable('/usr/bin/apt-get')
  if (!canInstall) {
    throw new Error('The page tests need Chromium. Install it, or set CHROMIUM_PATH to the one you have.')
  }
  say('Installing Chromium for the page tests (Debian package; some minutes)')
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', 'chromium'],
  ]) {
    const result = spawnSync('apt-get', args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
    if (result.status !== 0) throw new Error(`apt-get ${args.join(' ')} failed:\n${result.stderr}`)
  }
  const installed = findChromium()
  if (installed === null) throw new Error('apt-get installed Chromium, but it is not on PATH')
  return installed
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
