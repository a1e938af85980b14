import type { Target } from './connection.ts'

export interface LoadJob {
  readonly target: Target
  /** Used in turn; empty: none is sent. */
  readonly tokens: readonly string[]
  readonly connections: number
  /** MCP sessions that the connections share; at most `connections`. */
  readonly sessions: number
  readonly tool: string
  /** Characters that the result's text must have. */
  readonly chars: number
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
  readonly wrong: number
  /** The first few different ones. */
  readonly problems: readonly string[]
  readonly p50Ms: number
  readonly p99Ms: number
  readonly meanMs: number
}

export type ToGenerator =
  | { readonly kind: 'open'; readonly job: LoadJob }
  | { readonly kind: 'begin' | 'count' | 'end' }

export type FromGenerator =
  | { readonly kind: 'opened' }
  | { readonly kind: 'ended'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly problem: string }
