import type { ExpectedDifference } from './compare-runs.ts'

/** Where the gateway must differ from the server behind it. Each entry must show in every run, or the test fails. */
export const EXPECTED_DIFFERENCES: readonly ExpectedDifference[] = []
