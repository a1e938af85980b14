import type { Results } from './results.ts'
import type { Spread } from './statistics.ts'
import { type Row, summarise } from './summary.ts'

const HEAD = ['', 'CPU µs/call', 'CPU ratio', 'calls/s', 'p50 ms', 'p99 ms', 'RSS MiB', 'voided']

/** For the terminal: a table per cell, medians with minimum and maximum. Pure. */
export function printTables(results: Results): string {
  const rows = summarise(results)
  return results.cells
    .map((cell) => {
      const own = rows.filter((row) => row.cell === cell.id)
      return `\n${cell.id}: ${cell.name}; ratio: CPU over that of ${cell.base} in the same round\n${table(own.map(columns))}\n`
    })
    .join('')
    .concat('\n')
}

function columns(row: Row): string[] {
  return [
    row.candidate,
    show(row.cpuMicros, 0),
    show(row.ratio, 2),
    show(row.perSecond, 0),
    show(row.p50Ms, 2),
    show(row.p99Ms, 2),
    row.rssMiB === null ? '-' : row.rssMiB.max.toFixed(0),
    row.voided === 0 ? '0' : `${row.voided}: ${row.reasons.join('; ')}`,
  ]
}

function table(rows: readonly string[][]): string {
  const all = [HEAD, ...rows]
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function show(spread: Spread | null, digits: number): string {
  if (spread === null) return '-'
  const { median, min, max } = spread
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`
}
