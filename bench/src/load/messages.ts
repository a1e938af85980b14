import type { Target } from './connection.ts'

/** The revisions with sessions, or the one without (2026-07-28). */
export type Wire = 'legacy' | 'modern'

/** One address that takes calls, and who may pass there. */
export interface Door {
  readonly target: Target
  /** One token a line, used in turn; null: none is sent. A file, because a hundred thousand tokens are no message. */
  readonly tokensFile: string | null
}

export interface LoadJob {
  /** Connections take them in turn. */
  readonly doors: readonly Door[]
  readonly wire: Wire
  readonly connections: number
  /** MCP sessions that the connections of one door share. */
  readonly sessionsPerDoor: number
  readonly tool: string
  /** Characters that the result's text must have. */
  readonly chars: number
  /** How many log messages come before the answer; null: no matter. */
  readonly logMessages: number | null
  /** Longest wait for the last answers. */
  readonly drainMs: number
}

export interface LoadResult {
  /** Answers within the measured time, and how long that was. */
  readonly counted: number
  readonly countedMs: number
  /** Right answers to tools/call since the job began, warm-up and drain included. */
  readonly answered: number
  /** Calls that were answered wrongly, or not at all. */
  readonly wrong: number
  /** The first few different ones, with how often. */
  readonly problems: readonly string[]
  readonly p50Ms: number
  readonly p99Ms: number
  readonly meanMs: number
}

export type ToGenerator =
  | { readonly kind: 'open'; readonly job: LoadJob }
  /** Each token of the job is shown once. */
  | { readonly kind: 'showTokens' | 'begin' | 'count' | 'end' }

export type FromGenerator =
  | { readonly kind: 'opened' }
  | { readonly kind: 'shown' }
  | { readonly kind: 'ended'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly problem: string }
