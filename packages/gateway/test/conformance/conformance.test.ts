import { afterAll, beforeAll, expect, it } from 'vitest'
import { compareRuns } from './compare-runs.ts'
import { EXPECTED_DIFFERENCES } from './expected-differences.ts'
import { type FixtureProcess, startFixture } from './fixture-process.ts'
import { describeComparison, totals } from './report.ts'
import { REVISIONS } from './revisions.ts'
import { type Revision, runSuite, type SuiteRun } from './run-suite.ts'
import { type RouteToFixture, routeThroughGateway } from './through-gateway.ts'

// A run takes seconds; this is for machines that do something else besides.
const RUN_MS_MAX = 90_000
/** The scenarios of each set, as counted in its file, those that are run but not scored included. A run that looked at less proves nothing. */
const SCENARIOS: Readonly<Record<Revision, number>> = { '2025-11-25': 33, '2026-07-28': 50 }

let fixture: FixtureProcess
let route: RouteToFixture

beforeAll(async () => {
  fixture = await startFixture()
  route = await routeThroughGateway(fixture.url)
})
afterAll(async () => {
  await route?.close()
  await fixture?.stop()
})

/** The direct run is what the other one is compared with; once is enough. */
const directRuns = new Map<Revision, Promise<SuiteRun>>()
function runDirect(revision: Revision): Promise<SuiteRun> {
  const run = directRuns.get(revision) ?? runSuite(fixture.url, revision)
  directRuns.set(revision, run)
  return run
}

function expectComplete(run: SuiteRun): void {
  expect(new Set(run.checks.map(({ scenario }) => scenario)).size).toBe(SCENARIOS[run.revision])
}

it.each(REVISIONS)(
  '$revision: the fixture passes every required scenario of the official suite',
  async ({ revision }) => {
    const direct = await runDirect(revision)
    process.stdout.write(`${revision}\n${totals('direct', direct)}\n`)
    expect(direct.passed, direct.output).toBe(true)
    expectComplete(direct)
  },
  RUN_MS_MAX,
)

it.each(REVISIONS.filter(({ isServedByGateway }) => isServedByGateway))(
  '$revision: through the gateway every check of the official suite comes out as without it',
  async ({ revision }) => {
    const direct = await runDirect(revision)
    const gateway = await runSuite(route.url, revision)
    const comparison = compareRuns(direct, gateway, EXPECTED_DIFFERENCES)
    const report = describeComparison(comparison)
    process.stdout.write(`${revision}\n${totals('gateway', gateway)}\n${report}\n`)
    expectComplete(gateway)
    expect(gateway.passed, gateway.output).toBe(true)
    expect(comparison.regressions, report).toEqual([])
    expect(comparison.stale, report).toEqual([])
  },
  RUN_MS_MAX,
)
