import type { Target } from '../load/connection.ts'

/** Something that stands between the load generator and the measured MCP server, or nothing at all. */
export interface Candidate {
  readonly name: string
  /** What it does for each request, in words for the table: rows differ in work, and must not hide it. */
  readonly work: string
  readonly target: Target
  /** Root of its process tree; null for no process (direct). */
  readonly pid: number | null
  /** In the command line of descendants that are the server behind it. */
  readonly serverBehind: string | null
  /** Refuses requests without a good token. */
  readonly checksTokens: boolean
  /** Log messages of a call's stream arrive on the same stream. */
  readonly carriesLogMessages: boolean
  /** Recorded outcomes of tools/call so far, or null where nothing is recorded. */
  readonly recorded: (() => number) | null
  /** Sessions it can hold; peers start a process for each. */
  readonly sessionsMax: number
}
