import { z } from 'zod'
import type { AuditReport } from './model.ts'

/** Findings that somebody has looked at and lives with, as kept in a file. */
const baselineSchema = z.strictObject({
  kind: z.literal('audit-baseline'),
  accepted: z
    .array(
      z.strictObject({
        code: z.string(),
        fingerprint: z.string(),
        /** Why it is accepted, for whoever reads the file. */
        reason: z.string().optional(),
      }),
    )
    .max(1000),
})
export type Baseline = z.infer<typeof baselineSchema>

/** The text of a baseline file; null when it is none. */
export function parseBaseline(text: string): Baseline | null {
  try {
    return baselineSchema.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}

/** A baseline that accepts everything that was found. */
export function baselineOf({ findings }: AuditReport): Baseline {
  return { kind: 'audit-baseline', accepted: findings.map(({ code, fingerprint }) => ({ code, fingerprint })) }
}

/**
 * Marks what the baseline accepts, and names its entries that were found no longer, so that it never accepts what is gone. An entry whose
 * probe was not decided this time is neither found nor gone.
 */
export function applyBaseline(report: AuditReport, { accepted }: Baseline): AuditReport {
  const found = new Set(report.findings.map(({ fingerprint }) => fingerprint))
  const known = new Set(accepted.map(({ fingerprint }) => fingerprint))
  const undecided = new Set(
    report.checks
      .flatMap(({ probes }) => probes)
      .filter(({ verdict }) => verdict === 'not tested' || verdict === 'inconclusive')
      .map(({ code }) => code),
  )
  return {
    ...report,
    findings: report.findings.map((finding) => ({ ...finding, isAccepted: known.has(finding.fingerprint) })),
    baseline: {
      stale: accepted
        .filter(({ code, fingerprint }) => !found.has(fingerprint) && !undecided.has(code))
        .map(({ code, fingerprint }) => ({ code, fingerprint })),
    },
  }
}
