import type { Candidate } from './candidates/candidate.ts'
import type { Environment } from './environment.ts'
import { type Measured, measure } from './measure.ts'
import type { Cell, Plan } from './plan.ts'
import { seededRandom, shuffled } from './statistics.ts'

export interface RunOptions {
  readonly plan: Plan
  readonly seed: number
  readonly foreignCpusMax: number
  readonly onMeasured: (measured: Measured) => void
}

/** Every candidate of every cell once per round, in an order shuffled anew each round, so that no one has the quiet minute for itself. */
export async function runRounds(environment: Environment, options: RunOptions): Promise<Measured[]> {
  const { plan, seed, foreignCpusMax } = options
  const random = seededRandom(seed)
  const results: Measured[] = []
  const warmed = new Set<Candidate>()
  for (let round = 1; round <= plan.rounds; round += 1) {
    // Cells stay whole: their candidates are compared, so they run close together.
    for (const cell of shuffled(plan.cells, random)) {
      for (const candidate of shuffled(candidatesOf(cell, environment), random)) {
        const tokens = await environment.tokensFor(candidate, cell.tokens)
        const { generator } = environment
        const warmMs = plan.warmMs + (warmed.has(candidate) ? 0 : plan.firstWarmMs)
        warmed.add(candidate)
        const measured = await measure({ cell, candidate, round, warmMs, tokens, plan, generator, foreignCpusMax })
        results.push(measured)
        options.onMeasured(measured)
      }
    }
  }
  return results
}

function candidatesOf(cell: Cell, { candidates }: Environment): Candidate[] {
  return cell.candidates.flatMap((name) => candidates.get(name) ?? [])
}
