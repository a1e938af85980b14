import { BlockList, isIP, isIPv4 } from 'node:net'

/** Addresses and CIDR blocks of proxies that may say whom they speak for. Built once per snapshot. */
export interface TrustedProxies {
  includes(address: string): boolean
}

/** Entries that are neither an address nor a CIDR block were refused by the configuration; here they trust nobody. */
export function trustedProxies(entries: readonly string[]): TrustedProxies {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address)
    if (family === 0) continue
    if (bits === undefined) list.addAddress(address, family === 4 ? 'ipv4' : 'ipv6')
    else list.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6')
  }
  return {
    includes: (address) => isIP(address) !== 0 && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'),
  }
}

/**
 * The address to hold a request to account by: the peer's own, unless the peer is a trusted proxy; then the right-most
 * X-Forwarded-For entry that is not itself a trusted proxy. Anything unreadable falls back to the peer.
 */
export function clientAddress(
  peerAddress: string | undefined,
  forwardedFor: string | string[] | undefined,
  proxies: TrustedProxies,
): string {
  const peer = plain(peerAddress ?? '')
  if (forwardedFor === undefined || !proxies.includes(peer)) return peer
  const hops = (Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor).split(',').map((hop) => plain(hop))
  let address = peer
  for (const hop of hops.reverse()) {
    if (isIP(hop) === 0) break
    address = hop
    if (!proxies.includes(hop)) break
  }
  return address
}

/** IPv4-mapped IPv6 is the same host as the IPv4 address inside. */
function plain(address: string): string {
  const trimmed = address.trim()
  return trimmed.startsWith('::ffff:') && isIPv4(trimmed.slice(7)) ? trimmed.slice(7) : trimmed
}
