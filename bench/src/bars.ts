import type { Failed, Probes } from './probe-all.ts'
import type { Results } from './results.ts'
import type { Spread } from './statistics.ts'
import { addedLatency, type Row, summarise } from './summary.ts'

/** One number that the product promises to hold, beside what was measured. */
export interface Bar {
  readonly what: string
  readonly bar: string
  readonly measured: string
  readonly holds: 'yes' | 'no' | 'not measured'
}

const SMALL = 'call'
const ALONE = 'call-1'

/** Pure: the bars of the design, in its order. What cannot be measured yet says why. */
export function judgeBars(results: Results): Bar[] {
  const rows = summarise(results)
  const { probes } = results
  const row = (cell: string, candidate: string) => rows.find((one) => one.cell === cell && one.candidate === candidate)
  return [
    atLeast('CPU per tools/call, against the SDK proxy', 8, '× less', row(SMALL, 'sdk-proxy')?.ratio ?? null),
    haproxyBar(row(SMALL, 'haproxy-cached')),
    {
      what: 'A decision that depends on arguments',
      bar: '≤ 0.7 ms CPU more',
      measured: 'no such decisions yet',
      holds: 'not measured',
    },
    ...latencyBars(results, probes),
    ...probeBars(probes),
    growthBar(row('tokens-100000', 'gateway'), row(SMALL, 'gateway')),
    {
      what: 'Growth from 10 to 10,000 policies',
      bar: 'flat',
      measured: 'no policies yet',
      holds: 'not measured',
    },
  ]
}

function atLeast(what: string, least: number, unit: string, measured: Spread | null): Bar {
  const bar = `≥ ${least} ${unit}`
  if (measured === null) return notMeasured(what, bar)
  return { what, bar, measured: `${show(measured)} ${unit}`, holds: measured.median >= least ? 'yes' : 'no' }
}

function haproxyBar(row: Row | undefined): Bar {
  const what = 'CPU per tools/call, against HAProxy with a verified-token cache'
  const bar = '≥ 30 % of its work per CPU'
  const ratio = row?.ratio ?? null
  if (ratio === null) return notMeasured(what, bar)
  const measured = `${percent(ratio.median)} (${percent(ratio.min)} to ${percent(ratio.max)})`
  return { what, bar, measured, holds: ratio.median >= 0.3 ? 'yes' : 'no' }
}

function latencyBars(results: Results, probes: Probes | null): Bar[] {
  return (['p50Ms', 'p99Ms'] as const).map((percentile) => {
    const limit = percentile === 'p50Ms' ? 0.4 : 3
    const what = `Added latency at 1 connection beyond one fdatasync, ${percentile.slice(0, 3)}`
    const added = addedLatency(results, ALONE, (one) => one[percentile])
    if (added === null || probes === null) return notMeasured(what, `≤ ${limit} ms`)
    const beyond = added.median - probes.fdatasync[percentile]
    return {
      what,
      bar: `≤ ${limit} ms`,
      measured: `${beyond.toFixed(2)} ms (${added.median.toFixed(2)} added, fdatasync ${probes.fdatasync[percentile].toFixed(2)})`,
      holds: beyond <= limit ? 'yes' : 'no',
    }
  })
}

function probeBars(probes: Probes | null): Bar[] {
  const judge = <T>(
    what: string,
    bar: string,
    probe: T | Failed | undefined,
    read: (found: T) => { readonly measured: string; readonly holds: boolean },
  ): Bar => {
    if (probe === undefined) return notMeasured(what, bar)
    if (isFailed(probe)) return { what, bar, measured: probe.failed, holds: 'no' }
    const { measured, holds } = read(probe)
    return { what, bar, measured, holds: holds ? 'yes' : 'no' }
  }
  const stalled = probes?.stalledReaders.find((one) => isFailed(one) || one.candidate === 'gateway')
  const idle = probes?.idleStreams.find((one) => isFailed(one) || one.candidate === 'gateway')
  return [
    judge('Inspection, per core', '≥ 60 MB/s', probes?.inspection, ({ megabytesPerSecond }) => ({
      measured: `${megabytesPerSecond.toFixed(0)} MB/s`,
      holds: megabytesPerSecond >= 60,
    })),
    judge('Inspection of 4 KB, p99', '≤ 0.5 ms', probes?.inspection, ({ smallP99Ms }) => ({
      measured: `${smallP99Ms.toFixed(2)} ms`,
      holds: smallP99Ms <= 0.5,
    })),
    judge('Refused after the answer to a revocation', '≤ 1 s', probes?.revocation, ({ refusedAfterMs }) => ({
      measured: `${refusedAfterMs.toFixed(0)} ms (one process)`,
      holds: refusedAfterMs <= 1_000,
    })),
    judge('Start with 100 servers', 'ready ≤ 1.5 s', probes?.start, ({ readyMs }) => ({
      measured: `${(readyMs / 1_000).toFixed(2)} s`,
      holds: readyMs <= 1_500,
    })),
    judge('Memory idle with 100 servers', '≤ 250 MiB', probes?.start, ({ idleRssMiB }) => ({
      measured: `${idleRssMiB.toFixed(0)} MiB`,
      holds: idleRssMiB <= 250,
    })),
    judge('One stalled reader', '≤ 1 MiB', stalled, ({ mibPerReader }) => ({
      measured: `${mibPerReader.toFixed(2)} MiB`,
      holds: mibPerReader <= 1,
    })),
    judge('Idle event streams', 'every one served', idle, ({ open, asked, kibPerStream }) => ({
      measured: `${open} of ${asked}, ${kibPerStream.toFixed(0)} KiB each`,
      holds: open === asked,
    })),
  ]
}

function growthBar(many: Row | undefined, one: Row | undefined): Bar {
  const what = 'Growth from 1 to 100,000 live tokens'
  const bar = 'flat (≤ 1.2 × CPU)'
  if (many?.cpuMicros == null || one?.cpuMicros == null) return notMeasured(what, bar)
  const ratio = many.cpuMicros.median / one.cpuMicros.median
  return { what, bar, measured: `${ratio.toFixed(2)} ×`, holds: ratio <= 1.2 ? 'yes' : 'no' }
}

function notMeasured(what: string, bar: string): Bar {
  return { what, bar, measured: 'not in this run', holds: 'not measured' }
}

export function isFailed(probe: unknown): probe is Failed {
  return typeof probe === 'object' && probe !== null && 'failed' in probe
}

function show({ median, min, max }: Spread): string {
  return `${median.toFixed(1)} (${min.toFixed(1)} to ${max.toFixed(1)})`
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(0)} %`
}
