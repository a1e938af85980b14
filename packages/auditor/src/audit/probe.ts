import type { z } from 'zod'
import type { clauseSchema, References, Severity, verdictSchema } from '#report/model.ts'
import type { Audit } from './audit.ts'
import type { Fix } from './knowledge.ts'
import type { Era } from './target/mcp-message.ts'

export type Verdict = z.infer<typeof verdictSchema>
export type Clause = z.infer<typeof clauseSchema>

/** What a probe came to, with what was seen. */
export interface Outcome {
  readonly verdict: Verdict
  readonly detail: string
  /** Numbers of exchanges that it rests on and that another probe has had; absent where there are none. */
  readonly exchanges?: readonly number[]
}

export const pass = (detail: string): Outcome => ({ verdict: 'pass', detail })
export const fail = (detail: string): Outcome => ({ verdict: 'fail', detail })
export const warn = (detail: string): Outcome => ({ verdict: 'warn', detail })
export const inconclusive = (detail: string): Outcome => ({ verdict: 'inconclusive', detail })
export const notApplicable = (detail: string): Outcome => ({ verdict: 'not applicable', detail })
export const notTested = (detail: string): Outcome => ({ verdict: 'not tested', detail })

/** What a probe needs before it can be tried. `write` registers clients, `login` mints tokens. */
export type Need = 'nothing' | 'write' | 'login' | 'two logins' | 'other resource'

/** One question to the target. */
export interface Probe {
  /** Second part of the code. */
  readonly name: string
  /** What is right, as a promise. */
  readonly promise: string
  /** What is wrong, when the promise is broken. */
  readonly problem: string
  readonly severity: Severity
  readonly need?: Need
  /** Asked once for each era that the target speaks. */
  readonly isPerEra?: true
  /** Asked when everything else is done, because the target answers differently for a while after it. */
  readonly isLast?: true
  run(audit: Audit, era: Era): Promise<Outcome>
}

/** One of the twelve. */
export interface Check {
  readonly number: number
  readonly slug: string
  readonly title: string
  readonly rationale: string
  readonly clauses: readonly Clause[]
  readonly weight: number
  readonly why: string
  readonly fixes: readonly Fix[]
  readonly references: References
  /** Why none of it applies to this target; null when it does. */
  excuse(audit: Audit): string | null
  readonly probes: readonly Probe[]
}
