import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Candidate } from './candidates/candidate.ts'
import type { CandidateProblem } from './gates/void-candidate.ts'
import type { Measured } from './measure.ts'
import { type Cell, type NOT_MEASURED, PLANS, type Plan } from './plan.ts'
import type { Probes } from './probe-all.ts'
import { versionOf } from './programs.ts'
import type { Rounds } from './run.ts'

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url))

/** One run as it is kept. Voided measurements are in it, with their reasons. */
export interface Results {
  readonly startedAt: string
  readonly tookSeconds: number
  /** Of the checkout; null where git does not say. */
  readonly commit: string | null
  readonly mode: Plan['mode']
  readonly seed: number
  readonly rounds: number
  readonly warmMs: number
  readonly firstWarmMs: number
  readonly measureMs: number
  /** Above it a number is rough. */
  readonly foreignCpusMax: number
  readonly machine: Readonly<Record<string, string | number>>
  readonly candidates: readonly Pick<Candidate, 'name' | 'work'>[]
  readonly cells: readonly Cell[]
  /** Candidates that do not do what they say: their measurements do not count. */
  readonly problems: readonly CandidateProblem[]
  readonly measured: readonly Measured[]
  readonly fdatasync: Rounds['fdatasync']
  readonly probes: Probes | null
  readonly notMeasured: typeof NOT_MEASURED
}

export function describeMachine(hasPrograms: boolean): Results['machine'] {
  return {
    cpus: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    ...(hasPrograms ? { haproxy: versionOf('haproxy'), nginx: versionOf('nginx') } : {}),
  }
}

/** Null where there is no git; with a plus where files differ from the commit. */
export function readCommit(): string | null {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: FOLDER_ABOVE, encoding: 'utf8' })
  const { status, stdout } = git('rev-parse', '--short=12', 'HEAD')
  if (status !== 0) return null
  return stdout.trim() + (git('status', '--porcelain').stdout === '' ? '' : '+')
}
const FOLDER_ABOVE = fileURLToPath(new URL('../', import.meta.url))

/** The name of a run is that of its file. */
export function nameOf({ startedAt, mode }: Pick<Results, 'startedAt' | 'mode'>): string {
  return `${startedAt.slice(0, 19).replaceAll(':', '-')}-${mode}`
}

export async function keep(results: Results): Promise<string> {
  await mkdir(FOLDER, { recursive: true })
  const file = join(FOLDER, `${nameOf(results)}.json`)
  await writeFile(file, `${JSON.stringify(results, null, 1)}\n`)
  return file
}

/** Nothing was left out: fit to be published. Pure. */
export function isWhole({ mode, rounds, cells, probes }: Results): boolean {
  const { cells: all, rounds: least } = PLANS.full
  const sizes = (given: readonly Cell[]) => given.map(({ id, candidates }) => `${id} ${candidates.length}`).join()
  return mode === 'full' && rounds >= least && probes !== null && sizes(cells) === sizes(all)
}

/** The latest whole run, else the latest full one, else the latest quick one. Throws when there is none. */
export async function readLatest(): Promise<Results> {
  const files = (await readdir(FOLDER).catch(() => [])).filter((name) => /-(full|quick)\.json$/.test(name)).sort()
  const runs: Results[] = []
  // Written by `keep`.
  for (const file of files) runs.push(JSON.parse(await readFile(join(FOLDER, file), 'utf8')) as Results)
  const latest = runs.findLast(isWhole) ?? runs.findLast(({ mode }) => mode === 'full') ?? runs.at(-1)
  if (latest === undefined) throw new Error('There are no results yet. Run: npm run bench')
  return latest
}
