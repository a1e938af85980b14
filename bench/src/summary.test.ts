import { describe, expect, test } from 'vitest'
import { guardProblem } from './guard.ts'
import type { Results } from './results.ts'
import { sampleMeasured, sampleResults } from './sample-results.ts'
import { seededRandom, shuffled, spreadOf } from './statistics.ts'
import { summarise } from './summary.ts'

const rowOf = (results: Results, candidate: string) => summarise(results).find((row) => row.candidate === candidate)
const cpu = (candidate: string, round: number, cpuMicros: number, changed = {}) =>
  sampleMeasured(candidate, round, { cpuMicros, ...changed })
const BUSY = { foreignCpus: 0.5 }

describe('a ratio', () => {
  test('is between measurements of one round, and its median is over rounds', () => {
    const results = sampleResults([
      cpu('gateway', 1, 100),
      cpu('sdk-proxy', 1, 800),
      cpu('gateway', 2, 200),
      cpu('sdk-proxy', 2, 1_800),
      cpu('gateway', 3, 100),
      cpu('sdk-proxy', 3, 1_000),
    ])
    expect(rowOf(results, 'sdk-proxy')?.ratio).toEqual({ min: 8, median: 9, max: 10, count: 3 })
  })

  test('leaves out rounds in which either side is void, and says why', () => {
    const results = sampleResults([
      cpu('gateway', 1, 100, { void: ['3 answers'] }),
      cpu('sdk-proxy', 1, 800),
      cpu('gateway', 2, 100),
      cpu('sdk-proxy', 2, 300),
      cpu('gateway', 3, 100),
      cpu('sdk-proxy', 3, 300),
    ])
    expect(rowOf(results, 'sdk-proxy')?.ratio).toMatchObject({ median: 3, count: 2 })
    expect(rowOf(results, 'gateway')).toMatchObject({ voided: 1, reasons: ['3 answers'] })
  })
})

describe('a busy machine', () => {
  test('costs the rounds that it disturbed where two quiet ones are left', () => {
    const results = sampleResults([cpu('gateway', 1, 100), cpu('gateway', 2, 900, BUSY), cpu('gateway', 3, 120)])
    expect(rowOf(results, 'gateway')).toMatchObject({ cpuMicros: { median: 110, count: 2 }, isRough: false })
  })

  test('makes a number rough where fewer are left', () => {
    const results = sampleResults([cpu('gateway', 1, 100), cpu('gateway', 2, 900, BUSY), cpu('gateway', 3, 120, BUSY)])
    expect(rowOf(results, 'gateway')).toMatchObject({ cpuMicros: { median: 120, count: 3 }, isRough: true })
  })

  test('does not spoil a run of a single round that was quiet', () => {
    expect(rowOf(sampleResults([cpu('gateway', 1, 100)], { rounds: 1 }), 'gateway')?.isRough).toBe(false)
  })
})

describe('the guard', () => {
  const pair = (proxy: number, changed = {}) =>
    sampleResults([cpu('gateway', 1, 100, changed), cpu('sdk-proxy', 1, proxy)])

  test('wants the median over rounds to reach its bound', () => {
    expect(guardProblem(pair(120))).toBeNull()
    expect(guardProblem(pair(119))).toContain('1.19')
  })

  test('fails where nothing counts, and says why', () => {
    expect(guardProblem(pair(800, { void: ['hung'] }))).toContain('hung')
    const problems = [
      { candidate: 'gateway', of: 'everything' as const, reason: 'a token expired was answered with 200' },
    ]
    expect(guardProblem({ ...pair(800), problems })).toContain('answered with 200')
  })
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
