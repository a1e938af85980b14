import { SEVERITIES } from '#inventory/inventory-rules.ts'
import type { AuditReport } from '#report/model.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'

/** How notes on what has changed begin. */
export const DRIFT = 'changed since the last run: '
/** What `--fail-on` takes. */
export const FAIL_ON = [...SEVERITIES, 'never', 'grade<A', 'grade<B', 'grade<C', 'grade<D'] as const

/** What a report means for a script. */
export function exitCodeOf(
  { outcome, findings, checks, grade, baseline, notes }: AuditReport,
  failOn: string,
): ExitCode {
  const worst = /^grade<([A-D])$/.exec(failOn)?.[1]
  const severities: readonly string[] = SEVERITIES
  const counting = severities.slice(0, severities.indexOf(failOn) + 1)
  if (findings.some(({ severity, isAccepted }) => !isAccepted && counting.includes(severity))) return EXIT.findings
  if (worst !== undefined && grade.letter !== null && grade.letter > worst) return EXIT.findings
  if ((baseline?.stale.length ?? 0) > 0) return EXIT.findings
  if (failOn !== 'never' && notes.some((note) => note.startsWith(DRIFT))) return EXIT.findings
  if (outcome === 'unreachable') return EXIT.unreachable
  return checks.some(({ verdict }) => verdict === 'inconclusive') ? EXIT.inconclusive : EXIT.ok
}
