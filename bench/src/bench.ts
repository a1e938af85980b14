import { judgeBars } from './bars.ts'
import { type Environment, openEnvironment } from './environment.ts'
import { guardProblem } from './guard.ts'
import type { Measured } from './measure.ts'
import type { Options } from './options.ts'
import { NOT_APPLICABLE } from './plan.ts'
import { printTables } from './print-tables.ts'
import { probeAll } from './probe-all.ts'
import { requirePrograms } from './programs.ts'
import { describeMachine, keep, type Results } from './results.ts'
import { runRounds } from './run.ts'

/** Measures what the options name, keeps it and says what it means. The exit status: only a guard that fails is a failure. */
export async function bench(options: Options): Promise<number> {
  const { plan, seed, foreignCpusMax } = options
  const names = new Set(plan.cells.flatMap((cell) => cell.candidates))
  const hasPrograms = [...names].some((name) => name.startsWith('haproxy') || name.startsWith('nginx'))
  if (hasPrograms) requirePrograms()
  const startedAt = new Date().toISOString()
  const { gatewayNodeOptions, against } = options
  const environment = await openEnvironment({ names, gatewayNodeOptions, against })
  try {
    const tokenProblems = await checkTokens(environment)
    // Probes first: memory that an earlier load left free would hide what a stalled reader or an idle stream takes.
    const probes = options.hasProbes ? await probeAll(environment, plan) : null
    const measured = await runRounds(environment, { plan, seed, foreignCpusMax, onMeasured: show })
    const results: Results = {
      startedAt,
      mode: plan.mode,
      seed,
      rounds: plan.rounds,
      warmMs: plan.warmMs,
      measureMs: plan.measureMs,
      foreignCpusMax,
      machine: describeMachine(hasPrograms),
      candidates: [...environment.candidates.values()].map(({ name, work }) => ({ name, work })),
      cells: plan.cells,
      tokenProblems,
      measured,
      probes,
      notApplicable: NOT_APPLICABLE,
    }
    const file = await keep(results)
    process.stdout.write(`\nKept: ${file}\n`)
    return conclude(results)
  } finally {
    await environment.close()
  }
}

function conclude(results: Results): number {
  process.stdout.write(printTables(results))
  if (results.mode === 'guard') {
    const problem = guardProblem(results)
    process.stdout.write(problem === null ? 'The guard holds.\n' : `The guard fails: ${problem}\n`)
    return problem === null ? 0 : 1
  }
  if (results.mode === 'one') return 0
  for (const bar of judgeBars(results)) {
    process.stdout.write(`${bar.holds.padEnd(12)} ${bar.what}: ${bar.measured} (bar: ${bar.bar})\n`)
  }
  return 0
}

async function checkTokens(environment: Environment): Promise<Record<string, readonly string[]>> {
  const problems: Record<string, readonly string[]> = {}
  for (const candidate of environment.candidates.values()) {
    if (candidate.checksTokens) problems[candidate.name] = await environment.tokenProblems(candidate)
  }
  return problems
}

function show(one: Measured): void {
  const cpu = one.cpuMicros === null ? '-' : `${one.cpuMicros.toFixed(0)} µs`
  const latency = `p50 ${one.p50Ms.toFixed(2)} p99 ${one.p99Ms.toFixed(2)} ms`
  const memory = one.rssMiB === null ? '' : `, ${one.rssMiB.toFixed(0)} MiB`
  const verdict = one.void.length === 0 ? '' : `  VOID: ${one.void.join('; ')}`
  process.stdout.write(
    `${one.round} ${one.cell} ${one.candidate}: ${cpu}, ${one.perSecond.toFixed(0)}/s, ${latency}${memory}${verdict}\n`,
  )
}
