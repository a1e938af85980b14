import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { InventoryReport } from '#inventory/inventory-report.ts'
import type { AuditReport } from '#report/model.ts'
import { toHtml } from '#report/to-html.ts'
import { toJunit } from '#report/to-junit.ts'
import { toMarkdown } from '#report/to-markdown.ts'
import { toSarif } from '#report/to-sarif.ts'
import { toTable } from '#report/to-table.ts'
import { CliFailure, EXIT } from '../exit-codes.ts'
import { printableJson } from '../printable.ts'

type Report = InventoryReport | AuditReport

/** How a report of either kind is printed. */
export const FORMATS = {
  table: (report: Report) => toTable([report]),
  json: (report: Report) => `${printableJson(report)}\n`,
  sarif: (report: Report) => `${printableJson(toSarif([report]))}\n`,
  junit: (report: Report) => toJunit([report]),
  markdown: (report: Report) => toMarkdown([report]),
  html: (report: Report) => toHtml([report]),
} as const

/** Writes it for the owner alone. */
export function writeReport(cwd: string, file: string, text: string): void {
  const path = resolve(cwd, file)
  try {
    writeFileSync(path, text, { mode: 0o600 })
  } catch (cause) {
    throw new CliFailure(EXIT.usage, `The report can't be written to ${path}.`, { cause })
  }
}
