import type { Target } from '../load/connection.ts'

/** Something that stands between the load generator and the measured MCP server, or nothing at all. */
export interface Candidate {
  readonly name: string
  /** What it does for each request, in words for the table: rows differ in work, and must not hide it. */
  readonly work: string
  /** Where it listens; several processes that share nothing have one each, and connections take them in turn. */
  readonly targets: readonly Target[]
  /** Where it takes calls of the revision without sessions; null: it does not speak it. */
  readonly modernPath: string | null
  /** Roots of its process trees; none for no process (direct). */
  readonly pids: readonly number[]
  /** In the command line of descendants that are the server behind it. */
  readonly serverBehind: string | null
  /** Refuses requests without a good token. */
  readonly checksTokens: boolean
  /** Looks into results and keeps back its own credential for the server. */
  readonly inspectsResults: boolean
  /** Log messages of a call's stream arrive on the same stream. */
  readonly carriesLogMessages: boolean
  /** Recorded outcomes of tools/call so far, or null where nothing is recorded. */
  readonly recorded: (() => number) | null
  /** Sessions it can hold; peers start a process for each. */
  readonly sessionsMax: number
}

/** Where it takes calls of this wire. Throws if it takes none: the plan is wrong then. */
export function targetsFor({ name, targets, modernPath }: Candidate, wire: 'legacy' | 'modern'): readonly Target[] {
  if (wire === 'legacy') return targets
  if (modernPath === null) throw new Error(`${name} does not speak 2026-07-28`)
  return targets.map((target) => ({ ...target, path: modernPath }))
}

/** For probes, which ask one process. */
export function onlyTarget({ name, targets }: Candidate): Target {
  const [target] = targets
  if (target === undefined || targets.length > 1) throw new Error(`${name} is not one process`)
  return target
}
