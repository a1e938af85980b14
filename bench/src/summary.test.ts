import { describe, expect, test } from 'vitest'
import { judgeBars } from './bars.ts'
import { guardProblem } from './guard.ts'
import type { Measured } from './measure.ts'
import { PLANS } from './plan.ts'
import { printReport } from './report.ts'
import type { Results } from './results.ts'
import { seededRandom, shuffled, spreadOf } from './statistics.ts'
import { summarise } from './summary.ts'

const CELL = 'call'

function measured(candidate: string, round: number, cpuMicros: number, reasons: readonly string[] = []): Measured {
  return {
    cell: CELL,
    candidate,
    round,
    void: reasons,
    requests: 1_000,
    perSecond: 1_000,
    p50Ms: 1,
    p99Ms: 2,
    cpuMicros,
    rssMiB: 100,
    foreignCpus: 0,
    loadAverage: 1,
    beganMicros: 0,
    endedMicros: 0,
  }
}

function results(all: readonly Measured[], tokenProblems: Results['tokenProblems'] = {}): Results {
  return {
    startedAt: '2026-11-21T00:00:00.000Z',
    mode: 'quick',
    seed: 1,
    rounds: 3,
    warmMs: 1,
    measureMs: 1,
    foreignCpusMax: 1,
    machine: {},
    candidates: [],
    cells: PLANS.quick.cells,
    tokenProblems,
    measured: all,
    probes: null,
    notApplicable: [],
  }
}

const rowOf = (given: Results, candidate: string) => summarise(given).find((row) => row.candidate === candidate)

describe('a ratio', () => {
  test('is between measurements of one round, and its median is over rounds', () => {
    const given = results([
      measured('gateway', 1, 100),
      measured('sdk-proxy', 1, 800),
      measured('gateway', 2, 200),
      measured('sdk-proxy', 2, 1_800),
      measured('gateway', 3, 100),
      measured('sdk-proxy', 3, 1_000),
    ])
    expect(rowOf(given, 'sdk-proxy')?.ratio).toEqual({ min: 8, median: 9, max: 10, count: 3 })
    expect(judgeBars(given)[0]).toMatchObject({ holds: 'yes' })
  })

  test('leaves out rounds in which either side is void, and says why', () => {
    const given = results([
      measured('gateway', 1, 100, ['3 answers']),
      measured('sdk-proxy', 1, 800),
      measured('gateway', 2, 100),
      measured('sdk-proxy', 2, 300),
    ])
    expect(rowOf(given, 'sdk-proxy')?.ratio).toMatchObject({ median: 3, count: 1 })
    expect(rowOf(given, 'gateway')).toMatchObject({ voided: 1, reasons: ['3 answers'] })
    expect(judgeBars(given)[0]).toMatchObject({ holds: 'no' })
  })
})

test('nothing counts of a candidate that believed a bad token', () => {
  const given = results([measured('gateway', 1, 100), measured('sdk-proxy', 1, 800)], {
    gateway: ['a token expired was answered with 200'],
  })
  expect(rowOf(given, 'gateway')).toMatchObject({ cpuMicros: null, voided: 1 })
})

test('the guard wants twice, in one round at least, and something measured', () => {
  const pair = (proxy: number) => results([measured('gateway', 1, 100), measured('sdk-proxy', 1, proxy)])
  expect(guardProblem(pair(200))).toBeNull()
  expect(guardProblem(pair(199))).toContain('1.99')
  expect(guardProblem(results([measured('gateway', 1, 100, ['hung']), measured('sdk-proxy', 1, 800)]))).toContain(
    'hung',
  )
})

test('the page shows every bar, also those that were not measured, and what was voided', () => {
  const page = printReport(results([measured('gateway', 1, 100, ['3 answers | 2']), measured('direct', 1, 0)]))
  expect(page).toContain('not measured')
  expect(page).toContain('1: 3 answers / 2 |')
  expect(page).toContain('A quick run')
})

test('medians, and the same order for the same seed', () => {
  expect(spreadOf([])).toBeNull()
  expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3, count: 3 })
  expect(spreadOf([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4, count: 4 })
  const order = (seed: number) => shuffled([1, 2, 3, 4, 5, 6, 7, 8], seededRandom(seed))
  expect(order(5)).toEqual(order(5))
  expect(order(5)).not.toEqual(order(6))
  expect(order(5).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})
