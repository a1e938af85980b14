import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

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
  readonly #known = new Map<string, Promise<boolean>>()

  constructor(target: URL) {
    this.#host = target.hostname
    this.#isTargetPrivate = isPrivate(target.hostname)
  }

  async mayAsk(url: URL): Promise<boolean> {
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return false
    if (url.username !== '' || url.password !== '') return false
    if (url.hostname === this.#host) return true
    const known = this.#known.get(url.hostname) ?? isPrivate(url.hostname)
    this.#known.set(url.hostname, known)
    const isTargetPrivate = await this.#isTargetPrivate
    // Without TLS nothing but one's own machine is asked: a name in clear text would be anybody's.
    if (url.protocol === 'http:' && !(isTargetPrivate && isLoopback(url.hostname))) return false
    return !(await known) || isTargetPrivate
  }
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname)
}

async function isPrivate(hostname: string): Promise<boolean> {
  const literal = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(literal) !== 0) return isPrivateAddress(literal)
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true
  try {
    const addresses = await lookup(hostname, { all: true })
    return addresses.some(({ address }) => isPrivateAddress(address))
  } catch {
    // A name that leads nowhere is nobody's.
    return true
  }
}

function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)?.[1]
  if (mapped !== undefined) return PRIVATE.check(mapped, 'ipv4')
  return PRIVATE.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
