import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * What a connection to an address would reach.
 * - `public`: globally routable unicast.
 * - `private`: RFC 1918, unique local (RFC 4193) and shared address space (RFC 6598): somebody's inside.
 * - `loopback`: this machine.
 * - `special`: everything else the IANA special-purpose registries name, and every address that is not global unicast. Never connected to.
 */
export type AddressKind = 'public' | 'private' | 'loopback' | 'special'

/** Which kind of address a host may resolve to. Exactly one: a name that answers from two networks is refused. */
export type Network = 'public' | 'private' | 'loopback'

/** Judges one address in text form. Anything that is not a plain IP address (zone ids included) is `special`. */
export function classifyAddress(address: string): AddressKind {
  if (isIPv4(address)) return classifyV4(address)
  // A zone id (`fe80::1%eth0`) passes isIPv6; it only ever names a link-local scope.
  if (isIPv6(address) && !address.includes('%')) return classifyV6(address)
  return 'special'
}

export function isAllowedAddress(address: string, network: Network): boolean {
  return classifyAddress(address) === network
}

/**
 * The network a caller's address belongs to, for counting: an IPv4 address stands for itself, an IPv6 address for its /64
 * (the smallest block a subscriber gets, RFC 6177), because one host can speak from all of it.
 */
export function addressGroup(address: string): string {
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return 'unknown'
  const words = v6Words(address.split('%')[0] ?? address)
  const inner = mappedV4(words)
  if (inner !== null) return inner
  const prefix = words.slice(0, 4).map((word) => word.toString(16))
  return `${prefix.join(':')}::/64`
}

type Range = readonly [prefix: string, bits: number]

const V4_LOOPBACK: readonly Range[] = [['127.0.0.0', 8]]

const V4_PRIVATE: readonly Range[] = [
  ['10.0.0.0', 8], // RFC 1918
  ['172.16.0.0', 12], // RFC 1918
  ['192.168.0.0', 16], // RFC 1918
  ['100.64.0.0', 10], // RFC 6598, carrier-grade NAT; overlay networks use it as a private range
]

/** IANA IPv4 Special-Purpose Address Registry, globally reachable anycast entries included: no document or upstream lives there. */
const V4_SPECIAL: readonly Range[] = [
  ['0.0.0.0', 8], // RFC 791, "this network"; many stacks connect 0.0.0.0 to loopback
  ['169.254.0.0', 16], // RFC 3927, link local; cloud metadata services answer at 169.254.169.254
  ['192.0.0.0', 24], // RFC 6890, IETF protocol assignments
  ['192.0.2.0', 24], // RFC 5737, TEST-NET-1
  ['192.31.196.0', 24], // RFC 7535, AS112
  ['192.52.193.0', 24], // RFC 7450, AMT
  ['192.88.99.0', 24], // RFC 7526, deprecated 6to4 relay anycast
  ['192.175.48.0', 24], // RFC 7534, AS112
  ['198.18.0.0', 15], // RFC 2544, benchmarking
  ['198.51.100.0', 24], // RFC 5737, TEST-NET-2
  ['203.0.113.0', 24], // RFC 5737, TEST-NET-3
  ['224.0.0.0', 4], // RFC 5771, multicast
  ['240.0.0.0', 4], // RFC 1112 §4, reserved; 255.255.255.255 is RFC 919, limited broadcast
]

const V6_LOOPBACK: readonly Range[] = [['::1', 128]]

const V6_PRIVATE: readonly Range[] = [['fc00::', 7]] // RFC 4193, unique local

/** RFC 4291 §2.4: the only block global unicast is assigned from. Outside it nothing is public. */
const V6_GLOBAL_UNICAST: readonly Range[] = [['2000::', 3]]

/** IANA IPv6 Special-Purpose Address Registry, as far as it lies inside 2000::/3. */
const V6_SPECIAL: readonly Range[] = [
  ['2001::', 23], // RFC 2928, protocol assignments: Teredo 2001::/32, benchmarking 2001:2::/48, ORCHID, DRIP ...
  ['2001:db8::', 32], // RFC 3849, documentation
  ['2002::', 16], // RFC 3056, 6to4: carries an IPv4 address of anybody's choice
  ['2620:4f:8000::', 48], // RFC 7534, AS112
  ['3fff::', 20], // RFC 9637, documentation
]

const lists = {
  v4Loopback: blockList(V4_LOOPBACK, 'ipv4'),
  v4Private: blockList(V4_PRIVATE, 'ipv4'),
  v4Special: blockList(V4_SPECIAL, 'ipv4'),
  v6Loopback: blockList(V6_LOOPBACK, 'ipv6'),
  v6Private: blockList(V6_PRIVATE, 'ipv6'),
  v6Global: blockList(V6_GLOBAL_UNICAST, 'ipv6'),
  v6Special: blockList(V6_SPECIAL, 'ipv6'),
}

function classifyV4(address: string): AddressKind {
  if (lists.v4Loopback.check(address, 'ipv4')) return 'loopback'
  if (lists.v4Private.check(address, 'ipv4')) return 'private'
  if (lists.v4Special.check(address, 'ipv4')) return 'special'
  return 'public'
}

function classifyV6(address: string): AddressKind {
  // RFC 6052 §3.1: the well-known NAT64 prefix is how an IPv6-only network names IPv4 hosts (DNS64), so it is judged by the host it
  // leads to. Every other form that embeds an IPv4 address (mapped, compatible, 6to4, Teredo, local NAT64) is special whatever it holds.
  const inner = nat64V4(v6Words(address))
  if (inner !== null) return classifyV4(inner) === 'public' ? 'public' : 'special'
  if (lists.v6Loopback.check(address, 'ipv6')) return 'loopback'
  if (lists.v6Private.check(address, 'ipv6')) return 'private'
  if (lists.v6Special.check(address, 'ipv6')) return 'special'
  if (lists.v6Global.check(address, 'ipv6')) return 'public'
  return 'special'
}

function nat64V4(words: readonly number[]): string | null {
  const isWellKnownPrefix = words[0] === 0x64 && words[1] === 0xff9b && words.slice(2, 6).every((word) => word === 0)
  return isWellKnownPrefix ? dottedTail(words) : null
}

function mappedV4(words: readonly number[]): string | null {
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff
  return isMapped ? dottedTail(words) : null
}

function dottedTail(words: readonly number[]): string {
  const [high = 0, low = 0] = words.slice(6)
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}

/** The eight 16-bit words of a valid IPv6 address without zone. The URL parser gives it its one canonical spelling first. */
function v6Words(address: string): readonly number[] {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].map((word) => Number.parseInt(word, 16))
}

function blockList(ranges: readonly Range[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const [prefix, bits] of ranges) list.addSubnet(prefix, bits, family)
  return list
}
