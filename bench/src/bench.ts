import { judgeBars } from './bars.ts'
import { checkCandidates } from './check-candidates.ts'
import { openEnvironment } from './environment.ts'
import { guardProblem } from './guard.ts'
import type { Options } from './options.ts'
import { NOT_MEASURED } from './plan.ts'
import { printBars, printTables } from './print-tables.ts'
import { probeAll, streamProblems } from './probe-all.ts'
import { requirePrograms } from './programs.ts'
import { describeProgress } from './progress.ts'
import { describeMachine, isWhole, keep, type Results, readCommit } from './results.ts'
import { countMeasurements, runRounds } from './run.ts'
import { writeReport } from './write-report.ts'

/** Measures what the options name, keeps it and says what it means. The exit status: only a guard that fails is a failure. */
export async function bench(options: Options): Promise<number> {
  const { plan, seed, foreignCpusMax } = options
  const names = new Set(plan.cells.flatMap((cell) => cell.candidates))
  const hasPrograms = [...names].some((name) => name.startsWith('haproxy') || name.startsWith('nginx'))
  if (hasPrograms) requirePrograms()
  const startedAt = new Date().toISOString()
  const beganMs = performance.now()
  say(`Starting ${[...names].join(', ')}`)
  const environment = await openEnvironment({ ...options, names })
  try {
    say('Asking whether they do what they say: bad tokens, planted secrets')
    const unfit = await checkCandidates(environment, plan.cells)
    if (options.hasProbes) say('Probing stalled readers, idle streams, start, revocation and inspection')
    // Before any load: memory that it left free would hide what a stalled reader or an idle stream takes.
    const probes = options.hasProbes ? await probeAll(environment, plan) : null
    const problems = [...unfit, ...(probes === null ? [] : streamProblems(probes))]
    for (const { candidate, reason } of problems) say(`${candidate}: ${reason}`)
    const progress = describeProgress(countMeasurements(plan), foreignCpusMax)
    const { measured, fdatasync } = await runRounds(environment, {
      plan,
      seed,
      foreignCpusMax,
      onMeasured: (one) => say(progress(one)),
      onStep: say,
    })
    const results: Results = {
      startedAt,
      tookSeconds: Math.round((performance.now() - beganMs) / 1_000),
      commit: readCommit(),
      mode: plan.mode,
      seed,
      rounds: plan.rounds,
      warmMs: plan.warmMs,
      firstWarmMs: plan.firstWarmMs,
      measureMs: plan.measureMs,
      foreignCpusMax,
      machine: describeMachine(hasPrograms),
      candidates: [...environment.candidates.values()].map(({ name, work }) => ({ name, work })),
      cells: plan.cells,
      problems,
      measured,
      fdatasync,
      probes,
      notMeasured: NOT_MEASURED,
    }
    say(`\nKept: ${await keep(results)}`)
    return await conclude(results)
  } finally {
    await environment.close()
  }
}

async function conclude(results: Results): Promise<number> {
  say(printTables(results))
  if (results.mode === 'guard') {
    const problem = guardProblem(results)
    say(problem === null ? 'The guard holds.' : `The guard fails: ${problem}`)
    return problem === null ? 0 : 1
  }
  if (results.mode === 'one') return 0
  say(printBars(judgeBars(results)))
  if (isWhole(results)) await writeReport()
  else say('Not the whole of it, so docs/benchmark.md stays as it is (--report writes it from what there is)')
  return 0
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
