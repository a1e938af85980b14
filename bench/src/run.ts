import type { Candidate } from './candidates/candidate.ts'
import type { Environment } from './environment.ts'
import { loadJob, type Measured, measure } from './measure.ts'
import type { Cell, Plan } from './plan.ts'
import { type Fdatasync, probeFdatasync } from './probes/fdatasync.ts'
import { seededRandom, shuffled } from './statistics.ts'

export interface RunOptions {
  readonly plan: Plan
  readonly seed: number
  readonly foreignCpusMax: number
  readonly onMeasured: (measured: Measured) => void
  /** Something that takes a while begins. */
  readonly onStep: (what: string) => void
}

export interface Rounds {
  readonly measured: readonly Measured[]
  /** One per round, measured beside the calls that wait for it. */
  readonly fdatasync: readonly (Fdatasync & { readonly round: number })[]
}

/** A cell whose latency is compared with the disk's. */
const LATENCY_CELL = 'call-1'
const TOKENS_SHOWN_MIN = 1_000

/**
 * Every candidate of every cell once per round, in an order shuffled anew each round, so that no one has the quiet minute for itself. Cells
 * with many tokens have rounds of their own at the end: what remembers tokens forgets them again after minutes.
 */
export async function runRounds(environment: Environment, options: RunOptions): Promise<Rounds> {
  const { plan, foreignCpusMax } = options
  const random = seededRandom(options.seed)
  const measured: Measured[] = []
  const fdatasync: (Fdatasync & { readonly round: number })[] = []
  const warmed = new Set<Candidate>()
  const unfit = new Map<string, string[]>()
  const runGroup = async (cells: readonly Cell[]) => {
    for (let round = 1; round <= plan.rounds; round += 1) {
      // Cells stay whole: their candidates are compared, so they run close together.
      for (const cell of shuffled(cells, random)) {
        if (cell.id === LATENCY_CELL) {
          fdatasync.push({ round, ...(await probeFdatasync(environment.gateway.stateDir)) })
        }
        for (const candidate of shuffled(candidatesOf(cell, environment), random)) {
          const { generator } = environment
          const doors = await environment.doorsFor(candidate, cell.wire, cell.tokens)
          const warmMs = plan.warmMs + (warmed.has(candidate) ? 0 : plan.firstWarmMs)
          warmed.add(candidate)
          const before = unfit.get(`${cell.id} ${candidate.name}`) ?? []
          const found = await measure({ cell, candidate, round, warmMs, doors, plan, generator, foreignCpusMax })
          const one = { ...found, void: [...before, ...found.void] }
          measured.push(one)
          options.onMeasured(one)
        }
      }
    }
  }
  await runGroup(plan.cells.filter(({ group }) => group === 'all'))
  const tokenCells = plan.cells.filter(({ group }) => group === 'tokens')
  for (const cell of tokenCells.filter(({ tokens }) => tokens >= TOKENS_SHOWN_MIN)) {
    for (const candidate of candidatesOf(cell, environment)) {
      options.onStep(`Showing ${candidate.name} ${cell.tokens} tokens`)
      const problem = await showTokens(environment, cell, candidate)
      if (problem !== null) unfit.set(`${cell.id} ${candidate.name}`, [problem])
    }
  }
  await runGroup(tokenCells)
  return { measured, fdatasync }
}

/** How many measurements there will be. */
export function countMeasurements({ rounds, cells }: Plan): number {
  return rounds * cells.reduce((sum, { candidates }) => sum + candidates.length, 0)
}

/** Null, or why the candidate has not seen all tokens: what is measured then is about something else. */
async function showTokens(environment: Environment, cell: Cell, candidate: Candidate): Promise<string | null> {
  const { generator } = environment
  try {
    const doors = await environment.doorsFor(candidate, cell.wire, cell.tokens)
    await generator.open(loadJob({ cell, candidate, doors }))
    await generator.showTokens()
    await generator.end(0)
    return null
  } catch (cause) {
    return `not every token was shown: ${String(cause)}`
  }
}

function candidatesOf(cell: Cell, { candidates }: Environment): Candidate[] {
  return cell.candidates.flatMap((name) => candidates.get(name) ?? [])
}
