import { describe, expect, it } from 'vitest'
import { compareRuns, type ExpectedDifference } from './compare-runs.ts'
import type { Check, SuiteRun } from './run-suite.ts'

const check = (id: string, status: Check['status'], turn = 1): Check => ({
  scenario: 'ping',
  id,
  turn,
  status,
  message: status === 'FAILURE' ? 'broken' : '',
})
const run = (...checks: Check[]): SuiteRun => ({ revision: '2025-11-25', passed: true, checks, output: '' })
const expectation = (id: string): ExpectedDifference => ({ revision: '2025-11-25', scenario: 'ping', id, because: '' })

describe('two runs of the suite', () => {
  it.each([
    ['the same', 'SUCCESS', 'SUCCESS', 0],
    ['failing where it succeeded', 'SUCCESS', 'FAILURE', 1],
    ['warning where it succeeded', 'SUCCESS', 'WARNING', 1],
    ['skipped where it succeeded', 'SUCCESS', 'SKIPPED', 1],
    ['failing where it was skipped', 'SKIPPED', 'FAILURE', 1],
    ['failing where it warned', 'WARNING', 'FAILURE', 1],
    ['failing in both', 'FAILURE', 'FAILURE', 0],
    ['better', 'FAILURE', 'SUCCESS', 0],
  ] as const)('%s: %s direct, %s through the gateway, %i regressions', (_title, direct, gateway, count) => {
    const { regressions } = compareRuns(run(check('a', direct)), run(check('a', gateway)), [])
    expect(regressions).toHaveLength(count)
  })

  it('a check that the gateway keeps from being made is a regression', () => {
    const { regressions } = compareRuns(run(check('a', 'SUCCESS')), run(), [])
    expect(regressions).toEqual([
      { scenario: 'ping', id: 'a', turn: 1, direct: 'SUCCESS', gateway: 'absent', message: '' },
    ])
  })

  it('a failure that only the gateway brings is a regression', () => {
    const { regressions } = compareRuns(run(), run(check('wire', 'FAILURE')), [])
    expect(regressions).toMatchObject([{ id: 'wire', direct: 'absent', gateway: 'FAILURE', message: 'broken' }])
  })

  it('the second check of an id is not hidden by the first', () => {
    const direct = run(check('a', 'SUCCESS'), check('a', 'SUCCESS', 2))
    const { regressions } = compareRuns(direct, run(check('a', 'SUCCESS'), check('a', 'FAILURE', 2)), [])
    expect(regressions).toMatchObject([{ id: 'a', turn: 2 }])
  })

  it('what is expected is no regression; what was expected in vain is stale', () => {
    const expectations = [expectation('a'), expectation('gone')]
    const found = compareRuns(run(check('a', 'SUCCESS')), run(check('a', 'FAILURE')), expectations)
    expect(found.regressions).toEqual([])
    expect(found.expected).toMatchObject([{ id: 'a' }])
    expect(found.stale).toEqual([expectation('gone')])
  })

  it('expectations of another revision are not looked for', () => {
    const other: ExpectedDifference = { ...expectation('a'), revision: '2026-07-28' }
    const found = compareRuns(run(check('a', 'SUCCESS')), run(check('a', 'FAILURE')), [other])
    expect(found.regressions).toHaveLength(1)
    expect(found.stale).toEqual([])
  })
})
