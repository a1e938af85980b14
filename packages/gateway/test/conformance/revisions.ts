import type { Revision } from './run-suite.ts'

/** The sets that the fixture must pass, and whether the gateway already speaks that revision. */
export const REVISIONS: readonly { readonly revision: Revision; readonly isServedByGateway: boolean }[] = [
  { revision: '2025-11-25', isServedByGateway: true },
  { revision: '2026-07-28', isServedByGateway: true },
]
