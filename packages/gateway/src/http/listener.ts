import { constants } from 'node:crypto'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket, type TlsOptions } from 'node:tls'
import type { Clock } from '#core/clock.ts'
import { asRequestId, type RequestId } from '#core/ids.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { clientAddress, type TrustedProxies, trustedProxies } from './client-address.ts'
import { clientCertificate } from './client-certificate.ts'
import { headerCount } from './header-count.ts'
import { sendText } from './respond.ts'
import type { Router } from './router.ts'
import { readTarget } from './target.ts'

const CONNECTIONS_MAX = 10_000
const HEADER_BYTES_MAX = 16 * 1024
/** From the start of a connection or of a request to the end of its headers; the TLS handshake has as long. */
const HEADERS_TIMEOUT_MS = 15_000
const REQUEST_TIMEOUT_MS = 60_000
/** How often Node looks for connections past these limits; by itself it would look every 30 s, and a slow one live that much longer. */
const TIMEOUTS_CHECKED_EVERY_MS = 1_000
const KEEP_ALIVE_MS = 65_000
/** On close, answers under way get this long before their connections are cut. */
const DRAIN_MS = 3_000

/** What the listener refuses before any route is looked for. */
export interface ListenerRefusal {
  readonly reason:
    | 'httpMalformed'
    | 'targetMalformed'
    | 'hostForeign'
    | 'proxyBypassed'
    | 'methodNotAllowed'
    | 'clientCertificateForged'
    | 'clientCertificateMalformed'
  /** Null when the bytes were no HTTP request, or asked for a tunnel, so that nothing could be answered with an id. */
  readonly requestId: RequestId | null
  readonly clientAddress: string
}

/** Paths that load balancers and orchestrators ask for by address, so the Host header says nothing there. */
const HOST_FREE_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz'])

export interface ListenerOptions {
  readonly current: () => Snapshot
  readonly router: Router
  readonly clock: Clock
  readonly random: Random
  readonly tls: {
    readonly certificate: string
    readonly privateKey: string
  } | null
  /** Whether connections are asked for a client certificate: by TLS 1.3 alone, where it cannot change on the way. */
  readonly asksForCertificate?: boolean
  /** PEM certificates of who vouches for clients. */
  readonly clientAuthorities?: string | null
  /** The one origin that this listener answers at; absent: P, and the origin for certificates where a proxy asks for them. */
  readonly onlyOrigin?: (snapshot: Snapshot) => string
  /** What is served at the origin for certificates, where that is not P: no pages for people. */
  readonly certificateRouter?: Router
  /** A handler that threw: a bug or a broken machine. Gets the request id that the caller was shown. */
  readonly onFailure: (requestId: string, cause: unknown) => void
  /** Told of each refusal before it is answered. It must not reject. */
  readonly onRefused?: (refusal: ListenerRefusal) => Promise<void>
  /** Shorter waits than ours, in milliseconds. */
  readonly waits?: { readonly headersMs: number; readonly requestMs: number; readonly checkedEveryMs: number }
}

export interface Listener {
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>
  /** New connections use the new certificate; old ones keep theirs. */
  replaceCertificate(
    tls: { readonly certificate: string; readonly privateKey: string },
    clientAuthorities?: string | null,
  ): void
  close(): Promise<void>
}

/** The one HTTP listener: bounds, Host check, target check, request id, then the router. */
export function createListener(options: ListenerOptions): Listener {
  const proxiesOf = cachedProxies()
  const latestAnswers = new WeakMap<Duplex, ServerResponse>()
  let isClosing = false
  const onRequest: RequestListener = (request, response) => {
    latestAnswers.set(request.socket, response)
    // Node closes what is idle when closing begins, and leaves what becomes idle after that to its timeout.
    response.once('close', () => {
      if (isClosing) server.closeIdleConnections()
    })
    void answer(options, proxiesOf(options.current()), request, response)
  }
  const waits = options.waits ?? {
    headersMs: HEADERS_TIMEOUT_MS,
    requestMs: REQUEST_TIMEOUT_MS,
    checkedEveryMs: TIMEOUTS_CHECKED_EVERY_MS,
  }
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: waits.headersMs,
    requestTimeout: waits.requestMs,
    connectionsCheckingInterval: waits.checkedEveryMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Judged below, where the refusal is recorded.
    requireHostHeader: false,
    insecureHTTPParser: false,
  }
  const server: Server | HttpsServer = options.tls
    ? createHttpsServer(
        {
          ...limits,
          cert: options.tls.certificate,
          key: options.tls.privateKey,
          ...clientTls(options),
          handshakeTimeout: waits.headersMs,
        },
        onRequest,
      )
    : createHttpServer(limits, onRequest)
  server.maxConnections = CONNECTIONS_MAX
  // RFC 9110 §10.1.1: who asks leave to send its body gets it when the body is read, so never without a valid token.
  server.on('checkContinue', (request, response) => {
    request.once('resume', () => {
      if (!response.headersSent) response.writeContinue()
    })
    onRequest(request, response)
  })
  // RFC 9110 §10.1.1: another expectation is 417, which is said below like any other refusal.
  server.on('checkExpectation', onRequest)
  const refuseConnection = (socket: Duplex, reason: ListenerRefusal['reason'] | null, status: number) => {
    const peer = socket instanceof Socket ? socket.remoteAddress : undefined
    if (reason !== null) void options.onRefused?.({ reason, requestId: null, clientAddress: peer ?? '' })
    if (!socket.writable || isAnswering(latestAnswers.get(socket))) socket.destroy()
    // Destroyed after that, because the other side need not close its half, and would hold the connection for ever.
    else socket.end(answerToNoRequest(status), () => socket.destroy())
  }
  server.on('clientError', ({ code }: NodeJS.ErrnoException, socket) => {
    // The parser's own word; a connection that merely ended or grew too old is no request.
    const isMalformed = code?.startsWith('HPE_') === true
    if (isMalformed || code === 'ERR_HTTP_REQUEST_TIMEOUT')
      refuseConnection(socket, isMalformed ? 'httpMalformed' : null, statusOf(code))
    // TLS that failed or never came about: an answer would wait for that handshake, and the connection with it.
    else socket.destroy()
  })
  // Node closes those that speak HTTP; one that is still shaking hands would keep us from closing.
  const connections = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  // Node hands over the bare connection. Nobody is connected through us to anywhere.
  server.on('connect', (_request, socket) => refuseConnection(socket, 'methodNotAllowed', 405))
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          const address = server.address()
          resolve({
            host,
            port: typeof address === 'object' && address !== null ? address.port : port,
          })
        })
      }),
    replaceCertificate: (tls, clientAuthorities = null) => {
      if ('setSecureContext' in server)
        server.setSecureContext({
          cert: tls.certificate,
          key: tls.privateKey,
          ...clientTls({ ...options, clientAuthorities }),
        })
    },
    close: () =>
      new Promise((resolve) => {
        isClosing = true
        const cut = setTimeout(() => {
          for (const socket of connections) socket.destroy()
        }, DRAIN_MS)
        server.close(() => {
          clearTimeout(cut)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

/**
 * TLS 1.3 has no renegotiation, so who was at the other end at the handshake still is. Without tickets no connection goes on from an earlier
 * one, whose certificate was judged by authorities that may have been removed. A certificate that nobody vouches for is no reason to hang up:
 * it can still be what a token is bound to.
 */
function clientTls({ asksForCertificate = false, clientAuthorities = null }: Partial<ListenerOptions>): TlsOptions {
  if (!asksForCertificate) return { minVersion: 'TLSv1.2' }
  return {
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
    // Never those of Node.js or of the machine.
    ca: clientAuthorities === null ? [] : [clientAuthorities],
  }
}

/** True while bytes of ours on the connection would end up inside an answer: one that has begun, or that this one queues behind. */
function isAnswering(latest: ServerResponse | undefined): boolean {
  if (latest === undefined || latest.writableFinished) return false
  return latest.headersSent || latest.socket === null
}

function statusOf(code: string | undefined): number {
  return code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
}

function answerToNoRequest(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
}

async function answer(
  options: ListenerOptions,
  proxies: TrustedProxies,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = asRequestId(uuidv7(options.random, options.clock.nowMs()))
  response.setHeader('x-request-id', requestId)
  const snapshot = options.current()
  if (!snapshot.isLoopback) response.setHeader('strict-transport-security', 'max-age=31536000; includeSubDomains')
  try {
    const address = clientAddress(request.socket.remoteAddress, request.headers['x-forwarded-for'], proxies)
    const refused = (reason: ListenerRefusal['reason']) =>
      options.onRefused?.({ reason, requestId, clientAddress: address })
    const malformed = malformation(request)
    if (malformed !== null) {
      await refused('httpMalformed')
      sendText(response, malformed.status, `${malformed.problem} Request ${requestId}.\n`, { connection: 'close' })
      return
    }
    const target = readTarget(request.url ?? '')
    if (!target.ok) {
      await refused('targetMalformed')
      sendText(response, 400, `Bad request: ${target.refusal}. Request ${requestId}.\n`, { connection: 'close' })
      return
    }
    const { path, query } = target.value
    const peer = clientAddress(request.socket.remoteAddress, undefined, proxies)
    const certificates = clientCertificate(request, peer, snapshot, options.clock.nowSeconds())
    if (!certificates.ok) {
      await refused(certificates.refusal)
      sendText(response, 400, `A client certificate is not taken from you in a header. Request ${requestId}.\n`, {
        connection: 'close',
      })
      return
    }
    const { certificate, isFromProxy } = certificates.value
    const origin = originOf(request, snapshot, options, isFromProxy)
    if (!HOST_FREE_PATHS.has(path) && origin === null) {
      await refused('hostForeign')
      // RFC 9110 §15.5.20. Also the defence against DNS rebinding: a page of another name cannot speak to us.
      sendText(
        response,
        421,
        `This gateway answers only at ${options.onlyOrigin?.(snapshot) ?? snapshot.publicUrl}. Request ${requestId}.\n`,
        {
          connection: 'close',
        },
      )
      return
    }
    if (!HOST_FREE_PATHS.has(path) && bypassesProxy(request, snapshot, proxies)) {
      await refused('proxyBypassed')
      // RFC 9110 §15.5.20 names the scheme too: what is read or changed on the wire here must not pass for what was sent under P.
      sendText(response, 421, `This gateway answers only at ${snapshot.publicUrl}. Request ${requestId}.\n`, {
        connection: 'close',
      })
      return
    }
    const otherOrigin = origin === null || origin === snapshot.publicUrl ? null : origin
    const router = otherOrigin === null ? options.router : (options.certificateRouter ?? options.router)
    await router({
      request,
      response,
      requestId,
      path,
      query,
      clientAddress: address,
      otherOrigin,
      certificate,
    })
  } catch (cause) {
    options.onFailure(requestId, cause)
    if (response.headersSent) response.destroy()
    else
      sendText(
        response,
        500,
        `Something failed on our side. Nothing more is known to you; the operator finds it under request ${requestId}.\n`,
      )
  }
}

/** What Node's parser lets through, although the request cannot be believed to mean what we read. */
function malformation(request: IncomingMessage): { readonly status: number; readonly problem: string } | null {
  const { httpVersion, headers } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return { status: 505, problem: 'Speak HTTP/1.1.' }
  const hosts = headerCount(request, 'host')
  // RFC 9112 §3.2.
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return { status: 400, problem: 'Send one Host header.' }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue')
    return { status: 417, problem: 'The only expectation met here is 100-continue.' }
  return null
}

/**
 * The origin of ours at which a request arrived; null when it names another. The Host header is the host of P, in any case
 * (RFC 9110 §4.2.3), with its port only where that is not the default; or that of the origin for certificates, from where they are asked for.
 */
function originOf(
  { headers }: IncomingMessage,
  snapshot: Snapshot,
  { onlyOrigin }: ListenerOptions,
  isFromProxy: boolean,
): string | null {
  const host = headers.host?.toLowerCase()
  if (onlyOrigin !== undefined) {
    const origin = onlyOrigin(snapshot)
    return host === new URL(origin).host ? origin : null
  }
  if (host === hostOf(snapshot)) return snapshot.publicUrl
  const other = isFromProxy ? snapshot.mutualTls?.publicUrl : undefined
  return other !== undefined && host === new URL(other).host ? other : null
}

/** P is https and a proxy ends TLS: whoever comes in plain text and is not that proxy has gone around it. */
function bypassesProxy(request: IncomingMessage, snapshot: Snapshot, proxies: TrustedProxies): boolean {
  if (snapshot.isLoopback || snapshot.trustedProxies.length === 0 || request.socket instanceof TLSSocket) return false
  if (snapshot.dangerousOptions.includes('dangerouslyListenBeyondLoopbackWithoutTls')) return false
  return !proxies.includes(clientAddress(request.socket.remoteAddress, undefined, proxies))
}

const hostsOfSnapshots = new WeakMap<Snapshot, string>()

function hostOf(snapshot: Snapshot): string {
  const host = hostsOfSnapshots.get(snapshot) ?? new URL(snapshot.publicUrl).host
  hostsOfSnapshots.set(snapshot, host)
  return host
}

function cachedProxies(): (snapshot: Snapshot) => TrustedProxies {
  let of: Snapshot | null = null
  let proxies = trustedProxies([])
  return (snapshot) => {
    if (snapshot !== of) {
      of = snapshot
      proxies = trustedProxies(snapshot.trustedProxies)
    }
    return proxies
  }
}
