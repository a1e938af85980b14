import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Candidate } from './candidates/candidate.ts'
import type { Measured } from './measure.ts'
import type { Cell, NOT_APPLICABLE, Plan } from './plan.ts'
import type { Probes } from './probe-all.ts'
import { versionOf } from './programs.ts'

const FOLDER = fileURLToPath(new URL('../results/', import.meta.url))

/** One run as it is kept. Voided measurements are in it, with their reasons. */
export interface Results {
  readonly startedAt: string
  readonly mode: Plan['mode']
  readonly seed: number
  readonly rounds: number
  readonly warmMs: number
  readonly measureMs: number
  readonly foreignCpusMax: number
  readonly machine: Readonly<Record<string, string | number>>
  readonly candidates: readonly Pick<Candidate, 'name' | 'work'>[]
  readonly cells: readonly Cell[]
  /** Candidates that believed a token they must refuse: nothing measured of them counts. */
  readonly tokenProblems: Readonly<Record<string, readonly string[]>>
  readonly measured: readonly Measured[]
  readonly probes: Probes | null
  readonly notApplicable: typeof NOT_APPLICABLE
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

export async function keep(results: Results): Promise<string> {
  await mkdir(FOLDER, { recursive: true })
  const file = join(FOLDER, `${results.startedAt.replaceAll(':', '-')}-${results.mode}.json`)
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`)
  return file
}

/** The latest full run, else the latest quick one. Throws when there is none. */
export async function readLatest(): Promise<Results> {
  const files = (await readdir(FOLDER).catch(() => [])).sort()
  const file = files.findLast((name) => name.endsWith('-full.json')) ?? files.findLast((name) => name.endsWith('.json'))
  if (file === undefined) throw new Error('There are no results yet. Run: npm run bench')
  // Written by `keep`.
  return JSON.parse(await readFile(join(FOLDER, file), 'utf8')) as Results
}
