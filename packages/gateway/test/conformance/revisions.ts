import type { Revision } from './run-suite.ts'

/** The sets that the fixture must pass, and whether the gateway already speaks that revision. */
export const REVISIONS: readonly { readonly revision: Revision; readonly isServedByGateway: boolean }[] = [
  { revision: '2025-11-25', isServedByGateway: true },
  // Until the modern wire is built, every such request gets the specification's version error.
  { revision: '2026-07-28', isServedByGateway: false },
]
