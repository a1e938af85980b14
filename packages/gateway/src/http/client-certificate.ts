import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { PresentedCertificate } from '#core/presented-certificate.ts'
import { ok, type Result, refused } from '#core/result.ts'
import type { MutualTls, Snapshot } from '#core/snapshot.ts'
import { isInForce, isVouchedFor, readCertificates } from './certificate-chain.ts'
import { type TrustedProxies, trustedProxies } from './client-address.ts'
import { headerCount } from './header-count.ts'

/** RFC 9440 §2. */
const CERTIFICATE_HEADER = 'client-cert'
const CHAIN_HEADER = 'client-cert-chain'
/** By which a proxy shows that it is the one that was configured. */
export const PROXY_SECRET_HEADER = 'sallyport-proxy-secret'
const HEADERS = [CERTIFICATE_HEADER, CHAIN_HEADER, PROXY_SECRET_HEADER] as const

/** A certificate of a client has one or two KiB. */
const CERTIFICATE_CHARACTERS_MAX = 8 * 1024
const INTERMEDIATES_MAX = 4

export interface ClientCertificates {
  readonly certificate: PresentedCertificate | null
  /** Whether the request came through the proxy that asks for certificates. */
  readonly isFromProxy: boolean
}

const NONE: Result<ClientCertificates, never> = ok({ certificate: null, isFromProxy: false })

/**
 * The certificate that a request came with: of its TLS connection, where our listener asked for one, or in the headers of the one proxy that
 * is believed. Those headers from anybody else are refused and not merely ignored: an attempt to be somebody else is no request to serve,
 * and a proxy that is set up wrongly must not look as if it worked.
 */
export function clientCertificate(
  request: IncomingMessage,
  peerAddress: string,
  { mutualTls }: Pick<Snapshot, 'mutualTls'>,
  nowSeconds: number,
): Result<ClientCertificates, 'clientCertificateForged' | 'clientCertificateMalformed'> {
  const { headers } = request
  if (HEADERS.every((name) => headers[name] === undefined)) return ofConnection(request, mutualTls, nowSeconds)
  if (mutualTls?.proxy == null || !isTheProxy(request, peerAddress, mutualTls.proxy))
    return refused('clientCertificateForged')
  if (headers[CERTIFICATE_HEADER] === undefined && headers[CHAIN_HEADER] === undefined)
    return ok({ certificate: null, isFromProxy: true })
  const read = readHeaders(request, mutualTls, nowSeconds)
  return read === null ? refused('clientCertificateMalformed') : ok({ certificate: read, isFromProxy: true })
}

/** What a connection showed, and the authorities by which it was judged then: those in force now may be others. */
const shown = new WeakMap<
  TLSSocket,
  { readonly certificate: X509Certificate | null; readonly authorities: string | null }
>()

function ofConnection(
  { socket }: IncomingMessage,
  mutualTls: MutualTls | null,
  nowSeconds: number,
): Result<ClientCertificates, never> {
  if (mutualTls === null || !(socket instanceof TLSSocket)) return NONE
  const known = shown.get(socket) ?? {
    certificate: socket.getPeerX509Certificate() ?? null,
    authorities: mutualTls.authorities,
  }
  shown.set(socket, known)
  if (known.certificate === null) return NONE
  // OpenSSL judged the chain at the handshake. A connection may outlive its certificate, and the trust in who vouched for it.
  const isTrusted =
    socket.authorized && known.authorities === mutualTls.authorities && isInForce(known.certificate, nowSeconds)
  return ok({ certificate: present(known.certificate, isTrusted), isFromProxy: false })
}

function isTheProxy(request: IncomingMessage, peerAddress: string, proxy: NonNullable<MutualTls['proxy']>): boolean {
  const secret = request.headers[PROXY_SECRET_HEADER]
  if (headerCount(request, PROXY_SECRET_HEADER) !== 1 || typeof secret !== 'string') return false
  // Both are looked at, whichever fails.
  const isRightSecret = timingSafeEqual(digest(secret), digest(proxy.secret.reveal()))
  return addressesOf(proxy).includes(peerAddress) && isRightSecret
}

const addresses = new WeakMap<object, TrustedProxies>()

function addressesOf(proxy: NonNullable<MutualTls['proxy']>): TrustedProxies {
  const known = addresses.get(proxy) ?? trustedProxies(proxy.addresses)
  addresses.set(proxy, known)
  return known
}

/** RFC 9440 §2.2, §2.3: byte sequences of structured fields. Null for anything else than one certificate and at most one chain. */
function readHeaders(
  request: IncomingMessage,
  { authorities }: MutualTls,
  nowSeconds: number,
): PresentedCertificate | null {
  const chainCount = headerCount(request, CHAIN_HEADER)
  if (headerCount(request, CERTIFICATE_HEADER) !== 1 || chainCount > 1) return null
  const leaf = readByteSequence(String(request.headers[CERTIFICATE_HEADER]))
  const items = chainCount === 0 ? [] : String(request.headers[CHAIN_HEADER]).split(',')
  if (leaf === null || items.length > INTERMEDIATES_MAX) return null
  const intermediates = items.map((item) => readByteSequence(item.trim()))
  if (!intermediates.every((certificate) => certificate !== null)) return null
  const trusted = authorities === null ? [] : authoritiesOf(authorities)
  return present(leaf, isVouchedFor(leaf, intermediates, trusted, nowSeconds))
}

function readByteSequence(text: string): X509Certificate | null {
  const [, base64] = (text.length <= CERTIFICATE_CHARACTERS_MAX && /^:([A-Za-z0-9+/]+={0,2}):$/.exec(text)) || []
  if (base64 === undefined) return null
  const der = Buffer.from(base64, 'base64')
  // One spelling, and nothing after the certificate.
  if (der.toString('base64') !== base64) return null
  try {
    const certificate = new X509Certificate(der)
    return certificate.raw.equals(der) ? certificate : null
  } catch {
    return null
  }
}

let parsed: { readonly pem: string; readonly certificates: readonly X509Certificate[] } | null = null

/** The configuration has seen that they can be read. */
function authoritiesOf(pem: string): readonly X509Certificate[] {
  if (parsed?.pem !== pem) parsed = { pem, certificates: readCertificates(pem) }
  return parsed.certificates
}

function present(certificate: X509Certificate, isTrusted: boolean): PresentedCertificate {
  return {
    x5t: createHash('sha256').update(certificate.raw).digest('base64url'),
    pem: certificate.toString(),
    validFrom: Date.parse(certificate.validFrom) / 1000,
    validTo: Date.parse(certificate.validTo) / 1000,
    isVouchedFor: isTrusted,
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
