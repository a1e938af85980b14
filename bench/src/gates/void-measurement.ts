/** What one measurement showed, as far as it decides whether it counts. */
export interface Shown {
  readonly connections: number
  readonly counted: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly meanMs: number
  /** Calls of the whole measurement, warm-up and drain included. */
  readonly answered: number
  readonly wrong: number
  /** What was wrong about answers: another status than 200, another id, a cut or foreign text, no answer. */
  readonly problems: readonly string[]
  /** Nobody else worked on the machine to speak of. */
  readonly isQuiet: boolean
  /** Recorded outcomes meanwhile; null where nothing is recorded. */
  readonly recorded: number | null
}

/** Little's law: calls under way are rate times mean latency. Further off, calls hung or the clock did. */
const LITTLE_SHARE_MAX = 0.25
/** Half of the calls far off the mean that the law gives: what the median says is then about something else than the load. */
const LITTLE_P50_FACTOR_MAX = 2

/** Pure: why a measurement must not be used; empty: it may. */
export function voidReasons(shown: Shown): string[] {
  return [...answerProblems(shown), ...littleProblems(shown), ...recordProblems(shown)]
}

function answerProblems({ problems, wrong, counted }: Shown): string[] {
  if (problems.length > 0) return [...problems]
  if (wrong > 0) return [`${wrong} wrong answers`]
  return counted === 0 ? ['no answer within the time measured'] : []
}

function littleProblems({ connections, counted, perSecond, p50Ms, meanMs, isQuiet }: Shown): string[] {
  if (counted === 0) return []
  const underWay = (perSecond * meanMs) / 1_000
  if (Math.abs(underWay - connections) > connections * LITTLE_SHARE_MAX)
    return [`${underWay.toFixed(1)} calls under way on average instead of ${connections} (Little's law)`]
  // Whoever shares the machine makes some calls wait long; the measurement is rough then anyhow, and its CPU still true.
  if (!isQuiet) return []
  const lawMs = (connections / perSecond) * 1_000
  if (p50Ms > lawMs * LITTLE_P50_FACTOR_MAX || p50Ms * LITTLE_P50_FACTOR_MAX < lawMs)
    return [`p50 of ${p50Ms.toFixed(2)} ms where Little's law gives ${lawMs.toFixed(2)} ms`]
  return []
}

/** Every call that was let through has one outcome on record, answered rightly or not. */
function recordProblems({ recorded, answered, wrong }: Shown): string[] {
  if (recorded === null || recorded === answered + wrong) return []
  return [`${recorded} recorded outcomes for ${answered + wrong} calls`]
}
