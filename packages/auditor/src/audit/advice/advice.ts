import type { Clause } from '../probe.ts'

/** What a finding of these probes means, and what to do about it. Fixes for one stack alone are those of the check. */
export interface Advice {
  /** Names of the probes that it is of: one, or some that come to the same. */
  readonly of: string
  /** What somebody can do with it, or what goes wrong. */
  readonly why: string
  /** On any stack. */
  readonly fix: string
  readonly clauses: readonly Clause[]
  /** Ids of the taxonomies, e.g. `MCP07 CWE-306`; a tenet of NIST SP 800-207 by its number, `tenet-6`. */
  readonly ids: string
}
