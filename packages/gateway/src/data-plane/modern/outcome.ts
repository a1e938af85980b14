import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import type { ModernAnswer } from '../inspection/inspect-modern-result.ts'
import type { Refusal } from '../refusal.ts'

/** What came of a request, fit to be told to its caller, again if they lost the answer. */
export type Outcome =
  | ({ readonly kind: 'answer' } & ModernAnswer & RecordedAs)
  | ({ readonly kind: 'refused'; readonly refusal: Refusal } & RecordedAs)
  /** Nobody waits any more. */
  | ({ readonly kind: 'nothing' } & RecordedAs)

export interface RecordedAs {
  readonly outcome: 'success' | 'failed' | 'unknown'
  readonly reason?: string
}

/** Bytes that keeping it costs, about. */
export function sizeOfOutcome(outcome: Outcome): number {
  const FIXED_BYTES = 256
  return FIXED_BYTES + (outcome.kind === 'answer' ? Buffer.byteLength(printJson(outcome.object)) : 0)
}
