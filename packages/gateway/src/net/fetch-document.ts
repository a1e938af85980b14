import { Client } from 'undici'
import { ok, type Result, refused } from '#core/result.ts'
import type { Network } from './addresses.ts'
import { type AddressResolver, createGuardedConnector } from './guarded-connect.ts'
import { OutboundFailure, type OutboundReason } from './outbound-failure.ts'
import { parseOutboundUrl } from './outbound-url.ts'
import { announcesMoreThan, flatHeaders, isCompressed, outboundFailure } from './undici-failures.ts'

const RESPONSE_HEADER_BYTES_MAX = 16 * 1024

export interface FetchDocumentOptions {
  /** Accept header. */
  readonly accept: string
  /** A longer body is refused, without reading the rest. */
  readonly bytesMax: number
  /** For everything together: name, connection, headers and body. */
  readonly timeoutMs: number
  readonly network: Network
  /** Injected by tests. */
  readonly resolve?: AddressResolver | undefined
  /** Certificates (PEM) trusted instead of the platform's. */
  readonly ca?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface FetchedDocument {
  /** 2xx, 4xx or 5xx. */
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * One GET of a small document whose address somebody else chose: a fresh connection to a judged address, no redirects, no cookies,
 * no proxies, nothing decompressed. Never throws for anything the other side does.
 */
export async function fetchDocument(
  url: string,
  options: FetchDocumentOptions,
): Promise<Result<FetchedDocument, { readonly reason: OutboundReason }>> {
  const parsed = parseOutboundUrl(url, options.network)
  if (!parsed.ok) return refused({ reason: parsed.refusal })

  const deadline = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  const client = new Client(parsed.value.origin, {
    connect: createGuardedConnector({
      network: options.network,
      connectTimeoutMs: options.timeoutMs,
      resolve: options.resolve,
      ca: options.ca,
      signal,
    }),
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
  })
  try {
    return ok(await get(client, parsed.value, options, signal))
  } catch (error) {
    // Whatever it looked like from inside, once the time is up the reason is the time.
    if (deadline.aborted) return refused({ reason: 'timedOut' })
    return refused({ reason: outboundFailure(error, 'unreachable').reason })
  } finally {
    client.destroy().catch(() => {})
  }
}

async function get(
  client: Client,
  url: URL,
  options: FetchDocumentOptions,
  signal: AbortSignal,
): Promise<FetchedDocument> {
  const response = await client.request({
    method: 'GET',
    path: `${url.pathname}${url.search}`,
    headers: { accept: options.accept, 'accept-encoding': 'identity', 'user-agent': 'sallyport' },
    signal,
  })
  const headers = flatHeaders(response.headers)
  const refusal = judgeHead(response.statusCode, headers, options.bytesMax)
  if (refusal !== null) {
    response.body.on('error', () => {}).destroy()
    throw new OutboundFailure(refusal)
  }

  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of response.body) {
      // undici's body stream yields buffers unless an encoding is set, which nobody does here.
      const bytes = chunk as Buffer
      length += bytes.length
      if (length > options.bytesMax) throw new OutboundFailure('tooLarge')
      chunks.push(bytes)
    }
  } catch (error) {
    throw outboundFailure(error, 'reset')
  }
  return { status: response.statusCode, headers, body: Buffer.concat(chunks, length) }
}

function judgeHead(status: number, headers: Readonly<Record<string, string>>, bytesMax: number): OutboundReason | null {
  if (status < 200) return 'malformedResponse'
  if (status >= 300 && status < 400) return 'redirect'
  if (isCompressed(headers)) return 'compressed'
  if (announcesMoreThan(headers, bytesMax)) return 'tooLarge'
  return null
}
