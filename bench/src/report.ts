import { judgeBars } from './bars.ts'
import type { Cell } from './plan.ts'
import { isWhole, nameOf, type Results } from './results.ts'
import type { Spread } from './statistics.ts'
import { type Row, summarise } from './summary.ts'

/** The page docs/benchmark.md. Pure. */
export function printReport(results: Results): string {
  const rows = summarise(results)
  const lines = [
    '# Benchmark',
    '',
    'Written by `npm run bench`; do not edit. How to read it stands below the tables.',
    '',
    ...aboutRun(results),
    '',
    '## Bars',
    '',
    '| What | Bar | Measured | |',
    '|---|---|---|---|',
    ...judgeBars(results).map(({ what, bar, measured, verdict }) => tableLine([what, bar, measured, verdict])),
    '',
    '## What each candidate does',
    '',
    ...results.candidates.map(({ name, work }) => `- \`${name}\`: ${work}`),
    '',
    ...results.cells.flatMap((cell) => cellTable(cell, rows)),
    ...probeTables(results),
    '## Not measured',
    '',
    ...results.notMeasured.map(({ what, reason }) => `- ${what}: ${reason}`),
    '',
    ...HOW_TO_READ,
  ]
  return `${lines.join('\n')}\n`
}

function aboutRun(results: Results): string[] {
  const { machine, rounds, warmMs, firstWarmMs, measureMs, measured } = results
  const load = measured.map(({ loadAverage }) => loadAverage)
  return [
    `Run \`${nameOf(results)}\` of commit \`${results.commit ?? 'unknown'}\`, ${Math.round(results.tookSeconds / 60)} min: ${rounds} ${rounds === 1 ? 'round' : 'rounds'} in shuffled order (seed ${results.seed}), ${measureMs / 1_000} s measured after ${warmMs / 1_000} s of warm-up, a candidate's first ${firstWarmMs / 1_000} s longer.`,
    `Machine: ${Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(
        '; ',
      )}; load average ${Math.min(...load).toFixed(1)} to ${Math.max(...load).toFixed(1)}, the benchmark's own included.`,
    ...(isWhole(results) ? [] : ['', '**A shortened run: not to be quoted. Only orders of magnitude hold.**']),
  ]
}

function cellTable({ id, name, base }: Cell, rows: readonly Row[]): string[] {
  const own = rows.filter((row) => row.cell === id)
  if (own.length === 0) return []
  return [
    `## ${name} (\`${id}\`)`,
    '',
    `| | CPU µs per call | CPU over \`${base}\` | calls/s | p50 ms | p99 ms | RSS MiB | voided |`,
    '|---|---|---|---|---|---|---|---|',
    ...own.map((row) =>
      tableLine([
        `\`${row.candidate}\`${row.isRough ? ' rough (load)' : ''}`,
        show(row.cpuMicros, 0),
        row.candidate === base ? '1' : show(row.ratio, 2),
        show(row.perSecond, 0),
        show(row.p50Ms, 2),
        show(row.p99Ms, 2),
        row.rssMiB === null ? '-' : row.rssMiB.max.toFixed(0),
        [`${row.voided}`, ...row.reasons].join('; '),
      ]),
    ),
    '',
  ]
}

function probeTables({ probes }: Results): string[] {
  if (probes === null) return []
  const stalled = probes.stalledReaders.map((one) =>
    'failed' in one
      ? tableLine([`\`${one.candidate}\``, one.failed, ''])
      : tableLine([`\`${one.candidate}\``, one.mibPerReader.toFixed(2), one.passedMiB.toFixed(1)]),
  )
  const idle = probes.idleStreams.map((one) =>
    'failed' in one
      ? tableLine([`\`${one.candidate}\``, one.failed, ''])
      : tableLine([`\`${one.candidate}\``, `${one.open} of ${one.asked}`, one.kibPerStream.toFixed(0)]),
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

function tableLine(columns: readonly string[]): string {
  return `| ${columns.map((text) => text.replaceAll('|', '/').replaceAll('\n', ' ')).join(' | ')} |`
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
  '  does the same: no JSON, no policy, no record, and it does not look at `exp` again. `mcp-proxy` and `supergateway` check no tokens; the',
  '  process of their stdio server is not counted.',
  '- The generator is closed-loop: p99 understates queueing. It checks every answer (status, id, markers, length, log messages).',
  '- A measurement is void, and in no number, when an answer was wrong or missing; when rate and latency contradict each other (mean off by a',
  "  quarter, or p50 by a factor of two, from Little's law); when the recorded outcomes differ from the calls. All of a candidate is void when a",
  '  missing, tampered, expired, unsigned or foreign token was not answered with 401, or a planted secret came through, whole or split; its event',
  '  streams are void when one stalled reader took more than 50 MiB or fewer streams were served than asked for.',
  '- `rough (load)`: fewer than two rounds were free of others that used more of the machine than allowed; the number proves nothing either way.',
  '- Every run is kept as JSON under `bench/results/` (not in git), voided measurements with their reasons; the file has the name of the run.',
]
