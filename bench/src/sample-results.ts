import type { Measured } from './measure.ts'
import { PLANS } from './plan.ts'
import type { Results } from './results.ts'

/** For tests of what is made of results. */
export function sampleMeasured(candidate: string, round: number, changed: Partial<Measured> = {}): Measured {
  return {
    cell: 'call',
    candidate,
    round,
    void: [],
    requests: 1_000,
    perSecond: 1_000,
    p50Ms: 1,
    p99Ms: 2,
    cpuMicros: 100,
    rssMiB: 100,
    foreignCpus: 0,
    loadAverage: 1,
    beganMicros: 0,
    endedMicros: 0,
    ...changed,
  }
}

export function sampleResults(measured: readonly Measured[], changed: Partial<Results> = {}): Results {
  return {
    startedAt: '2026-11-21T00:00:00.000Z',
    tookSeconds: 60,
    commit: 'abc',
    mode: 'full',
    seed: 1,
    rounds: 5,
    warmMs: 1,
    firstWarmMs: 1,
    measureMs: 1,
    foreignCpusMax: 0.3,
    machine: {},
    candidates: [],
    cells: PLANS.full.cells,
    problems: [],
    measured,
    fdatasync: [],
    probes: null,
    notMeasured: [],
    ...changed,
  }
}
