import { Client } from 'undici'
import type { Network } from './addresses.ts'
import { type AddressResolver, createGuardedConnector } from './guarded-connect.ts'
import { OutboundFailure } from './outbound-failure.ts'
import { parseOutboundUrl } from './outbound-url.ts'
import { announcesMoreThan, flatHeaders, isCompressed, outboundFailure } from './undici-failures.ts'

const RESPONSE_HEADER_BYTES_MAX = 16 * 1024
const REQUEST_BYTES_MAX = 64 * 1024

export interface FetchSmallOptions {
  readonly network: Network
  /** A longer answer is refused, without reading the rest. */
  readonly bytesMax: number
  /** For everything together: name, connection, headers and body. */
  readonly timeoutMs: number
  /** Injected by tests. */
  readonly resolve?: AddressResolver
}

/** The part of `fetch` that libraries of OAuth use. */
export type FetchSmall = (
  url: string,
  request: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | null
  },
) => Promise<Response>

/**
 * A `fetch` for a library that speaks to a host which the operator configured: a fresh connection to a judged address for each request, no
 * redirects followed, no cookies, nothing decompressed, and the same bounds as `fetchDocument`. Rejects with `OutboundFailure`.
 */
export function createFetchSmall(options: FetchSmallOptions): FetchSmall {
  return async (url, { method = 'GET', headers = {}, body = null }) => {
    const parsed = parseOutboundUrl(url, options.network)
    if (!parsed.ok) throw new OutboundFailure(parsed.refusal)
    if ((method !== 'GET' && method !== 'POST') || (body !== null && body.length > REQUEST_BYTES_MAX))
      throw new TypeError('this way out is for small GETs and POSTs')
    const deadline = AbortSignal.timeout(options.timeoutMs)
    const client = new Client(parsed.value.origin, {
      connect: createGuardedConnector({
        network: options.network,
        connectTimeoutMs: options.timeoutMs,
        resolve: options.resolve,
        signal: deadline,
      }),
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
    })
    try {
      return await exchange(client, parsed.value, { method, headers, body }, options.bytesMax, deadline)
    } catch (error) {
      throw deadline.aborted ? new OutboundFailure('timedOut') : outboundFailure(error, 'unreachable')
    } finally {
      client.destroy().catch(() => {})
    }
  }
}

async function exchange(
  client: Client,
  url: URL,
  { method, headers, body }: { method: 'GET' | 'POST'; headers: Readonly<Record<string, string>>; body: string | null },
  bytesMax: number,
  signal: AbortSignal,
): Promise<Response> {
  const response = await client.request({
    method,
    path: `${url.pathname}${url.search}`,
    headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': 'sallyport' },
    body,
    signal,
  })
  const head = flatHeaders(response.headers)
  if (isCompressed(head) || announcesMoreThan(head, bytesMax)) {
    response.body.on('error', () => {}).destroy()
    throw new OutboundFailure(isCompressed(head) ? 'compressed' : 'tooLarge')
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response.body) {
    // undici's body stream yields buffers unless an encoding is set, which nobody does here.
    const bytes = chunk as Buffer
    length += bytes.length
    if (length > bytesMax) throw new OutboundFailure('tooLarge')
    chunks.push(bytes)
  }
  // A redirect is not followed; whoever asked sees its status, and that it is none that they want.
  const hasBody = response.statusCode !== 204 && response.statusCode !== 304
  return new Response(hasBody ? Buffer.concat(chunks, length) : null, {
    status: response.statusCode < 200 ? 502 : response.statusCode,
    headers: head,
  })
}
