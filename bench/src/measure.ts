import { setTimeout as sleep } from 'node:timers/promises'
import type { Candidate } from './candidates/candidate.ts'
import type { Generator } from './load/open-generator.ts'
import { busySeconds, loadAverage, usageOfTree } from './machine.ts'
import { PAYLOAD_CHARS, toolName } from './payload.ts'
import type { Cell, Plan } from './plan.ts'

const DRAIN_MS = 10_000
/** Mean latency times rate is the number of connections (Little's law); further off, calls hung or the clock did. */
const LITTLE_SHARE_MAX = 0.25

/** One candidate in one cell of one round. Kept whether it counts or not. */
export interface Measured {
  readonly cell: string
  readonly candidate: string
  readonly round: number
  /** Why this must not be used; empty: it may. */
  readonly void: readonly string[]
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the candidate's process tree; null where there is none. */
  readonly cpuMicros: number | null
  readonly rssMiB: number | null
  /** CPUs' worth of work that others did on this machine meanwhile. */
  readonly foreignCpus: number
  readonly loadAverage: number
  /** The measured time on the monotonic clock, which all processes of a machine share. */
  readonly beganMicros: number
  readonly endedMicros: number
}

export interface MeasureInput {
  readonly cell: Cell
  readonly candidate: Candidate
  readonly round: number
  readonly warmMs: number
  readonly tokens: readonly string[]
  readonly plan: Plan
  readonly generator: Generator
  readonly foreignCpusMax: number
}

export async function measure(input: MeasureInput): Promise<Measured> {
  try {
    return await measureOrThrow(input)
  } catch (cause) {
    return { ...EMPTY, ...namesOf(input), void: [`it could not be measured: ${String(cause)}`] }
  }
}

async function measureOrThrow(input: MeasureInput): Promise<Measured> {
  const { cell, candidate, generator, plan } = input
  const recordedBefore = candidate.recorded?.() ?? null
  await generator.open({
    target: candidate.target,
    tokens: candidate.checksTokens ? input.tokens : [],
    connections: cell.connections,
    sessions: Math.min(cell.connections, candidate.sessionsMax, SESSIONS),
    tool: toolName(cell.size, cell.form),
    chars: PAYLOAD_CHARS[cell.size],
    logMessages: logMessagesOf(cell, candidate),
    drainMs: DRAIN_MS,
  })
  generator.begin()
  await sleep(input.warmMs)
  generator.count()
  const before = snapshot(candidate)
  await sleep(plan.measureMs)
  const after = snapshot(candidate)
  const load = await generator.end(DRAIN_MS)
  const seconds = (after.atMs - before.atMs) / 1_000
  const foreignCpus = Math.max(0, after.busy - before.busy - (after.ownNs - before.ownNs) / 1e9) / seconds
  const perSecond = load.counted / (load.countedMs / 1_000)
  const recorded = candidate.recorded === null ? null : candidate.recorded() - (recordedBefore ?? 0)
  const problems = [
    ...load.problems,
    ...(load.counted === 0 ? ['no answer within the time measured'] : []),
    ...littleProblem(perSecond, load.meanMs, cell.connections),
    ...(recorded === null || recorded === load.answered + load.wrong
      ? []
      : [`${recorded} recorded outcomes for ${load.answered} answers`]),
    ...(foreignCpus > input.foreignCpusMax ? [`others used ${foreignCpus.toFixed(2)} CPUs of this machine`] : []),
  ]
  return {
    ...namesOf(input),
    void: problems,
    requests: load.counted,
    perSecond,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    cpuMicros: candidate.pid === null ? null : (after.cpuNs - before.cpuNs) / 1_000 / Math.max(1, load.counted),
    rssMiB: candidate.pid === null ? null : after.rssBytes / 1024 ** 2,
    foreignCpus,
    loadAverage: loadAverage(),
    beganMicros: before.monotonicMicros,
    endedMicros: after.monotonicMicros,
  }
}

/** So that calls share sessions as agents' calls do; fewer where a peer cannot hold as many. */
const SESSIONS = 8

const EMPTY = {
  requests: 0,
  perSecond: 0,
  p50Ms: 0,
  p99Ms: 0,
  cpuMicros: null,
  rssMiB: null,
  foreignCpus: 0,
  loadAverage: 0,
  beganMicros: 0,
  endedMicros: 0,
} as const

function namesOf({ cell, candidate, round }: MeasureInput): Pick<Measured, 'cell' | 'candidate' | 'round'> {
  return { cell: cell.id, candidate: candidate.name, round }
}

/** The upstream sends one before the answer in its event streams. */
function logMessagesOf(cell: Cell, candidate: Candidate): number | null {
  if (!candidate.carriesLogMessages) return null
  return cell.form === 'sse' ? 1 : 0
}

function littleProblem(perSecond: number, meanMs: number, connections: number): string[] {
  const underWay = (perSecond * meanMs) / 1_000
  if (Math.abs(underWay - connections) <= connections * LITTLE_SHARE_MAX) return []
  return [`${underWay.toFixed(1)} calls under way on average instead of ${connections}`]
}

function snapshot(candidate: Candidate) {
  const own = usageOfTree(process.pid)
  const tree = candidate.pid === null ? null : usageOfTree(candidate.pid, candidate.serverBehind)
  return {
    atMs: performance.now(),
    monotonicMicros: Number(process.hrtime.bigint() / 1_000n),
    cpuNs: tree?.cpuNs ?? 0,
    rssBytes: tree?.rssBytes ?? 0,
    ownNs: own.cpuNs,
    busy: busySeconds(),
  }
}
