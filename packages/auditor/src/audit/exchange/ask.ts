import { type ClientRequest, type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { sendHttp10 } from './http-1-0.ts'

/** One request exactly as it goes out: a list of header lines, a raw request target, no redirects, no cookies. */
export interface Ask {
  readonly method: string
  readonly url: string
  /** What stands in the request line, where it is not the URL's own path and query. */
  readonly target?: string
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: string
  /** HTTP/1.0, over a connection that is closed after it. */
  readonly httpVersion?: '1.0'
}

/** What came back, or why nothing did. */
export interface Answer {
  /** 0 when no answer came. */
  readonly status: number
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly text: string
  /** True when the body was longer than what is read. */
  readonly isCut: boolean
  /** Why there is no answer: `timeout`, `refused`…; null when there is one. */
  readonly failure: string | null
  readonly durationMs: number
  /** `TLSv1.3`; null without TLS. */
  readonly tlsVersion: string | null
}

export interface AskLimits {
  readonly timeoutMs: number
  readonly bodyBytesMax: number
  /** PEM of further authorities to trust. */
  readonly authority: string | null
  /** How names become addresses. */
  readonly lookup: LookupFunction
}

/** Sends it and reads the answer, within the limits. Never rejects: what goes wrong is part of the evidence. */
export function send(ask: Ask, limits: AskLimits): Promise<Answer> {
  if (ask.httpVersion === '1.0') return sendHttp10(ask, limits)
  const started = performance.now()
  const elapsed = () => Math.round(performance.now() - started)
  return new Promise((resolve) => {
    const failed = (failure: string) =>
      resolve({ status: 0, headers: [], text: '', isCut: false, failure, durationMs: elapsed(), tlsVersion: null })
    let sent: ClientRequest
    try {
      sent = open(ask, limits)
    } catch {
      return failed('the request could not be formed')
    }
    const timer = setTimeout(() => {
      failed('timeout')
      sent.destroy()
    }, limits.timeoutMs)
    sent.on('error', (error: Error & { code?: string }) => {
      clearTimeout(timer)
      failed(reasonOf(error))
    })
    sent.once('response', (response) => {
      void read(response, limits.bodyBytesMax, ask.method).then((body) => {
        clearTimeout(timer)
        const tlsVersion = (response.socket as Partial<TLSSocket>).getProtocol?.() ?? null
        const { statusCode: status = 0 } = response
        resolve({
          status,
          headers: pairs(response.rawHeaders),
          ...body,
          failure: null,
          durationMs: elapsed(),
          tlsVersion,
        })
        sent.destroy()
      })
    })
    sent.end(ask.body)
  })
}

function open({ method, url, target, headers, body }: Ask, { authority, lookup }: AskLimits): ClientRequest {
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const options: RequestOptions & { ca?: string } = {
    method,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(port === '' ? {} : { port }),
    path: target ?? `${pathname}${search}`,
    agent: false,
    lookup,
    setHost: !headers.some(([name]) => name.toLowerCase() === 'host'),
    ...(authority === null ? {} : { ca: authority }),
  }
  const sent = protocol === 'https:' ? tlsRequest(options) : plainRequest(options)
  for (const [name, values] of grouped(headers)) sent.setHeader(name, values.length === 1 ? (values[0] ?? '') : values)
  if (body !== undefined) sent.setHeader('content-length', Buffer.byteLength(body))
  return sent
}

function grouped(headers: Ask['headers']): Map<string, string[]> {
  const byName = new Map<string, string[]>()
  for (const [name, value] of headers) byName.set(name, [...(byName.get(name) ?? []), value])
  return byName
}

/** An event stream that nothing was asked on stays open: so much of it is looked at. */
const STREAM_LOOK_MS = 400
/** What ends the wait on a stream: an answer, or the first word of a subscription. */
const ANSWERED = /^data: ?\{.*"(?:result|error|notifications\/subscriptions\/acknowledged)".*\n\n/ms

async function read(
  response: IncomingMessage,
  bytesMax: number,
  method: string,
): Promise<{ text: string; isCut: boolean }> {
  const isStream = String(response.headers['content-type']).startsWith('text/event-stream')
  const look = isStream && method !== 'POST' ? setTimeout(() => response.destroy(), STREAM_LOOK_MS) : null
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      chunks.push(chunk.subarray(0, Math.max(0, bytesMax - (bytes - chunk.length))))
      if (bytes > bytesMax) break
      if (isStream && ANSWERED.test(Buffer.concat(chunks).toString('utf8'))) break
    }
  } catch {
    // What was read until the other side went away is what there is.
  } finally {
    if (look !== null) clearTimeout(look)
  }
  return { text: Buffer.concat(chunks).toString('utf8'), isCut: bytes > bytesMax }
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, at) => [raw[at * 2] ?? '', raw[at * 2 + 1] ?? ''])
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name not found',
  ETIMEDOUT: 'timeout',
  EPIPE: 'connection reset',
}

function reasonOf({ code = '' }: { readonly code?: string }): string {
  if (REASONS[code] !== undefined) return REASONS[code]
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) return `the certificate is not valid (${code})`
  return code.startsWith('HPE_') ? 'not HTTP' : `no answer (${code === '' ? 'unknown' : code})`
}
