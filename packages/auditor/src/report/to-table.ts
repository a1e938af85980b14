import type { Finding } from './model.ts'
import { type Outline, type OutlineTable, outlineOf, placeOf, type Report } from './outline.ts'

const CELL_CHARACTERS_MAX = 48

/** Plain text for a terminal, without colours: everything in a report is printable already. */
export function toTable(reports: readonly Report[]): string {
  return `${reports.map((report) => partOf(outlineOf(report))).join('\n\n')}\n`
}

function partOf({ title, facts, tables, findings, notes }: Outline): string {
  const width = Math.max(...facts.map(([label]) => label.length))
  return [
    title,
    '',
    ...facts.map(([label, value]) => `${label.padEnd(width)}  ${value}`),
    ...tables.filter(({ rows }) => rows.length > 0).flatMap((table) => ['', ...linesOf(table)]),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `note: ${note}`)]),
    ...(findings.length === 0 ? [] : ['', 'Findings', ...findings.flatMap(findingLines)]),
  ].join('\n')
}

function linesOf({ caption, head, rows }: OutlineTable): string[] {
  const cells = [head, ...rows].map((row) => row.map(cut))
  const widths = head.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  return [
    caption,
    ...cells.map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
  ]
}

function cut(cell: string): string {
  return cell.length > CELL_CHARACTERS_MAX ? `${cell.slice(0, CELL_CHARACTERS_MAX - 1)}…` : cell
}

function findingLines(finding: Finding): string[] {
  const { severity, code, title, detail, fixes } = finding
  return [
    '',
    `${severity.toUpperCase()}  ${title}${finding.isAccepted ? ' (accepted)' : ''}`,
    `  ${placeOf(finding)}`,
    `  ${detail}`,
    ...fixes.map(({ stack, text }) => `  ${stack === 'any' ? 'fix' : `fix (${stack})`}: ${text}`),
    `  ${code}`,
  ]
}
