/** What disqualifies a candidate, for all of its measurements or for those with event streams. */
export interface CandidateProblem {
  readonly candidate: string
  readonly of: 'everything' | 'streams'
  readonly reason: string
}

/** Memory that one stalled reader may take before the candidate counts as having no backpressure. */
const STALLED_MIB_MAX = 50

/** Pure: statuses by what was wrong with the token. Anything but 401 means that the checks were not done. */
export function believedTokens(statuses: Readonly<Record<string, number>>): string[] {
  return Object.entries(statuses)
    .filter(([, status]) => status !== 401)
    .map(([fault, status]) => `a token ${fault} was answered with ${status}`)
}

export interface PlantedAnswer {
  readonly tool: string
  /** What came out of the candidate. */
  readonly body: string
  /** What the server put into it, as the server says. */
  readonly planted: readonly string[]
}

/** Pure: results that held the candidate's own credential for the server, and whether it came through. */
export function leakedSecrets(answers: readonly PlantedAnswer[], secret: string): string[] {
  return answers.flatMap(({ tool, body, planted }) => {
    // A check that did not happen is a failure: the server must have been shown the secret and have given it away.
    if (!planted.includes(secret)) return [`${tool}: nothing was planted`]
    return body.includes(secret) ? [`${tool}: the planted secret came through`] : []
  })
}

/** Pure: memory per reader that asked for a stream and read nothing of it. */
export function stalledReaderProblems({ mibPerReader }: { readonly mibPerReader: number }): string[] {
  if (mibPerReader <= STALLED_MIB_MAX) return []
  return [`one stalled reader took ${mibPerReader.toFixed(0)} MiB`]
}

/** Pure: streams that were asked for, and those that were open at the end. */
export function idleStreamProblems({ asked, open }: { readonly asked: number; readonly open: number }): string[] {
  return open === asked ? [] : [`only ${open} of ${asked} event streams were served`]
}
