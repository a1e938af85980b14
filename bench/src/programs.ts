import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const PROGRAMS = ['haproxy', 'nginx'] as const

/**
 * HAProxy and nginx of the distribution. Where they are missing, a Debian machine of which we are root gets them (nothing is started as a
 * service); elsewhere the message says what to do. Throws then.
 */
export function requirePrograms(): void {
  const missing = PROGRAMS.filter((name) => findProgram(name) === null)
  if (missing.length === 0) return
  const canInstall = process.getuid?.() === 0 && findProgram('apt-get') !== null
  if (!canInstall) {
    throw new Error(`The benchmark compares with ${missing.join(' and ')}. Install them (on Debian: apt-get install ${missing.join(' ')}),
or name the candidates to measure without them: npm run bench -- --candidates gateway,sdk-proxy`)
  }
  process.stdout.write(`Installing ${missing.join(' and ')} (Debian packages)\n`)
  // Runlevel 1: package scripts start no service.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...missing],
  ]) {
    const result = spawnSync('apt-get', args, { env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' })
    if (result.status !== 0) throw new Error(`apt-get ${args.join(' ')} failed:\n${result.stderr}`)
  }
}

export function versionOf(name: (typeof PROGRAMS)[number]): string {
  const result = spawnSync(name, ['-v'], { encoding: 'utf8' })
  return `${result.stdout}${result.stderr}`.split('\n', 1)[0]?.trim() ?? 'unknown'
}

/** Debian keeps servers in /usr/sbin, which is not on everybody's PATH. */
function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
