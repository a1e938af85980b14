import type { Probed } from './probe-all.ts'
import type { Results } from './results.ts'
import type { Spread } from './statistics.ts'
import { cpuRatio, pairRounds } from './summary.ts'

/** One number that the product promises to hold, beside what was measured. */
export interface Bar {
  readonly what: string
  readonly bar: string
  readonly measured: string
  /** `rough (load)`: others worked on the machine meanwhile, so the number proves nothing either way. */
  readonly verdict: 'held' | 'not held' | 'not measured' | 'rough (load)'
}

const NO_POLICY = 'the policy engine is not there yet'

/** Pure: the bars of the design, in its order. What cannot be measured says why. */
export function judgeBars(results: Results): Bar[] {
  return [
    ...cpuBars(results),
    notMeasured('A decision that depends on arguments', '≤ 0.7 ms CPU more', NO_POLICY),
    ...latencyBars(results),
    ...probeBars(results),
    growthBar(results),
    notMeasured('Growth from 10 to 10,000 policies at equal slice', 'flat', NO_POLICY),
  ]
}

function cpuBars(results: Results): Bar[] {
  const over = (other: string) => pairRounds(results, ['call', other], ['call', 'gateway'], cpuRatio)
  const sdk = over('sdk-proxy')
  const haproxy = over('haproxy-cached')
  return [
    judge('CPU per tools/call, full road, read class, against an SDK proxy', '≥ 8 × less', sdk, ({ median }) => ({
      measured: `${show(sdk.spread, 1)} × less`,
      holds: median >= 8,
    })),
    judge(
      'CPU per tools/call, against HAProxy with a verified-token cache',
      '≥ 30 % of its work per CPU',
      haproxy,
      ({ median, min, max }) => ({
        measured: `${percent(median)} (${percent(min)} to ${percent(max)})`,
        holds: median >= 0.3,
      }),
    ),
  ]
}

function latencyBars(results: Results): Bar[] {
  const limits = { p50Ms: 0.4, p99Ms: 3 } as const
  return (['p50Ms', 'p99Ms'] as const).map((percentile) => {
    const bar = `≤ ${limits[percentile]} ms`
    const what = `Added latency at 1 connection, over direct plus one fdatasync, ${percentile.slice(0, 3)}`
    const disk = (round: number) => results.fdatasync.find((one) => one.round === round)?.[percentile] ?? null
    const beyond = pairRounds(results, ['call-1', 'gateway'], ['call-1', 'direct'], (gateway, direct) => {
      const waited = disk(gateway.round)
      return waited === null ? null : gateway[percentile] - direct[percentile] - waited
    })
    const waits = results.fdatasync.map((one) => one[percentile].toFixed(2)).join(', ')
    return judge(what, bar, beyond, ({ median }) => ({
      measured: `${show(beyond.spread, 2)} ms (fdatasync per round: ${waits} ms)`,
      holds: median <= limits[percentile],
    }))
  })
}

function probeBars({ probes, foreignCpusMax }: Results): Bar[] {
  const judgeProbe = <T>(
    what: string,
    bar: string,
    probe: Probed<T> | undefined,
    read: (found: T) => { readonly measured: string; readonly holds: boolean },
  ): Bar => {
    if (probe === undefined) return notMeasured(what, bar, 'not in this run')
    if ('failed' in probe) return { what, bar, measured: probe.failed, verdict: 'not held' }
    return judge(what, bar, { spread: probe, isRough: probe.foreignCpus > foreignCpusMax }, read)
  }
  const stalled = probes?.stalledReaders.find(({ candidate }) => candidate === 'gateway')
  const idle = probes?.idleStreams.find(({ candidate }) => candidate === 'gateway')
  const inspection = probes?.inspection
  return [
    judgeProbe('Inspection for secrets, per core', '≥ 60 MB/s', inspection, ({ megabytesPerSecond, kinds }) => ({
      measured: kinds.map((one) => `${one.megabytesPerSecond.toFixed(0)} MB/s (${one.kind})`).join(', '),
      holds: megabytesPerSecond >= 60,
    })),
    judgeProbe('Inspection of 4 KB, p99', '≤ 0.5 ms', inspection, ({ smallP99Ms, kinds }) => ({
      measured: kinds.map((one) => `${one.smallP99Ms.toFixed(2)} ms (${one.kind})`).join(', '),
      holds: smallP99Ms <= 0.5,
    })),
    judgeProbe(
      'Refused after the answer to a revocation',
      '≤ 1 s',
      probes?.revocation,
      ({ refusedAfterMs, times }) => ({
        measured: `${refusedAfterMs.toFixed(1)} ms (longest of ${times}; one process)`,
        holds: refusedAfterMs <= 1_000,
      }),
    ),
    judgeProbe('Start with 100 servers', 'ready ≤ 1.5 s', probes?.start, ({ readyMs, times }) => ({
      measured: `${(readyMs / 1_000).toFixed(2)} s (longest of ${times})`,
      holds: readyMs <= 1_500,
    })),
    judgeProbe('Memory idle with 100 servers', 'RSS ≤ 250 MiB', probes?.start, ({ idleRssMiB, times }) => ({
      measured: `${idleRssMiB.toFixed(0)} MiB (most of ${times})`,
      holds: idleRssMiB <= 250,
    })),
    judgeProbe('One stalled reader', '≤ 1 MiB', stalled, ({ mibPerReader, readers }) => ({
      measured: `${mibPerReader.toFixed(2)} MiB (mean of ${readers})`,
      holds: mibPerReader <= 1,
    })),
    judgeProbe('Idle event streams', 'every one served', idle, ({ open, asked, kibPerStream }) => ({
      measured: `${open} of ${asked}, ${kibPerStream.toFixed(0)} KiB each`,
      holds: open === asked,
    })),
  ]
}

/** What "flat" allows: rounds differ by more than a tenth of themselves. */
const FLAT_MAX = 1.2

function growthBar(results: Results): Bar {
  const growth = pairRounds(results, ['tokens-100000', 'gateway-many'], ['tokens-1', 'gateway'], cpuRatio)
  return judge('Growth from 1 to 100,000 live tokens', `flat (≤ ${FLAT_MAX} × CPU per call)`, growth, ({ median }) => ({
    measured: `${show(growth.spread, 2)} ×`,
    holds: median <= FLAT_MAX,
  }))
}

function judge<T>(
  what: string,
  bar: string,
  { spread, isRough }: { readonly spread: T | null; readonly isRough: boolean },
  read: (found: T) => { readonly measured: string; readonly holds: boolean },
): Bar {
  if (spread === null) return notMeasured(what, bar, 'not in this run, or void')
  const { measured, holds } = read(spread)
  return { what, bar, measured, verdict: isRough ? 'rough (load)' : holds ? 'held' : 'not held' }
}

function notMeasured(what: string, bar: string, why: string): Bar {
  return { what, bar, measured: why, verdict: 'not measured' }
}

function show(spread: Spread | null, digits: number): string {
  if (spread === null) return '-'
  const { median, min, max } = spread
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(0)} %`
}
