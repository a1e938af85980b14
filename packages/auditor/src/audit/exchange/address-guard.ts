import { lookup as lookupNow } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { BlockList, isIP, type LookupFunction } from 'node:net'

const PRIVATE = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 127],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6')

/**
 * Decides where URLs that a target names may lead: to the target's own host, and over https to public addresses. What lies on this machine
 * or in its network is reached only when the target lies there too.
 */
export class AddressGuard {
  readonly #host: string
  readonly #isTargetPrivate: Promise<boolean>
  #mayBePrivate = false
  readonly #known = new Map<string, Promise<boolean>>()

  constructor(target: URL) {
    this.#host = target.hostname
    this.#isTargetPrivate = isPrivate(target.hostname, false)
  }

  async mayAsk(url: URL): Promise<boolean> {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return false
    if (url.username !== '' || url.password !== '') return false
    const known = this.#known.get(url.hostname) ?? isPrivate(url.hostname, true)
    this.#known.set(url.hostname, known)
    const isTargetPrivate = await this.#isTargetPrivate
    this.#mayBePrivate = isTargetPrivate
    if (url.hostname === this.#host) return true
    // Without TLS nothing but one's own machine is asked: a name in clear text would be anybody's.
    if (url.protocol === 'http:' && !(isTargetPrivate && isLoopback(url.hostname))) return false
    return !(await known) || isTargetPrivate
  }

  /**
   * Looks a name up for a connection, and refuses what `mayAsk` would: a name may lead elsewhere by then. The target's own name is the user's
   * to give.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    lookupNow(hostname, options, (error, address, family) => {
      const found =
        typeof address === 'string' ? [address] : ((address ?? []) as { address: string }[]).map((one) => one.address)
      const isRefused = error === null && hostname !== this.#host && !this.#mayBePrivate && found.some(isPrivateAddress)
      callback(isRefused ? Object.assign(new Error('refused'), { code: 'EREFUSED' }) : error, address, family)
    })
  }
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname)
}

/** A name that leads nowhere is what `ifUnknown` says. */
async function isPrivate(hostname: string, ifUnknown: boolean): Promise<boolean> {
  const literal = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(literal) !== 0) return isPrivateAddress(literal)
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true
  try {
    const addresses = await lookup(hostname, { all: true })
    return addresses.some(({ address }) => isPrivateAddress(address))
  } catch {
    return ifUnknown
  }
}

function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1]
  if (mapped !== undefined) return PRIVATE.check(mapped, 'ipv4')
  return PRIVATE.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
