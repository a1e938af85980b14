import type { Finding } from './model.ts'
import { type Outline, type OutlineTable, outlineOf, placeOf, type Report, referenceIds } from './outline.ts'

const FINDINGS_MAX = 200
const ROWS_MAX = 200

/**
 * Markdown for a comment on a pull request. Whatever came from a target or a file stands in code spans, where no link,
 * image, mention or HTML is made of it.
 */
export function toMarkdown(reports: readonly Report[]): string {
  return `${reports.map((report) => partOf(outlineOf(report))).join('\n\n---\n\n')}\n`
}

function partOf({ title, facts, tables, findings, notes }: Outline): string {
  const shown = findings.slice(0, FINDINGS_MAX)
  return [
    `## ${code(title)}`,
    facts.map(([label, value]) => `- ${label}: ${code(value)}`).join('\n'),
    ...tables.map(tableOf),
    ...(notes.length === 0 ? [] : ['### Notes', notes.map((note) => `- ${code(note)}`).join('\n')]),
    ...(findings.length === 0 ? [] : ['### Findings', ...shown.map(findingOf)]),
    ...(shown.length < findings.length ? [`${findings.length - shown.length} more are in the JSON report.`] : []),
  ].join('\n\n')
}

function tableOf({ caption, head, rows }: OutlineTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const shown = rows.slice(0, ROWS_MAX)
  return [
    `### ${caption}`,
    '',
    line(head),
    line(head.map(() => '---')),
    ...shown.map((row) => line(row.map(codeInCell))),
    ...(shown.length < rows.length ? ['', `${rows.length - shown.length} more are in the JSON report.`] : []),
  ].join('\n')
}

function findingOf(finding: Finding): string {
  const fixes = finding.fixes.map(
    ({ stack, text }) => `  - Fix${stack === 'any' ? '' : ` (${code(stack)})`}: ${code(text)}`,
  )
  return [
    `- **${finding.severity}** ${code(finding.code)} ${code(finding.title)}${finding.isAccepted ? ' (accepted)' : ''}`,
    `  - Where: ${code(placeOf(finding))}`,
    `  - Seen: ${code(finding.detail)}`,
    `  - Why: ${code(finding.why)}`,
    ...fixes,
    ...(finding.evidence.reproduce === null ? [] : [`  - Reproduce: ${code(finding.evidence.reproduce)}`]),
    `  - References: ${code(referenceIds(finding).join(', '))}`,
  ].join('\n')
}

/**
 * GFM §4.10 looks for the end of a cell before it looks for code, and readers differ about backslashes in front of a
 * pipe. Where either is in the text every mark of it is written as a number, which CommonMark §2.5 takes for nothing else.
 */
function codeInCell(text: string): string {
  if (!/[|\\]/.test(text)) return code(text)
  const marks = text.replace(/\s+/g, ' ').replace(/[!-/:-@[-`{-~]/g, (mark) => `&#${mark.charCodeAt(0)};`)
  return `<code>${marks}</code>`
}

/** CommonMark §6.1: a code span ends with as many backticks as it began with, so it begins with more than it holds. */
function code(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  if (line === '') return '-'
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${fence}${pad}${line}${pad}${fence}`
}
