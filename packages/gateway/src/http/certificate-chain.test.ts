import { X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import { rootCertificate, type TestCertificate } from '../../test/support/certificates.ts'
import { isVouchedFor, readCertificates } from './certificate-chain.ts'

const now = Math.floor(Date.now() / 1000)
const DAY_MS = 86_400_000
const root = rootCertificate()
const stranger = rootCertificate()
const of = ({ cert }: TestCertificate) => new X509Certificate(cert)
const judge = (leaf: TestCertificate, chain: readonly TestCertificate[] = [], trusted = [root], at = now) =>
  isVouchedFor(of(leaf), chain.map(of), trusted.map(of), at)

it('an authority vouches for whom it issued, also through intermediates', () => {
  const middle = root.issue({ isAuthority: true, commonName: 'middle' })
  const lower = middle.issue({ isAuthority: true, commonName: 'lower' })
  expect(judge(root.issue())).toBe(true)
  expect(judge(middle.issue(), [middle])).toBe(true)
  expect(judge(lower.issue(), [middle, lower])).toBe(true)
  expect(judge(root.issue(), [], [stranger, root])).toBe(true)
})

it.each<[string, () => boolean]>([
  ['nobody is trusted', () => judge(root.issue(), [], [])],
  ['a stranger issued it, under the same name', () => judge(stranger.issue())],
  ['it signed itself', () => judge(rootCertificate({ isAuthority: false }))],
  ['the intermediate is missing', () => judge(root.issue({ isAuthority: true, commonName: 'm' }).issue())],
  [
    'a leaf issued it',
    () => {
      const leaf = root.issue({ commonName: 'leaf' })
      return judge(leaf.issue(), [leaf])
    },
  ],
  [
    'the intermediate is another of the same name',
    () =>
      judge(root.issue({ isAuthority: true, commonName: 'm' }).issue(), [
        root.issue({ isAuthority: true, commonName: 'm' }),
      ]),
  ],
  ['it is for servers', () => judge(root.issue({ isForServers: true }))],
  ['it is over', () => judge(root.issue({ notBeforeMs: Date.now() - 2 * DAY_MS, notAfterMs: Date.now() - DAY_MS }))],
  [
    'it is yet to come',
    () => judge(root.issue({ notBeforeMs: Date.now() + DAY_MS, notAfterMs: Date.now() + 2 * DAY_MS })),
  ],
  [
    'an intermediate is over',
    () => {
      const old = root.issue({ isAuthority: true, commonName: 'old', notBeforeMs: 0, notAfterMs: Date.now() - DAY_MS })
      return judge(old.issue(), [old])
    },
  ],
  [
    'the authority is over',
    () => judge(root.issue({ notAfterMs: Date.now() + 9 * DAY_MS }), [], [root], now + 5 * 86_400),
  ],
  [
    'the chain is too long',
    () => {
      const chain = [root]
      for (let depth = 0; depth < 5; depth += 1)
        chain.push((chain.at(-1) ?? root).issue({ isAuthority: true, commonName: `m${depth}` }))
      return judge((chain.at(-1) ?? root).issue(), chain.slice(1))
    },
  ],
])('nobody vouches where %s', (_, judged) => {
  expect(judged()).toBe(false)
})

it('a bundle is read whole', () => {
  expect(readCertificates(`# ours\n${root.cert}\n${stranger.cert}`)).toHaveLength(2)
  expect(readCertificates('nothing')).toEqual([])
  expect(() => readCertificates('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toThrow()
})
