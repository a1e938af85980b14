import type { Measured } from './measure.ts'
import type { Cell } from './plan.ts'
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
  /** Others worked on the machine in too many of the rounds: all of them are in the numbers, which are rough. */
  readonly isRough: boolean
  /** Rounds that do not count, and the different reasons. */
  readonly voided: number
  readonly reasons: readonly string[]
}

/** A number that others' work has not touched: how many rounds it takes. */
const QUIET_ROUNDS_MIN = 2

/** Pure. Voided measurements are in no number. */
export function summarise(results: Results): Row[] {
  return results.cells.flatMap((cell) =>
    cell.candidates
      .filter((name) => results.measured.some((one) => one.cell === cell.id && one.candidate === name))
      .map((name) => rowOf(results, cell, name)),
  )
}

/** Pure: those of a candidate's rounds in a cell that count. Quiet ones if there are enough, else all, which makes the result rough. */
export function countingRounds(results: Results, cellId: string, candidate: string): Chosen {
  const valid = validRounds(results, cellId, candidate)
  const quiet = valid.filter((one) => one.foreignCpus <= results.foreignCpusMax)
  const isQuiet = quiet.length >= Math.min(QUIET_ROUNDS_MIN, results.rounds)
  return isQuiet ? { rounds: quiet, isRough: false } : { rounds: valid, isRough: valid.length > 0 }
}

export interface Chosen {
  readonly rounds: readonly Measured[]
  readonly isRough: boolean
}

/** Pure: per round in which both sides count, what `compare` makes of the two. */
export function pairRounds(
  results: Results,
  [cellA, candidateA]: readonly [cell: string, candidate: string],
  [cellB, candidateB]: readonly [cell: string, candidate: string],
  compare: (a: Measured, b: Measured) => number | null,
): { readonly spread: Spread | null; readonly isRough: boolean } {
  const a = countingRounds(results, cellA, candidateA)
  const b = countingRounds(results, cellB, candidateB)
  const paired = a.rounds.flatMap((one) => {
    const other = b.rounds.find(({ round }) => round === one.round)
    const value = other === undefined ? null : compare(one, other)
    return value === null ? [] : [value]
  })
  return { spread: spreadOf(paired), isRough: a.isRough || b.isRough }
}

export function cpuRatio(a: Measured, b: Measured): number | null {
  return a.cpuMicros === null || b.cpuMicros === null || b.cpuMicros === 0 ? null : a.cpuMicros / b.cpuMicros
}

function rowOf(results: Results, { id, base }: Cell, candidate: string): Row {
  const all = results.measured.filter((one) => one.cell === id && one.candidate === candidate)
  const { rounds, isRough } = countingRounds(results, id, candidate)
  const spread = (value: (one: Measured) => number | null) =>
    spreadOf(rounds.map(value).filter((number) => number !== null))
  return {
    cell: id,
    candidate,
    cpuMicros: spread((one) => one.cpuMicros),
    ratio: candidate === base ? null : pairRounds(results, [id, candidate], [id, base], cpuRatio).spread,
    perSecond: spread((one) => one.perSecond),
    p50Ms: spread((one) => one.p50Ms),
    p99Ms: spread((one) => one.p99Ms),
    rssMiB: spread((one) => one.rssMiB),
    isRough,
    voided: all.length - validRounds(results, id, candidate).length,
    reasons: [...new Set([...all.flatMap((one) => one.void), ...problemsOf(results, id, candidate)])],
  }
}

function validRounds(results: Results, cellId: string, candidate: string): Measured[] {
  if (problemsOf(results, cellId, candidate).length > 0) return []
  return results.measured.filter((one) => one.cell === cellId && one.candidate === candidate && one.void.length === 0)
}

/** What disqualifies the candidate in this cell. */
function problemsOf(results: Results, cellId: string, candidate: string): string[] {
  const isStream = results.cells.find(({ id }) => id === cellId)?.form === 'sse'
  return results.problems
    .filter((problem) => problem.candidate === candidate && (problem.of === 'everything' || isStream))
    .map(({ reason }) => reason)
}
