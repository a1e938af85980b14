import { describe, expect, it } from 'vitest'
import { clientAddress, trustedProxies } from './client-address.ts'

const proxies = trustedProxies(['10.0.0.1', '192.168.0.0/16', 'fd00::/8'])

describe('whom a request comes from', () => {
  it.each([
    ['the peer, when it is no proxy', '203.0.113.9', '1.2.3.4', '203.0.113.9'],
    ['the peer, when nothing was forwarded', '10.0.0.1', undefined, '10.0.0.1'],
    ['the hop in front of a trusted proxy', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    [
      'the nearest hop that is not trusted, whatever stands before it',
      '10.0.0.1',
      '6.6.6.6, 203.0.113.9, 192.168.3.4',
      '203.0.113.9',
    ],
    ['the last readable hop, when the header is nonsense', '10.0.0.1', 'unknown', '10.0.0.1'],
    ['the inner address of a mapped one', '::ffff:10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['the hop behind an IPv6 proxy', 'fd00::5', '2001:db8::1', '2001:db8::1'],
  ])('is %s', (_title, peer, forwarded, expected) => {
    expect(clientAddress(peer, forwarded, proxies)).toBe(expected)
  })

  it('is always the peer while no proxy is configured', () => {
    expect(clientAddress('127.0.0.1', '203.0.113.9', trustedProxies([]))).toBe('127.0.0.1')
  })
})
