import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openEnvironment } from '../environment.ts'
import { measure } from '../measure.ts'
import type { Options } from '../options.ts'
import { type CpuProfile, digestProfile } from './digest-profile.ts'
import { printDigest } from './print-digest.ts'

const PROFILES = fileURLToPath(new URL('../../results/profiles/', import.meta.url))
const INTERVAL_MICROS = 250
const WARM_MS_MIN = 5_000
const SETTLE_MS = 300

/** The gateway alone, in one cell, under V8's sampling profiler; prints where the measured time went. The profiles are kept for other viewers. */
export async function profile(options: Options): Promise<number> {
  const [cell] = options.plan.cells
  if (cell === undefined || options.plan.cells.length > 1) throw new Error('--profile takes one cell')
  const name = cell.base
  if (name !== 'gateway' && !name.startsWith('gateway-')) throw new Error(`The gateway is not in the cell "${cell.id}"`)
  const folder = join(PROFILES, `${new Date().toISOString().replaceAll(':', '-')}-${cell.id}`)
  await mkdir(folder, { recursive: true })
  const environment = await openEnvironment({
    names: new Set([name]),
    gatewayNodeOptions: [
      ...options.gatewayNodeOptions,
      '--cpu-prof',
      `--cpu-prof-dir=${folder}`,
      `--cpu-prof-interval=${INTERVAL_MICROS}`,
    ],
  })
  try {
    const { generator } = environment
    const candidate = environment.candidates.get(name)
    if (candidate === undefined) throw new Error(`${name} was not started`)
    const doors = await environment.doorsFor(candidate, cell.wire, cell.tokens)
    const { plan, foreignCpusMax } = options
    const warmMs = Math.max(plan.warmMs, WARM_MS_MIN)
    const measured = await measure({ cell, candidate, round: 1, warmMs, doors, plan, generator, foreignCpusMax })
    await sleep(SETTLE_MS)
    // Ending well is what writes the profiles.
    await environment.stop(candidate)
    if (measured.void.length > 0) process.stdout.write(`VOID: ${measured.void.join('; ')}\n`)
    const { requests, cpuMicros, perSecond } = measured
    process.stdout.write(
      `${cell.id}: ${cell.name}; ${requests} calls, ${perSecond.toFixed(0)}/s, ${cpuMicros?.toFixed(0)} µs CPU per call under the profiler\n`,
    )
    for (const [thread, read] of await readProfiles(folder, candidate.pids)) {
      const digest = digestProfile(read, { beganMicros: measured.beganMicros, endedMicros: measured.endedMicros })
      process.stdout.write(printDigest(thread, digest, requests))
    }
    process.stdout.write(
      '\nThe profiler sees time, not CPU: waiting in a system call (the commit and its fsync) counts for the function that waits.\n',
    )
    process.stdout.write(`Profiles for other viewers: ${folder}\n`)
    return 0
  } finally {
    await environment.close()
  }
}

/** By thread. Node names them CPU.date.time.pid.thread.number.cpuprofile. */
async function readProfiles(folder: string, pids: readonly number[]): Promise<[string, CpuProfile][]> {
  const files = (await readdir(folder)).filter((file) => pids.map(String).includes(file.split('.')[3] ?? '')).sort()
  const profiles: [string, CpuProfile][] = []
  for (const file of files) {
    const thread = file.split('.')[4] === '0' ? 'Main thread' : 'Store worker'
    // Written by V8.
    profiles.push([thread, JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile])
  }
  if (profiles.length === 0) throw new Error('the gateway wrote no profile: it did not end by itself')
  return profiles
}
