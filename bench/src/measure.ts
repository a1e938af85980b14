import { setTimeout as sleep } from 'node:timers/promises'
import type { Candidate } from './candidates/candidate.ts'
import { voidReasons } from './gates/void-measurement.ts'
import type { Door } from './load/messages.ts'
import type { Generator } from './load/open-generator.ts'
import { loadAverage, usageOfTrees, watchOthers } from './machine.ts'
import { PAYLOAD_CHARS, toolName } from './payload.ts'
import type { Cell, Plan } from './plan.ts'

const DRAIN_MS = 10_000
/** So that calls share sessions as agents' calls do; fewer where a peer cannot hold as many. */
const SESSIONS = 8

/** One candidate in one cell of one round. Kept whether it counts or not. */
export interface Measured {
  /** The cell's id. */
  readonly cell: string
  readonly candidate: string
  readonly round: number
  /** Why this must not be used; empty: it may. */
  readonly void: readonly string[]
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the candidate's process trees; null where there is none. */
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
  readonly doors: readonly Door[]
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

/** What a measurement asks of the load generator. */
export function loadJob({ cell, candidate, doors }: Pick<MeasureInput, 'cell' | 'candidate' | 'doors'>) {
  return {
    doors,
    wire: cell.wire,
    connections: cell.connections,
    sessionsPerDoor: Math.min(cell.connections, candidate.sessionsMax, SESSIONS),
    tool: toolName(cell.size, cell.form),
    chars: PAYLOAD_CHARS[cell.size],
    logMessages: logMessagesOf(cell, candidate),
    drainMs: DRAIN_MS,
  }
}

async function measureOrThrow(input: MeasureInput): Promise<Measured> {
  const { cell, candidate, generator, plan } = input
  const recordedBefore = candidate.recorded?.() ?? 0
  await generator.open(loadJob(input))
  generator.begin()
  await sleep(input.warmMs)
  generator.count()
  const others = watchOthers()
  const before = snapshot(candidate)
  await sleep(plan.measureMs)
  const after = snapshot(candidate)
  const foreignCpus = others()
  const load = await generator.end(DRAIN_MS)
  const perSecond = load.counted / (load.countedMs / 1_000)
  const recorded = candidate.recorded === null ? null : candidate.recorded() - recordedBefore
  const isQuiet = foreignCpus <= input.foreignCpusMax
  const hasProcess = candidate.pids.length > 0
  return {
    ...namesOf(input),
    void: voidReasons({ ...load, connections: cell.connections, perSecond, isQuiet, recorded }),
    requests: load.counted,
    perSecond,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    cpuMicros: hasProcess ? (after.cpuNs - before.cpuNs) / 1_000 / Math.max(1, load.counted) : null,
    rssMiB: hasProcess ? after.rssBytes / 1024 ** 2 : null,
    foreignCpus,
    loadAverage: loadAverage(),
    beganMicros: before.monotonicMicros,
    endedMicros: after.monotonicMicros,
  }
}

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

function snapshot(candidate: Candidate) {
  return {
    monotonicMicros: Number(process.hrtime.bigint() / 1_000n),
    ...usageOfTrees(candidate.pids, candidate.serverBehind),
  }
}
