import type { Bar } from './bars.ts'
import type { Results } from './results.ts'
import type { Spread } from './statistics.ts'
import { type Row, summarise } from './summary.ts'

const HEAD = ['', 'CPU µs/call', 'CPU ratio', 'calls/s', 'p50 ms', 'p99 ms', 'RSS MiB', 'voided']

/** For the terminal: a table per cell, medians with minimum and maximum. Pure. */
export function printTables(results: Results): string {
  const rows = summarise(results)
  return results.cells
    .map(({ id, name, base }) => {
      const own = rows.filter(({ cell }) => cell === id).map(columns)
      return `\n${id}: ${name}; ratio: CPU over that of ${base} in the same round\n${table([HEAD, ...own])}\n`
    })
    .join('')
}

/** Pure. */
export function printBars(bars: readonly Bar[]): string {
  return table(bars.map(({ verdict, what, bar, measured }) => [verdict, what, bar, measured]))
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
    [`${row.voided}`, ...(row.isRough ? ['rough (load)'] : []), ...row.reasons].join('; '),
  ]
}

function table(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
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
