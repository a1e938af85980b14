import type { Measured } from './measure.ts'
import type { Results } from './results.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** One row of a cell's table, over all rounds that count. */
export interface Row {
  /** Its id. */
  readonly cell: string
  readonly candidate: string
  readonly cpuMicros: Spread | null
  /** CPU per request over that of the cell's base in the same round. */
  readonly ratio: Spread | null
  readonly perSecond: Spread | null
  readonly p50Ms: Spread | null
  readonly p99Ms: Spread | null
  readonly rssMiB: Spread | null
  /** Rounds that do not count, and the different reasons. */
  readonly voided: number
  readonly reasons: readonly string[]
}

/** Pure. Voided measurements are in no number. */
export function summarise(results: Results): Row[] {
  return results.cells.flatMap((cell) =>
    cell.candidates
      .filter((name) => results.measured.some((one) => one.cell === cell.id && one.candidate === name))
      .map((name) => rowOf(results, cell.id, name, cell.base)),
  )
}

function rowOf(results: Results, cell: string, candidate: string, base: string): Row {
  const all = results.measured.filter((one) => one.cell === cell && one.candidate === candidate)
  const refusesBadTokens = (results.tokenProblems[candidate] ?? []).length === 0
  const counting = all.filter((one) => refusesBadTokens && one.void.length === 0)
  const spread = (value: (one: Measured) => number | null) =>
    spreadOf(counting.map(value).filter((number) => number !== null))
  return {
    cell,
    candidate,
    cpuMicros: spread((one) => one.cpuMicros),
    ratio: candidate === base ? null : ratioOf(counting, results.measured, cell, base),
    perSecond: spread((one) => one.perSecond),
    p50Ms: spread((one) => one.p50Ms),
    p99Ms: spread((one) => one.p99Ms),
    rssMiB: spread((one) => one.rssMiB),
    voided: all.length - counting.length,
    reasons: [...new Set([...all.flatMap((one) => one.void), ...(results.tokenProblems[candidate] ?? [])])],
  }
}

function ratioOf(counting: readonly Measured[], all: readonly Measured[], cell: string, base: string): Spread | null {
  const ratios = counting.flatMap(({ round, cpuMicros }) => {
    const other = all.find((one) => one.cell === cell && one.candidate === base && one.round === round)
    if (other === undefined || other.void.length > 0 || other.cpuMicros === null || cpuMicros === null) return []
    return [cpuMicros / other.cpuMicros]
  })
  return spreadOf(ratios)
}

/** Per round, how much later the gateway answers than the server alone does; `pick` chooses the percentile. */
export function addedLatency(results: Results, cell: string, pick: (one: Measured) => number): Spread | null {
  const valid = (candidate: string) =>
    results.measured.filter((one) => one.cell === cell && one.candidate === candidate && one.void.length === 0)
  const direct = valid('direct')
  return spreadOf(
    valid('gateway').flatMap((one) => {
      const other = direct.find(({ round }) => round === one.round)
      return other === undefined ? [] : [pick(one) - pick(other)]
    }),
  )
}
