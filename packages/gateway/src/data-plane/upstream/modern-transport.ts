import type { Result } from '#core/result.ts'
import type { JsonObject, JsonRpcNotification, JsonRpcResponse } from '#wire/jsonrpc/message.ts'
import type { MirroredParam } from '#wire/mcp/mirrored-headers.ts'
import type { UpstreamFailure } from './connection.ts'

/** One request under our id, as it goes out. */
export interface ModernExchange {
  readonly object: JsonObject
  readonly ourId: number
  readonly mirrored: readonly MirroredParam[]
  /** Aborted when nobody waits any more: cancelled, timed out, revoked. The upstream is told. */
  readonly signal: AbortSignal
  /** Longest wait for the answer to begin. */
  readonly timeoutMs: number | null
  readonly onNotification: (notification: JsonRpcNotification) => void | Promise<void>
}

/** The way to one modern server: HTTP or a process. Ids, eras and policy are decided above it. */
export interface ModernTransport {
  /** Never rejects. `notModern`: what answered does not speak this era. */
  exchange(exchange: ModernExchange): Promise<Result<JsonRpcResponse, UpstreamFailure>>
  /** Resolves when nothing of it is left; never rejects. */
  close(): Promise<void>
}
