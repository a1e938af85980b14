import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { judgeBars } from './bars.ts'
import { type Environment, openEnvironment } from './environment.ts'
import { GUARD_RATIO_MIN, guardProblem } from './guard.ts'
import type { Measured } from './measure.ts'
import { AGAINST_NAME, type CandidateName, type Cell, NOT_APPLICABLE, PLANS, type Plan } from './plan.ts'
import { probeAll } from './probe-all.ts'
import { killAll } from './processes.ts'
import { requirePrograms } from './programs.ts'
import { printReport } from './report.ts'
import { describeMachine, keep, type Results, readLatest } from './results.ts'
import { runRounds } from './run.ts'

const HELP = `npm run bench -- [options]

Measures the gateway's full road beside proxies that people know, and keeps the numbers in bench/results/. About an hour.

  --quick              less than three minutes; orders of magnitude only
  --guard              seconds: fails when the gateway needs more than 1/${GUARD_RATIO_MIN} of an SDK proxy's CPU per call
  --report             writes docs/benchmark.md from the latest full run (or quick one) and measures nothing
  --cells TEXT         only cells whose name holds TEXT
  --candidates A,B     only these candidates
  --rounds N           instead of the mode's number
  --warm MS            warm-up of each measurement
  --measure MS         length of each measurement
  --seed N             order of measurements; printed and kept
  --busy N             void what was measured while others used more than N CPUs (default 0.3)
  --no-probes          leave out stalled readers, idle streams, start, revocation and inspection
  --against FOLDER     another built checkout, measured as gateway-against wherever the gateway is: before and after in one run
  --gateway-node=ARGS  options for the gateway's Node.js, such as '--cpu-prof --cpu-prof-dir=./profile'
`
const REPORT_FILE = fileURLToPath(new URL('../../docs/benchmark.md', import.meta.url))
const FOREIGN_CPUS_MAX = 0.3

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    guard: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    'no-probes': { type: 'boolean', default: false },
    cells: { type: 'string', default: '' },
    candidates: { type: 'string' },
    rounds: { type: 'string' },
    warm: { type: 'string' },
    measure: { type: 'string' },
    seed: { type: 'string' },
    busy: { type: 'string' },
    against: { type: 'string' },
    'gateway-node': { type: 'string', default: '' },
  },
})

// Whatever ends this process, nothing that it started outlives it.
process.on('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

if (options.help) process.stdout.write(HELP)
else if (options.report) await report()
else process.exit(await bench())

async function report(): Promise<void> {
  await writeFile(REPORT_FILE, printReport(await readLatest()))
  process.stdout.write('Written: docs/benchmark.md\n')
}

async function bench(): Promise<number> {
  if (process.platform !== 'linux')
    throw new Error('The benchmark reads CPU times from /proc, so it runs on Linux only')
  const plan = planFrom(options.guard ? PLANS.guard : options.quick ? PLANS.quick : PLANS.full)
  if (plan.cells.length === 0) throw new Error(`no cell's name holds "${options.cells}"`)
  const names = new Set(plan.cells.flatMap((cell) => cell.candidates))
  const hasPrograms = [...names].some((name) => name.startsWith('haproxy') || name.startsWith('nginx'))
  if (hasPrograms) requirePrograms()
  const seed = Number(options.seed ?? Date.now() % 1_000_000)
  const startedAt = new Date().toISOString()
  // Both sides of a guard's ratio suffer alike from a busy machine.
  const foreignCpusMax = plan.mode === 'guard' ? Number.POSITIVE_INFINITY : Number(options.busy ?? FOREIGN_CPUS_MAX)
  const gatewayNodeOptions = options['gateway-node'].split(' ').filter((word) => word !== '')
  const environment = await openEnvironment({ names, gatewayNodeOptions, against: options.against })
  try {
    const tokenProblems = await checkTokens(environment)
    // Probes first: memory that an earlier load left free would hide what a stalled reader or an idle stream takes.
    const probes = plan.mode === 'guard' || options['no-probes'] ? null : await probeAll(environment, plan)
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
    if (plan.mode === 'guard') return concludeGuard(results)
    for (const bar of judgeBars(results)) {
      process.stdout.write(`${bar.holds.padEnd(12)} ${bar.what}: ${bar.measured} (bar: ${bar.bar})\n`)
    }
    return 0
  } finally {
    await environment.close()
  }
}

function concludeGuard(results: Results): number {
  const problem = guardProblem(results)
  process.stdout.write(problem === null ? 'The guard holds.\n' : `The guard fails: ${problem}\n`)
  return problem === null ? 0 : 1
}

function planFrom(plan: Plan): Plan {
  const wanted = options.candidates?.split(',') ?? null
  const only = ({ candidates }: Cell): readonly CandidateName[] => [
    ...candidates.filter((name) => wanted === null || wanted.includes(name)),
    ...(options.against !== undefined && candidates.includes('gateway') ? ([AGAINST_NAME] as const) : []),
  ]
  return {
    ...plan,
    rounds: Number(options.rounds ?? plan.rounds),
    warmMs: Number(options.warm ?? plan.warmMs),
    measureMs: Number(options.measure ?? plan.measureMs),
    cells: plan.cells
      .filter(({ name }) => name.includes(options.cells))
      .map((cell) => ({ ...cell, candidates: only(cell) }))
      .filter(({ candidates }) => candidates.length > 0),
  }
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
    `${one.round} ${one.cell} | ${one.candidate}: ${cpu}, ${one.perSecond.toFixed(0)}/s, ${latency}${memory}${verdict}\n`,
  )
}
