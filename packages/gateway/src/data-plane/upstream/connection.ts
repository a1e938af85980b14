import type { Result } from '#core/result.ts'
import type { JsonObject, JsonRpcMessage } from '#wire/jsonrpc/message.ts'

/** Why an upstream did not take or answer a message. For the audit record; callers learn "unavailable". */
export interface UpstreamFailure {
  /** camelCase, e.g. `connectionRefused`, `processExited`, `sessionLost`, `lineTooLong`. */
  readonly reason: string
}

/**
 * How the server treats the stream that answers a request: it primes it with an event to come back to, before there is anything to say;
 * later it may let go of it, and the answer waits for whoever comes back (MCP 2025-11-25, Sending Messages to the Server, 6).
 */
export type StreamNews = 'primed' | 'letGo'

/** What a connection tells its owner. Never called before `open` has answered. */
export interface UpstreamEvents {
  /** `relatedTo`: our id of the request on whose stream the message came; null where the transport does not say. */
  onMessage(message: JsonRpcMessage, relatedTo: number | null): void
  /** Only transports that have streams say it. */
  onStream?(ourId: number, news: StreamNews): void
  /** This request will get no answer; the connection itself goes on. */
  onLost(ourId: number, reason: string): void
  /** The connection is gone, and every request on it. Called once. */
  onClosed(reason: string): void
}

/** One conversation with one MCP server, for one front session. Transport only: ids, capabilities and policy are decided above it. */
export interface UpstreamConnection {
  /** Resolves once the transport took the message (for HTTP requests: once the answer has begun). Waits while the server reads slowly. Never rejects. */
  send(message: JsonObject): Promise<Result<void, UpstreamFailure>>
  /** The owner waits for this request no longer: it was answered, cancelled or timed out. What of it still waits to be sent is not sent. */
  forget(ourId: number): void
  /** After `initialize`: from now on this revision is spoken. */
  useRevision(revision: string): void
  /** Stops, or goes on, reading what the server sends. */
  pause(): void
  resume(): void
  /** Ends the server's side of the conversation too. Resolves when nothing of it is left; never rejects. */
  close(): Promise<void>
}

export type OpenConnection = (events: UpstreamEvents) => Promise<Result<UpstreamConnection, UpstreamFailure>>
