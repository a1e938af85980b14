import type { Comparison, Difference } from './compare-runs.ts'
import type { SuiteRun } from './run-suite.ts'

/** One line of totals per run. */
export function totals(title: string, { checks, passed }: SuiteRun): string {
  const count = (status: string) => checks.filter((check) => check.status === status).length
  const scenarios = new Set(checks.map(({ scenario }) => scenario)).size
  const verdict = passed ? 'every required scenario passes' : 'REQUIRED SCENARIOS FAIL'
  return `${title.padEnd(8)} ${count('SUCCESS')} succeeded, ${count('FAILURE')} failed, ${count('WARNING')} warned, ${count('SKIPPED')} skipped in ${scenarios} scenarios; ${verdict}`
}

/** The differences, a line each. */
export function describeComparison({ regressions, expected, stale }: Comparison): string {
  return [
    `${regressions.length} regressions, ${expected.length} expected differences, ${stale.length} stale expectations`,
    ...regressions.map((difference) => `  regression  ${line(difference)}`),
    ...expected.map((difference) => `  expected    ${line(difference)}`),
    ...stale.map(({ scenario, id }) => `  stale       ${scenario} ${id}`),
  ].join('\n')
}

function line({ scenario, id, turn, direct, gateway, message }: Difference): string {
  return `${scenario} ${id}${turn === 1 ? '' : ` (${turn})`}: ${direct} -> ${gateway} ${message}`.trimEnd()
}
