import type { JsonObject, JsonRpcNotification } from '#wire/jsonrpc/message.ts'
import type { MirroredParam } from '#wire/mcp/mirrored-headers.ts'
import type { Cleared } from '../inspection/inspect-arguments.ts'

/** How one request of the revision 2026-07-28 ended. `object` is the upstream's response, under an id of ours. */
export type ModernEnd =
  | { readonly kind: 'answered'; readonly object: JsonObject }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'timedOut' }
  /** `signal` was aborted; the upstream has been told in the way of its transport. */
  | { readonly kind: 'cancelled' }

export interface ModernSending {
  /** Parameters that the called tool wants repeated in headers; empty for everything else. */
  readonly mirrored: readonly MirroredParam[]
  /** Ends the request at any moment. */
  readonly signal: AbortSignal
  /** Absolute; null for `subscriptions/listen`. */
  readonly timeoutMs: number | null
  /**
   * A notification of the upstream on this request's own stream, or over stdio one that names this request. What is not answered yet
   * is not read on meanwhile. Progress tokens are the client's own again.
   */
  readonly onNotification: (notification: JsonRpcNotification) => void | Promise<void>
}

/** One server in the era without sessions: every request stands alone. Only what inspection cleared can be sent for a caller. */
export interface ModernUpstream {
  /** Never rejects. Over `subscriptions/listen` resolves when the stream is over. */
  send(cleared: Cleared, sending: ModernSending): Promise<ModernEnd>
}
