import { Pool } from 'undici'
import type { Network } from './addresses.ts'
import { type AddressResolver, createGuardedConnector } from './guarded-connect.ts'
import { OutboundFailure } from './outbound-failure.ts'
import { parseOutboundUrl } from './outbound-url.ts'
import { checkRequest } from './request-head.ts'
import type { UpstreamBody } from './upstream-body.ts'
import { UpstreamExchange } from './upstream-exchange.ts'

/** Requests and open streams to one upstream at a time; the next one is refused (`busy`), never queued. */
export const UPSTREAM_CONNECTIONS_MAX = 512
const CONNECT_TIMEOUT_MS = 5_000
const HEADERS_TIMEOUT_MS = 60_000
const BODY_IDLE_TIMEOUT_MS = 60_000
const RESPONSE_HEADER_BYTES_MAX = 32 * 1024

export interface UpstreamPoolOptions {
  /** `https://host[:port]`, without path. Plain http only towards `private` and `loopback`. */
  readonly origin: string
  readonly network: Network
  readonly connectTimeoutMs?: number | undefined
  readonly connectionsMax?: number | undefined
  /** Certificates (PEM) trusted instead of the platform's. */
  readonly ca?: string | undefined
  /** Injected by tests. */
  readonly resolve?: AddressResolver | undefined
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Path and query in origin form, percent-encoded. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | null | undefined
  /** Ends the request at any moment, its body included. */
  readonly signal?: AbortSignal | undefined
  /** From the request being sent to the response headers. Default 60 s. */
  readonly headersTimeoutMs?: number | undefined
  /** Longest silence inside a body that is being read; null for event streams that may be silent for ever. Default 60 s. */
  readonly bodyIdleTimeoutMs?: number | null | undefined
  /** A longer body breaks off with `tooLarge`; null for event streams, whose reader bounds each event. */
  readonly bytesMax: number | null
}

export interface UpstreamResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: UpstreamBody
}

export interface UpstreamPool {
  /** Resolves with the response headers. Rejects with `OutboundFailure`; a malformed request is a bug and rejects with TypeError. */
  request(request: UpstreamRequest): Promise<UpstreamResponse>
  /** Requests under way, open bodies included. */
  inFlight(): number
  /** Breaks off everything under way. */
  close(): Promise<void>
}

/** Kept-alive HTTP/1.1 connections to one upstream, every one of them guarded. No redirects, no proxies, nothing decompressed. */
export function openUpstreamPool(options: UpstreamPoolOptions): UpstreamPool {
  const parsed = parseOutboundUrl(options.origin, options.network)
  if (!parsed.ok) throw new TypeError(`cannot open an upstream pool: ${parsed.refusal}`)
  if (parsed.value.pathname !== '/' || parsed.value.search !== '') throw new TypeError('an upstream origin has no path')
  const connectionsMax = options.connectionsMax ?? UPSTREAM_CONNECTIONS_MAX
  const pool = new Pool(parsed.value.origin, {
    connections: connectionsMax,
    connect: createGuardedConnector({
      network: options.network,
      connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      resolve: options.resolve,
      ca: options.ca,
    }),
    allowH2: false,
    // One request per connection at a time: an answer can never be taken for another caller's.
    pipelining: 1,
    maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
  })
  let underWay = 0
  let isClosed = false

  return {
    async request(request) {
      checkRequest(request)
      if (isClosed) throw new OutboundFailure('closed')
      if (underWay >= connectionsMax) throw new OutboundFailure('busy')
      if (request.signal?.aborted === true) throw new OutboundFailure('aborted')
      underWay += 1
      return await send(pool, request, () => {
        underWay -= 1
      })
    },
    inFlight: () => underWay,
    async close() {
      isClosed = true
      await pool.destroy(new OutboundFailure('closed'))
    },
  }
}

async function send(pool: Pool, request: UpstreamRequest, release: () => void): Promise<UpstreamResponse> {
  const exchange = new UpstreamExchange({ signal: request.signal ?? null, bytesMax: request.bytesMax, release })
  pool.dispatch(
    {
      method: request.method,
      path: request.path,
      headers: fields(request.headers),
      body: request.body ?? null,
      headersTimeout: request.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
      // undici reads 0 as "no limit"; here that has to be said with null.
      bodyTimeout: request.bodyIdleTimeoutMs === null ? 0 : (request.bodyIdleTimeoutMs ?? BODY_IDLE_TIMEOUT_MS),
    },
    exchange,
  )
  return await exchange.response
}

function fields(headers: Readonly<Record<string, string>>): string[] {
  const list = ['accept-encoding', 'identity']
  for (const name of Object.keys(headers)) list.push(name, headers[name] ?? '')
  return list
}
