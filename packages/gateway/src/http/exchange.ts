import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestId, TenantId } from '#core/ids.ts'
import type { PresentedCertificate } from '#core/presented-certificate.ts'

/** One HTTP request and its response, after the listener has checked Host and named the caller's address. */
export interface HttpExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly requestId: RequestId
  /** The tenant below whose path it arrived; absent: none, and it is for the gateway itself. */
  readonly tenant?: TenantId
  /**
   * Path as sent (percent-encoding kept), already refused if it holds `.`/`..` segments, `//`, backslash or encoded slashes. A tenant's without its
   * `/t/{tenant}`.
   */
  readonly path: string
  readonly query: URLSearchParams
  /** The peer's address, or the one a trusted proxy names. */
  readonly clientAddress: string
  /** The origin (for a tenant: and its path) at which it arrived, where that is not P: the one for client certificates. */
  readonly otherOrigin?: string | null
  /** The client's certificate, by TLS or from a proxy that is believed. */
  readonly certificate?: PresentedCertificate | null
}

export interface Route {
  readonly method: string
  /** Exact path, or a path whose last segments are parameters: `/mcp/:server`. */
  readonly path: string
  readonly handler: (exchange: HttpExchange, parameters: Readonly<Record<string, string>>) => Promise<void>
}
