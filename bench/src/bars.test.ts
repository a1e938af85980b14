import { describe, expect, test } from 'vitest'
import { judgeBars } from './bars.ts'
import type { Measured } from './measure.ts'
import { PLANS } from './plan.ts'
import { printReport } from './report.ts'
import { sampleMeasured, sampleResults } from './sample-results.ts'

const ROUNDS = [1, 2, 3]
const inRounds = (candidate: string, changed: Partial<Measured>) =>
  ROUNDS.map((round) => sampleMeasured(candidate, round, changed))
const barOf = (measured: readonly Measured[], what: string, changed = {}) =>
  judgeBars(sampleResults(measured, changed)).find((bar) => bar.what.includes(what))

describe('a bar', () => {
  test('is held or not by the median of its ratio', () => {
    const against = (cpuMicros: number) => [...inRounds('gateway', {}), ...inRounds('sdk-proxy', { cpuMicros })]
    expect(barOf(against(800), 'SDK proxy')).toMatchObject({ verdict: 'held', measured: '8.0 (8.0 to 8.0) × less' })
    expect(barOf(against(790), 'SDK proxy')?.verdict).toBe('not held')
    const haproxy = (cpuMicros: number) => [...inRounds('gateway', {}), ...inRounds('haproxy-cached', { cpuMicros })]
    expect(barOf(haproxy(30), 'HAProxy')?.verdict).toBe('held')
    expect(barOf(haproxy(29), 'HAProxy')?.verdict).toBe('not held')
  })

  test('is rough when either side was disturbed', () => {
    const disturbed = [...inRounds('gateway', { foreignCpus: 1 }), ...inRounds('sdk-proxy', { cpuMicros: 900 })]
    expect(barOf(disturbed, 'SDK proxy')?.verdict).toBe('rough (load)')
  })

  test('is not measured when nothing of it counts, and never without a reason', () => {
    for (const bar of judgeBars(sampleResults([]))) {
      expect(bar).toMatchObject({ verdict: 'not measured', measured: expect.stringMatching(/./) })
    }
    expect(barOf([], 'depends on arguments')?.measured).toBe('the policy engine is not there yet')
  })

  test('of latency takes off what the server alone and the disk took in the same round', () => {
    const measured = [
      ...inRounds('gateway', { cell: 'call-1', p50Ms: 1.5, p99Ms: 9 }),
      ...inRounds('direct', { cell: 'call-1', p50Ms: 0.1, p99Ms: 1, cpuMicros: null }),
    ]
    const fdatasync = ROUNDS.map((round) => ({ round, p50Ms: 1, p99Ms: 4 }))
    expect(barOf(measured, 'p50', { fdatasync })).toMatchObject({ verdict: 'held' })
    expect(barOf(measured, 'p50', { fdatasync })?.measured).toContain('0.40 (0.40 to 0.40) ms')
    expect(barOf(measured, 'p99', { fdatasync })).toMatchObject({ verdict: 'not held' })
    expect(barOf(measured, 'p50')).toMatchObject({ verdict: 'not measured' })
  })

  test('of growth compares the process with many tokens with the one that has one', () => {
    const grown = (cpuMicros: number) => [
      ...inRounds('gateway', { cell: 'tokens-1' }),
      ...inRounds('gateway-many', { cell: 'tokens-100000', cpuMicros }),
    ]
    expect(barOf(grown(120), 'live tokens')?.verdict).toBe('held')
    expect(barOf(grown(121), 'live tokens')?.verdict).toBe('not held')
  })

  test('of a probe that could not run is not held', () => {
    const probes = {
      inspection: { failed: 'it broke' },
      start: { servers: 100, times: 3, readyMs: 1_400, idleRssMiB: 251, foreignCpus: 0 },
      revocation: { times: 5, refusedAfterMs: 999, foreignCpus: 1 },
      stalledReaders: [{ candidate: 'gateway', readers: 8, mibPerReader: 1.1, passedMiB: 1, foreignCpus: 0 }],
      idleStreams: [],
    }
    expect(barOf([], 'per core', { probes })).toMatchObject({ verdict: 'not held', measured: 'it broke' })
    expect(barOf([], 'Start with', { probes })?.verdict).toBe('held')
    expect(barOf([], 'Memory idle', { probes })?.verdict).toBe('not held')
    expect(barOf([], 'revocation', { probes })?.verdict).toBe('rough (load)')
    expect(barOf([], 'stalled', { probes })?.verdict).toBe('not held')
    expect(barOf([], 'Idle event', { probes })?.verdict).toBe('not measured')
  })
})

describe('the page', () => {
  const WHOLE = {
    probes: {
      inspection: { failed: 'it broke' },
      start: { failed: 'it broke' },
      revocation: { failed: 'it broke' },
      stalledReaders: [],
      idleStreams: [],
    },
  }

  test('names its run and shows every bar, also those that were not measured, and what was voided', () => {
    const page = printReport(sampleResults([sampleMeasured('gateway', 1, { void: ['3 answers | 2\nmore'] })], WHOLE))
    expect(page).toContain('`2026-11-21T00-00-00-full`')
    expect(page).toContain('not measured')
    expect(page).toContain('| 1; 3 answers / 2 more |')
    expect(page).not.toContain('shortened')
  })

  test('says so when the run was shortened', () => {
    const [cell] = PLANS.full.cells
    for (const less of [{ rounds: 1 }, { mode: 'quick' }, { probes: null }, { cells: cell ? [cell] : [] }] as const) {
      expect(printReport(sampleResults([], { ...WHOLE, ...less }))).toContain('A shortened run')
    }
  })
})
