import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressGroup, classifyAddress, isAllowedAddress } from './addresses.ts'

/** Range, first address, last address, kind: written out from the IANA registries (2026), not computed. */
const RANGES: readonly (readonly [name: string, first: string, last: string, kind: string])[] = [
  ['0.0.0.0/8 this network', '0.0.0.0', '0.255.255.255', 'special'],
  ['10.0.0.0/8', '10.0.0.0', '10.255.255.255', 'private'],
  ['100.64.0.0/10 shared', '100.64.0.0', '100.127.255.255', 'private'],
  ['127.0.0.0/8', '127.0.0.0', '127.255.255.255', 'loopback'],
  ['169.254.0.0/16 link local', '169.254.0.0', '169.254.255.255', 'special'],
  ['cloud metadata', '169.254.169.254', '169.254.170.2', 'special'],
  ['172.16.0.0/12', '172.16.0.0', '172.31.255.255', 'private'],
  ['192.0.0.0/24', '192.0.0.0', '192.0.0.255', 'special'],
  ['192.0.2.0/24 TEST-NET-1', '192.0.2.0', '192.0.2.255', 'special'],
  ['192.31.196.0/24', '192.31.196.0', '192.31.196.255', 'special'],
  ['192.52.193.0/24', '192.52.193.0', '192.52.193.255', 'special'],
  ['192.88.99.0/24', '192.88.99.0', '192.88.99.255', 'special'],
  ['192.168.0.0/16', '192.168.0.0', '192.168.255.255', 'private'],
  ['192.175.48.0/24', '192.175.48.0', '192.175.48.255', 'special'],
  ['198.18.0.0/15 benchmarking', '198.18.0.0', '198.19.255.255', 'special'],
  ['198.51.100.0/24 TEST-NET-2', '198.51.100.0', '198.51.100.255', 'special'],
  ['203.0.113.0/24 TEST-NET-3', '203.0.113.0', '203.0.113.255', 'special'],
  ['224.0.0.0/4 multicast', '224.0.0.0', '239.255.255.255', 'special'],
  ['240.0.0.0/4 reserved', '240.0.0.0', '255.255.255.254', 'special'],
  ['broadcast', '255.255.255.255', '255.255.255.255', 'special'],
  ['unspecified', '::', '0:0:0:0:0:0:0:0', 'special'],
  ['v6 loopback', '::1', '0:0:0:0:0:0:0:1', 'loopback'],
  ['IPv4-compatible', '::2', '::255.255.255.255', 'special'],
  ['IPv4-mapped', '::ffff:0.0.0.0', '::ffff:255.255.255.255', 'special'],
  ['IPv4-mapped of a public address', '::ffff:8.8.8.8', '::ffff:808:808', 'special'],
  ['IPv4-translated', '::ffff:0:0.0.0.0', '::ffff:0:ffff:ffff', 'special'],
  ['local NAT64', '64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['discard only', '100::', '100::ffff:ffff:ffff:ffff', 'special'],
  ['dummy prefix', '100:0:0:1::', '100:0:0:1:ffff:ffff:ffff:ffff', 'special'],
  ['protocol assignments', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['Teredo', '2001::', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['benchmarking v6', '2001:2::', '2001:2:0:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['ORCHID', '2001:10::', '2001:1f:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['ORCHIDv2', '2001:20::', '2001:2f:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['documentation', '2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['6to4', '2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['AS112 v6', '2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['documentation 2', '3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['SRv6 SIDs', '5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['unique local', 'fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'private'],
  ['link local v6', 'fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['site local', 'fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['multicast v6', 'ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
  ['unassigned', '4000::', '5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'special'],
]

/** The neighbours just outside, so that a range is not wider than it should be. */
const PUBLIC = [
  '1.0.0.0',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.0.3.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2000::',
  '2001:200::',
  '2001:db7:ffff:ffff:ffff:ffff:ffff:ffff',
  '2001:db9::',
  '2003::',
  '2606:4700:4700::1111',
  '3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '3fff:1000::',
]

describe('addresses are judged by the IANA special-purpose registries (RFC 6890)', () => {
  test.each(RANGES)('%s: %s to %s is %s', (_name, first, last, kind) => {
    expect([classifyAddress(first), classifyAddress(last)]).toEqual([kind, kind])
  })

  test.each(PUBLIC)('%s lies just outside and is public', (address) => {
    expect(classifyAddress(address)).toBe('public')
  })

  test('the NAT64 well-known prefix is judged by the IPv4 address inside it (RFC 6052)', () => {
    expect(classifyAddress('64:ff9b::8.8.8.8')).toBe('public')
    expect(classifyAddress('64:ff9b::808:808')).toBe('public')
    for (const inner of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '0.0.0.0', '192.168.1.1', '100.64.0.1']) {
      expect(classifyAddress(`64:ff9b::${inner}`), inner).toBe('special')
    }
  })

  test('what is not a plain address is special', () => {
    for (const text of [
      '',
      'localhost',
      '127.1',
      '0x7f000001',
      '2130706433',
      '127.0.0.1 ',
      'fe80::1%eth0',
      '[::1]',
      '1.2.3.4.5',
    ])
      expect(classifyAddress(text), text).toBe('special')
  })

  test('no embedding of an inner address makes it public unless the inner address is (any IPv4, every known form)', () => {
    fc.assert(
      fc.property(fc.ipV4(), (inner) => {
        const kind = classifyAddress(inner)
        const octets = inner.split('.').map(Number)
        const hex = octets.map((octet) => octet.toString(16).padStart(2, '0')).join('')
        const [high, low] = [hex.slice(0, 4), hex.slice(4)]
        const forms = [
          `::${inner}`,
          `::ffff:${inner}`,
          `::ffff:0:${inner}`,
          `2002:${high}:${low}::`,
          `64:ff9b:1::${inner}`,
        ]
        for (const form of forms) expect(['special', 'loopback']).toContain(classifyAddress(form))
        expect(classifyAddress(`64:ff9b::${inner}`)).toBe(kind === 'public' ? 'public' : 'special')
      }),
    )
  })

  test('every spelling of one IPv6 address gets the same answer', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
        expect(classifyAddress(address)).toBe(classifyAddress(canonical))
        expect(classifyAddress(address.toUpperCase())).toBe(classifyAddress(canonical))
      }),
    )
  })

  test('a network allows its own kind and nothing else', () => {
    const samples = { public: '8.8.8.8', private: '10.1.2.3', loopback: '127.0.0.1', special: '169.254.169.254' }
    for (const network of ['public', 'private', 'loopback'] as const)
      for (const [kind, address] of Object.entries(samples))
        expect(isAllowedAddress(address, network), `${address} on ${network}`).toBe(kind === network)
  })
})

test('a caller is counted by IPv4 address or IPv6 /64', () => {
  expect(addressGroup('203.0.113.7')).toBe('203.0.113.7')
  expect(addressGroup('::ffff:203.0.113.7')).toBe('203.0.113.7')
  expect(addressGroup('2001:db8:1:2:aaaa::1')).toBe(addressGroup('2001:db8:1:2:ffff:1:2:3'))
  expect(addressGroup('2001:db8:1:2::1')).not.toBe(addressGroup('2001:db8:1:3::1'))
  expect(addressGroup('nonsense')).toBe('unknown')
})
