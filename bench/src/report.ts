import { isFailed, judgeBars } from './bars.ts'
import type { Cell } from './plan.ts'
import type { Results } from './results.ts'
import type { Spread } from './statistics.ts'
import { type Row, summarise } from './summary.ts'

/** The page docs/benchmark.md. Pure. */
export function printReport(results: Results): string {
  const { mode, startedAt, machine, rounds, warmMs, measureMs } = results
  const rows = summarise(results)
  const lines = [
    '# Benchmark',
    '',
    'Made by `npm run bench -- --report` from the latest run of `npm run bench`; do not edit. How to read it stands below the tables.',
    '',
    `Run of ${startedAt.slice(0, 10)} (${mode}): ${rounds} rounds in shuffled order (seed ${results.seed}), ${warmMs / 1_000} s warm-up and ${measureMs / 1_000} s measured each.`,
    `Machine: ${Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join('; ')}.`,
    ...(mode === 'full' ? [] : ['', '**A quick run: too short to quote. Only orders of magnitude hold.**']),
    '',
    '## Bars',
    '',
    '| What | Bar | Measured | Holds |',
    '|---|---|---|---|',
    ...judgeBars(results).map((bar) => `| ${bar.what} | ${bar.bar} | ${bar.measured} | ${bar.holds} |`),
    '',
    '## What each candidate does',
    '',
    ...results.candidates.map(({ name, work }) => `- \`${name}\`: ${work}`),
    '',
    ...results.cells.flatMap((cell) => cellTable(cell, rows)),
    ...probeTables(results),
    '## Not measured',
    '',
    ...results.notApplicable.map(({ what, reason }) => `- ${what}: ${reason}`),
    '',
    ...HOW_TO_READ,
  ]
  return `${lines.join('\n')}\n`
}

function cellTable({ id, name, base }: Cell, rows: readonly Row[]): string[] {
  const own = rows.filter((row) => row.cell === id)
  if (own.length === 0) return []
  return [
    `## ${name}`,
    '',
    `| | CPU µs per call | CPU over \`${base}\` | calls/s | p50 ms | p99 ms | RSS MiB | voided |`,
    '|---|---|---|---|---|---|---|---|',
    ...own.map((row) =>
      [
        `| \`${row.candidate}\``,
        show(row.cpuMicros, 0),
        row.candidate === base ? '1' : show(row.ratio, 2),
        show(row.perSecond, 0),
        show(row.p50Ms, 2),
        show(row.p99Ms, 2),
        row.rssMiB === null ? '-' : row.rssMiB.max.toFixed(0),
        row.voided === 0 ? '0 |' : `${row.voided}: ${row.reasons.join('; ').replaceAll('|', '/')} |`,
      ].join(' | '),
    ),
    '',
  ]
}

function probeTables({ probes }: Results): string[] {
  if (probes === null) return []
  const stalled = probes.stalledReaders.map((one) =>
    isFailed(one)
      ? `| ${one.failed} | | |`
      : `| \`${one.candidate}\` | ${one.mibPerReader.toFixed(2)} | ${one.passedMiB.toFixed(1)} |`,
  )
  const idle = probes.idleStreams.map((one) =>
    isFailed(one)
      ? `| ${one.failed} | | |`
      : `| \`${one.candidate}\` | ${one.open} of ${one.asked} | ${one.kibPerStream.toFixed(0)} |`,
  )
  return [
    '## Readers that never read',
    '',
    '| | MiB held per reader | MiB taken from the server for one |',
    '|---|---|---|',
    ...stalled,
    '',
    ...(idle.length === 0 ? [] : ['## Idle event streams', '', '| | open | KiB each |', '|---|---|---|', ...idle, '']),
  ]
}

function show(spread: Spread | null, digits: number): string {
  if (spread === null) return '-'
  const { median, min, max } = spread
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`
}

const HOW_TO_READ = [
  '## How to read this',
  '',
  '- Median over the rounds, with minimum and maximum. The number that counts is CPU per call of the whole process tree, and of that the ratio',
  '  within one round: load generator, server and candidate share the machine, so calls per second say as much about them.',
  '- Candidates do different work; it is written above. HAProxy with a verified-token cache is the practical limit of a proxy, not a rival that',
  '  does the same. `mcp-proxy` and `supergateway` check no tokens; the process of their stdio server is not counted.',
  '- The generator is closed-loop: p99 understates queueing. It checks every answer (id, markers, length, log messages).',
  '- A measurement is void, and in no number, when an answer was wrong, a call hung, the recorded outcomes differ from the answers, a bad token was',
  '  believed, or others used more of the machine than allowed. Every run is kept under `bench/results/`, voided measurements with their reasons.',
]
