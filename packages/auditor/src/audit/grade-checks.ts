import type { z } from 'zod'
import type { checkResultSchema, Finding, gradeSchema } from '#report/model.ts'

type CheckResult = z.infer<typeof checkResultSchema>
type Grade = z.infer<typeof gradeSchema>

const OF = 12
/** Below it the letter says more than is known. */
const TESTED_MIN = 8
const LETTERS = [
  [90, 'A'],
  [80, 'B'],
  [70, 'C'],
  [60, 'D'],
] as const
/** Part of a check's weight that its verdict earns. */
const EARNED: Readonly<Record<string, number>> = { pass: 1, warn: 0.75 }

/** The letter of these checks: what was earned of what was tested, and no better than the worst finding allows. */
export function gradeChecks(checks: readonly CheckResult[], findings: readonly Finding[]): Grade {
  const applying = checks.filter(({ verdict }) => verdict !== 'not applicable')
  const tested = applying.filter(({ share, verdict }) => share > 0 && verdict !== 'not tested')
  const possible = sum(tested.map(({ weight, share }) => weight * share))
  const earned = sum(tested.map((check) => check.weight * check.share * earnedOf(check)))
  const score = possible === 0 ? null : Math.round((earned / possible) * 1000) / 10
  const [cap, cappedBy] = capOf(findings)
  const own = score === null ? null : (LETTERS.find(([from]) => score >= from)?.[1] ?? 'F')
  const probes = applying.flatMap((check) => check.probes).filter(({ verdict }) => verdict !== 'not applicable')
  return {
    letter: own !== null && cap !== null && own < cap ? cap : own,
    score,
    cap,
    cappedBy,
    isProvisional: tested.length < TESTED_MIN,
    coverage: {
      tested: tested.length,
      whole: tested.filter(({ share }) => share === 1).length,
      of: OF,
      probesDecided: probes.filter(({ verdict }) => verdict !== 'inconclusive' && verdict !== 'not tested').length,
      probesThatApply: probes.length,
    },
  }
}

/** An undecided probe lowers the share, not what the decided ones earn. */
function earnedOf({ probes }: CheckResult): number {
  if (probes.some(({ verdict }) => verdict === 'fail')) return 0
  return EARNED[probes.some(({ verdict }) => verdict === 'warn') ? 'warn' : 'pass'] ?? 0
}

function capOf(findings: readonly Finding[]): readonly [Grade['cap'], string[]] {
  const failed = findings.filter(({ verdict }) => verdict === 'fail')
  const codesOf = (severity: string) => [
    ...new Set(failed.filter((one) => one.severity === severity).map(({ code }) => code)),
  ]
  const critical = codesOf('critical')
  if (critical.length > 0) return ['F', critical]
  const high = codesOf('high')
  return high.length > 0 ? ['C', high] : [null, []]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
