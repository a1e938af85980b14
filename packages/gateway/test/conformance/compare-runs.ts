import type { Check, Revision, SuiteRun } from './run-suite.ts'

/** A check that does not come out through the gateway as it does without it. */
export interface Difference {
  readonly scenario: string
  readonly id: string
  readonly turn: number
  /** `absent`: the suite did not get as far as to look. */
  readonly direct: Check['status'] | 'absent'
  readonly gateway: Check['status'] | 'absent'
  readonly message: string
}

export interface ExpectedDifference {
  readonly revision: Revision
  readonly scenario: string
  readonly id: string
  /** Why the gateway must differ, in one sentence that a reader of the specification accepts. */
  readonly because: string
}

export interface Comparison {
  /** Differences that nobody expects: what the gateway breaks. */
  readonly regressions: readonly Difference[]
  /** Expected differences that did not show: the list is out of date. */
  readonly stale: readonly ExpectedDifference[]
  readonly expected: readonly Difference[]
}

/**
 * Compares two runs check by check. What succeeds direct must succeed through the gateway, and nothing else may get
 * worse. Purely informative entries (requests that were sent, events that came) are not checks.
 */
export function compareRuns(
  direct: SuiteRun,
  gateway: SuiteRun,
  expectations: readonly ExpectedDifference[],
): Comparison {
  const relevant = expectations.filter(({ revision }) => revision === direct.revision)
  const differences = differencesOf(direct.checks, gateway.checks)
  const isExpected = (difference: Difference) => relevant.some((expectation) => covers(expectation, difference))
  return {
    regressions: differences.filter((difference) => !isExpected(difference)),
    expected: differences.filter(isExpected),
    stale: relevant.filter((expectation) => !differences.some((difference) => covers(expectation, difference))),
  }
}

function differencesOf(direct: readonly Check[], gateway: readonly Check[]): Difference[] {
  const found = new Map(gateway.map((check) => [keyOf(check), check]))
  const known = new Set(direct.map(keyOf))
  const changed = direct.flatMap((check): Difference[] => {
    const other = found.get(keyOf(check))
    const isWorse = rank(other?.status ?? 'absent') < rank(check.status)
    return isWorse ? [difference(check, check.status, other?.status ?? 'absent', other?.message ?? '')] : []
  })
  const added = gateway
    .filter((check) => !known.has(keyOf(check)) && rank(check.status) < rank('INFO'))
    .map((check) => difference(check, 'absent', check.status, check.message))
  return [...changed, ...added]
}

/** Higher is better. That something was not looked at is as bad as a warning, unless it was never a verdict. */
function rank(status: Difference['direct']): number {
  switch (status) {
    case 'SUCCESS':
      return 3
    case 'INFO':
    case 'SKIPPED':
    case 'absent':
      return 2
    case 'WARNING':
      return 1
    default:
      return 0
  }
}

function covers({ scenario, id }: ExpectedDifference, found: Difference): boolean {
  return scenario === found.scenario && id === found.id
}

function difference(
  { scenario, id, turn }: Check,
  direct: Difference['direct'],
  gateway: Difference['gateway'],
  message: string,
): Difference {
  return { scenario, id, turn, direct, gateway, message }
}

function keyOf({ scenario, id, turn }: Check): string {
  return `${scenario} ${id} ${turn}`
}
