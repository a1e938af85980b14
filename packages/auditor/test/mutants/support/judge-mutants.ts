import { expect, test } from 'vitest'
import type { AuditReport } from '#report/model.ts'
import { MUTANTS } from '../mutants.ts'
import { auditServer, linesOf } from './audit-server.ts'
import { startWhole } from './start-whole.ts'

type Mutant = (typeof MUTANTS)[number]

/** For each mutant of these checks: it is found, under its code, and nothing else is held against it. */
export function judgeMutants(checks: readonly number[]): void {
  const mutants = MUTANTS.filter(({ check }) => checks.includes(check))
  test.for(mutants)('check $check finds $flaw, and no other check does', async (mutant) => {
    await using reference = await startWhole({ flaw: mutant.flaw, isTls: 'isTls' in mutant })
    const report = await auditServer(reference)
    expect(complaints(report).filter((line) => !line.startsWith(`${mutant.check} `))).toEqual([])
    const found = report.findings.filter(({ code }) => code === mutant.code)
    expect(found.map(({ verdict }) => verdict)).toContain(expectedVerdict(mutant))
    if (expectedVerdict(mutant) === 'warn')
      expect(report.findings.filter(({ verdict }) => verdict === 'fail')).toEqual([])
    for (const finding of found)
      expect(finding.evidence.exchanges.length + (finding.evidence.quote === null ? 0 : 1)).toBeGreaterThan(0)
  })

  test.for(checks)('check %s has at least three mutants', (check) => {
    expect(MUTANTS.filter((mutant) => mutant.check === check).length).toBeGreaterThanOrEqual(3)
  })
}

function expectedVerdict(mutant: Mutant): 'fail' | 'warn' {
  return 'verdict' in mutant ? mutant.verdict : 'fail'
}

function complaints(report: AuditReport): string[] {
  return linesOf(report, 'fail', 'warn')
}
