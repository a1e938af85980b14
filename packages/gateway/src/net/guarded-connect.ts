import { lookup } from 'node:dns/promises'
import { isIP, connect as netConnect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import type { buildConnector } from 'undici'
import { classifyAddress, isAllowedAddress, type Network } from './addresses.ts'
import { OutboundFailure } from './outbound-failure.ts'

/** Turns a host name into every address it has. Rejects when there is none. */
export type AddressResolver = (hostname: string) => Promise<readonly string[]>

/** The operating system's resolver, so that /etc/hosts counts. */
export const systemResolver: AddressResolver = async (hostname) => {
  const found = await lookup(hostname, { all: true, order: 'verbatim' })
  return found.map((entry) => entry.address)
}

/** A name with more addresses than this is refused: nobody serves a document or an MCP endpoint from so many. */
const ADDRESSES_MAX = 64
/** Addresses of one name that are tried in turn before giving up. */
const ADDRESSES_TRIED_MAX = 4
const KEEP_ALIVE_INITIAL_DELAY_MS = 60_000

export interface GuardedConnectOptions {
  readonly network: Network
  /** For name resolution, TCP and TLS together. */
  readonly connectTimeoutMs: number
  readonly resolve?: AddressResolver | undefined
  /** Certificates (PEM) that the other side may be signed with, instead of the platform's. */
  readonly ca?: string | undefined
  /** Ends an attempt under way. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The only way this process opens an outbound TCP connection on behalf of a URL.
 *
 * The name is resolved once, every address it has must lie in the allowed network before any is connected to, and the connection goes
 * to the address that was judged: a name that answers differently the next time (DNS rebinding) is not asked a next time. Failures
 * are `OutboundFailure`.
 */
export function createGuardedConnector(options: GuardedConnectOptions): buildConnector.connector {
  return (target, callback) => {
    void connectAndTell(target, options, callback)
  }
}

async function connectAndTell(
  target: buildConnector.Options,
  options: GuardedConnectOptions,
  callback: buildConnector.Callback,
): Promise<void> {
  let socket: Socket
  try {
    socket = await openConnection(target, options)
  } catch (error) {
    callback(asFailure(error), null)
    return
  }
  callback(null, socket)
}

/** Every address of the host, all judged. A literal is judged as it is. */
export async function resolveAllowed(
  hostname: string,
  network: Network,
  resolve: AddressResolver = systemResolver,
): Promise<readonly string[]> {
  const host = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname
  const addresses = isIP(host) !== 0 ? [host] : await resolveName(host, resolve)
  if (addresses.length === 0 || addresses.length > ADDRESSES_MAX) throw new OutboundFailure('nameNotResolved')
  // One bad address refuses them all: a name that points inside as well as outside is not a mistake to work around.
  if (!addresses.every((address) => isAllowedAddress(address, network))) throw new OutboundFailure('addressNotAllowed')
  return addresses
}

async function resolveName(host: string, resolve: AddressResolver): Promise<readonly string[]> {
  try {
    return await resolve(host)
  } catch (cause) {
    throw new OutboundFailure('nameNotResolved', cause)
  }
}

async function openConnection(target: buildConnector.Options, options: GuardedConnectOptions): Promise<Socket> {
  const deadline = AbortSignal.timeout(options.connectTimeoutMs)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  const reasonOfAbort = (): OutboundFailure => new OutboundFailure(deadline.aborted ? 'timedOut' : 'aborted')
  // undici hands over what the URL parser made of the host, so 0x7f.1 and 2130706433 are dotted quads by now.
  const addresses = await untilAborted(
    resolveAllowed(target.hostname, options.network, options.resolve),
    signal,
    reasonOfAbort,
  )
  const port = Number(target.port === '' ? (target.protocol === 'https:' ? 443 : 80) : target.port)

  let failure: unknown = new OutboundFailure('unreachable')
  for (const address of addresses.slice(0, ADDRESSES_TRIED_MAX)) {
    try {
      const socket = await connectTo(address, port, signal, reasonOfAbort)
      requirePinned(socket, address, options.network)
      return target.protocol === 'https:' ? await secure(socket, target, options, signal, reasonOfAbort) : socket
    } catch (error) {
      failure = error
      // Only a host that cannot be reached is worth a second address; a wrong certificate or a broken guard is an answer.
      if (!(error instanceof OutboundFailure && error.reason === 'unreachable')) break
    }
  }
  throw failure
}

function connectTo(
  address: string,
  port: number,
  signal: AbortSignal,
  aborted: () => OutboundFailure,
): Promise<Socket> {
  const socket = netConnect({ host: address, port, family: isIP(address), autoSelectFamily: false, noDelay: true })
  socket.setKeepAlive(true, KEEP_ALIVE_INITIAL_DELAY_MS)
  return untilEvent(socket, 'connect', signal, aborted, 'unreachable')
}

/** A second look at where the socket really ended: if the platform ever took us elsewhere, nothing is sent there. */
function requirePinned(socket: Socket, address: string, network: Network): void {
  const remote = socket.remoteAddress
  if (remote !== undefined && classifyAddress(remote) === network && sameAddress(remote, address)) return
  socket.destroy()
  throw new OutboundFailure('addressNotAllowed')
}

function secure(
  socket: Socket,
  target: buildConnector.Options,
  options: GuardedConnectOptions,
  signal: AbortSignal,
  aborted: () => OutboundFailure,
): Promise<Socket> {
  const host = target.hostname.startsWith('[') ? target.hostname.slice(1, -1) : target.hostname
  const secured = tlsConnect({
    socket,
    // The certificate is checked against the name in the URL, although the address was chosen by us.
    host,
    // RFC 6066 §3: no literal addresses in SNI.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise turn it off.
    rejectUnauthorized: true,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  })
  return untilEvent(secured, 'secureConnect', signal, aborted, 'tlsFailed')
}

function untilEvent<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
  aborted: () => OutboundFailure,
  reason: 'unreachable' | 'tlsFailed',
): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.removeListener(event, onReady)
      socket.removeListener('error', onError)
      socket.removeListener('close', onClose)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (failure: OutboundFailure): void => {
      settle()
      // A destroyed socket may still emit; without a listener that would end the process.
      socket.on('error', () => {})
      socket.destroy()
      reject(failure)
    }
    const onReady = (): void => {
      settle()
      resolve(socket)
    }
    const onError = (cause: unknown): void => fail(new OutboundFailure(reason, cause))
    const onClose = (): void => fail(new OutboundFailure(reason))
    const onAbort = (): void => fail(aborted())
    socket.once(event, onReady)
    socket.once('error', onError)
    socket.once('close', onClose)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal, aborted: () => OutboundFailure): Promise<T> {
  let onAbort = (): void => {}
  const abort = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(aborted())
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, abort])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function sameAddress(a: string, b: string): boolean {
  const canonical = (address: string): string =>
    isIP(address) === 6 ? new URL(`http://[${address}]/`).hostname : address
  return canonical(a) === canonical(b)
}

function asFailure(error: unknown): OutboundFailure {
  return error instanceof OutboundFailure ? error : new OutboundFailure('unreachable', error)
}
