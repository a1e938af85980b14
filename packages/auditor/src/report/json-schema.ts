import { z } from 'zod'
import { auditReportSchema, REPORT_VERSION } from './model.ts'
import { TRANSCRIPT_VERSION, transcriptSchema } from './transcript-model.ts'

/** JSON Schema (2020-12) of what `--format json` prints: one report per target. */
export function reportJsonSchema(): unknown {
  return {
    ...z.toJSONSchema(z.array(auditReportSchema), { target: 'draft-2020-12' }),
    $id: `https://sallyport.dev/schema/audit-report-${REPORT_VERSION}.json`,
    title: 'Reports of sallyport-audit',
  }
}

/** JSON Schema (2020-12) of what `--record` writes. */
export function transcriptJsonSchema(): unknown {
  return {
    ...z.toJSONSchema(transcriptSchema, { target: 'draft-2020-12' }),
    $id: `https://sallyport.dev/schema/audit-transcript-${TRANSCRIPT_VERSION}.json`,
    title: 'Recordings of sallyport-audit',
  }
}
