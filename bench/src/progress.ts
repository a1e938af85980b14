import type { Measured } from './measure.ts'

/** A line for each measurement: how far the run is, how long it still takes, what was measured. */
export function describeProgress(total: number, foreignCpusMax: number): (one: Measured) => string {
  const beganMs = performance.now()
  let done = 0
  return (one) => {
    done += 1
    const leftSeconds = ((performance.now() - beganMs) / 1_000 / done) * (total - done)
    const left = leftSeconds < 90 ? `${leftSeconds.toFixed(0)} s` : `${(leftSeconds / 60).toFixed(0)} min`
    const cpu = one.cpuMicros === null ? '-' : `${one.cpuMicros.toFixed(0)} µs`
    const latency = `p50 ${one.p50Ms.toFixed(2)} p99 ${one.p99Ms.toFixed(2)} ms`
    const memory = one.rssMiB === null ? '' : `, ${one.rssMiB.toFixed(0)} MiB`
    const others = one.foreignCpus > foreignCpusMax ? `  ROUGH: others used ${one.foreignCpus.toFixed(2)} CPUs` : ''
    const verdict = one.void.length === 0 ? others : `  VOID: ${one.void.join('; ')}`
    return `[${done}/${total}, ${left} left] ${one.round} ${one.cell} ${one.candidate}: ${cpu}, ${one.perSecond.toFixed(0)}/s, ${latency}${memory}${verdict}`
  }
}
