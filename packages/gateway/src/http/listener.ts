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
import type { Clock } from '#core/clock.ts'
import { asRequestId, type RequestId } from '#core/ids.ts'
import { type Random, uuidv7 } from '#core/random.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { clientAddress, type TrustedProxies, trustedProxies } from './client-address.ts'
import { sendText } from './respond.ts'
import type { Router } from './router.ts'
import { readTarget } from './target.ts'

const CONNECTIONS_MAX = 10_000
const HEADER_BYTES_MAX = 16 * 1024
/** From the start of a connection or of a request to the end of its headers; the TLS handshake has as long. */
const HEADERS_TIMEOUT_MS = 15_000
const REQUEST_TIMEOUT_MS = 60_000
const KEEP_ALIVE_MS = 65_000
/** On close, answers under way get this long before their connections are cut. */
const DRAIN_MS = 3_000

/** What the listener refuses before any route is looked for. */
export interface ListenerRefusal {
  readonly reason: 'httpMalformed' | 'targetMalformed' | 'hostForeign'
  /** Null when the bytes were no HTTP request, so that nothing could be answered with an id. */
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
  /** A handler that threw: a bug or a broken machine. Gets the request id that the caller was shown. */
  readonly onFailure: (requestId: string, cause: unknown) => void
  /** Told of each refusal before it is answered. It must not reject. */
  readonly onRefused?: (refusal: ListenerRefusal) => Promise<void>
}

export interface Listener {
  listen(host: string, port: number): Promise<{ readonly host: string; readonly port: number }>
  /** New connections use the new certificate; old ones keep theirs. */
  replaceCertificate(tls: { readonly certificate: string; readonly privateKey: string }): void
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
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requireHostHeader: true,
    insecureHTTPParser: false,
  }
  const server: Server | HttpsServer = options.tls
    ? createHttpsServer(
        {
          ...limits,
          cert: options.tls.certificate,
          key: options.tls.privateKey,
          minVersion: 'TLSv1.2',
          handshakeTimeout: HEADERS_TIMEOUT_MS,
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
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The parser's own word; a connection that merely ended or grew too old is no request.
    if (error.code?.startsWith('HPE_') === true) {
      const peer = socket instanceof Socket ? socket.remoteAddress : undefined
      void options.onRefused?.({ reason: 'httpMalformed', requestId: null, clientAddress: peer ?? '' })
    }
    if (!socket.writable || isAnswering(latestAnswers.get(socket))) socket.destroy()
    // Destroyed after that, because the other side need not close its half, and would hold the connection for ever.
    else socket.end(answerToNoRequest(error.code), () => socket.destroy())
  })
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
    replaceCertificate: (tls) => {
      if ('setSecureContext' in server) server.setSecureContext({ cert: tls.certificate, key: tls.privateKey })
    },
    close: () =>
      new Promise((resolve) => {
        isClosing = true
        const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
        server.close(() => {
          clearTimeout(cut)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

/** True while bytes of ours on the connection would end up inside an answer: one that has begun, or that this one queues behind. */
function isAnswering(latest: ServerResponse | undefined): boolean {
  if (latest === undefined || latest.writableFinished) return false
  return latest.headersSent || latest.socket === null
}

function answerToNoRequest(code: string | undefined): string {
  const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
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
    const target = readTarget(request.url ?? '')
    if (!target.ok) {
      await refused('targetMalformed')
      sendText(response, 400, `Bad request: ${target.refusal}. Request ${requestId}.\n`, { connection: 'close' })
      return
    }
    const { path, query } = target.value
    if (!HOST_FREE_PATHS.has(path) && !hostIsOurs(request, snapshot)) {
      await refused('hostForeign')
      // RFC 9110 §15.5.20. Also the defence against DNS rebinding: a page of another name cannot speak to us.
      sendText(response, 421, `This gateway answers only at ${snapshot.publicUrl}. Request ${requestId}.\n`, {
        connection: 'close',
      })
      return
    }
    await options.router({
      request,
      response,
      requestId,
      path,
      query,
      clientAddress: address,
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

/** The Host header is there once and is the host of P, in any case (RFC 9110 §4.2.3), with its port only where that is not the default. */
function hostIsOurs(request: IncomingMessage, snapshot: Snapshot): boolean {
  let hosts = 0
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    if (request.rawHeaders[index]?.toLowerCase() === 'host') hosts += 1
  }
  return hosts === 1 && request.headers.host?.toLowerCase() === hostOf(snapshot)
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
