import { compareRuns } from './compare-runs.ts'
import { EXPECTED_DIFFERENCES } from './expected-differences.ts'
import { startFixture } from './fixture-process.ts'
import { describeComparison, totals } from './report.ts'
import { REVISIONS } from './revisions.ts'
import { runSuite } from './run-suite.ts'
import { routeThroughGateway } from './through-gateway.ts'

/** `node packages/gateway/test/conformance/main.ts [REVISION...]`: prints both runs and what differs. Exit code 1 when the gate is shut. */
const wanted = process.argv.slice(2)
const fixture = await startFixture()
const route = await routeThroughGateway(fixture.url)
try {
  for (const { revision, isServedByGateway } of REVISIONS) {
    if (wanted.length > 0 && !wanted.includes(revision)) continue
    process.stdout.write(`\n${revision}\n`)
    const direct = await runSuite(fixture.url, revision)
    process.stdout.write(`${totals('direct', direct)}\n`)
    if (!direct.passed) process.exitCode = 1
    // Asked for by name, it is run anyway.
    if (!isServedByGateway && !wanted.includes(revision)) continue
    const gateway = await runSuite(route.url, revision)
    const comparison = compareRuns(direct, gateway, EXPECTED_DIFFERENCES)
    process.stdout.write(`${totals('gateway', gateway)}\n${describeComparison(comparison)}\n`)
    if (comparison.regressions.length + comparison.stale.length > 0) process.exitCode = 1
  }
} finally {
  await route.close()
  await fixture.stop()
}
