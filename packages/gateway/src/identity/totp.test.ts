import { describe, expect, it } from 'vitest'
import { systemRandom } from '#core/random.ts'
import { hashRecoveryCode, newRecoveryCodes, RECOVERY_CODES } from './recovery-codes.ts'
import { base32, newTotpSecret, otpauthUri, totpCode, totpStepOf } from './totp.ts'

/** RFC 4226 appendix D and RFC 6238 appendix B use this secret. */
const SECRET = Buffer.from('12345678901234567890')

describe('a one-time code', () => {
  it.each([
    [0, '755224'],
    [1, '287082'],
    [2, '359152'],
    [3, '969429'],
    [4, '338314'],
    [5, '254676'],
    [6, '287922'],
    [7, '162583'],
    [8, '399871'],
    [9, '520489'],
  ])('of counter %i is that of RFC 4226 appendix D', (counter, code) => {
    expect(totpCode(SECRET, counter)).toBe(code)
  })

  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('at %i is the end of that of RFC 6238 appendix B', (time, code) => {
    expect(totpStepOf(code, SECRET, time)).toBe(Math.floor(time / 30))
  })

  it('counts for half a minute before and after, and says for which step', () => {
    const code = totpCode(SECRET, 100)
    const steps = [98, 99, 100, 101, 102].map((step) => totpStepOf(code, SECRET, step * 30))
    expect(steps).toEqual([null, 100, 100, 100, null])
  })

  it.each(['', '28708', '2870822', '28708a', ' 287082', '２８７０８２', '-28708'])('is not %j', (typed) => {
    expect(totpStepOf(typed, SECRET, 59)).toBeNull()
  })
})

it.each([
  ['', ''],
  ['f', 'MY'],
  ['fo', 'MZXQ'],
  ['foo', 'MZXW6'],
  ['foob', 'MZXW6YQ'],
  ['fooba', 'MZXW6YTB'],
  ['foobar', 'MZXW6YTBOI'],
])('base32 of %j is %j (RFC 4648 §10, without padding)', (text, expected) => {
  expect(base32(Buffer.from(text))).toBe(expected)
})

it('what the app reads holds nothing but its parts', () => {
  const uri = new URL(otpauthUri(SECRET, { issuer: 'Sallyport (gw.example)', account: 'ada&secret=x@corp.example' }))
  expect([uri.protocol, uri.host, Object.fromEntries(uri.searchParams)]).toEqual([
    'otpauth:',
    'totp',
    { secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', issuer: 'Sallyport (gw.example)' },
  ])
  expect(newTotpSecret(systemRandom)).toHaveLength(20)
})

it('recovery codes are ten, differ, and are known however they are typed', () => {
  const codes = newRecoveryCodes(systemRandom)
  expect(new Set(codes).size).toBe(RECOVERY_CODES)
  for (const code of codes) {
    expect(code).toMatch(/^(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}$/)
    const hash = hashRecoveryCode(code)
    expect(hash).toMatch(/^[\w-]{43}$/)
    expect(hashRecoveryCode(` ${code.toLowerCase().replaceAll('-', ' ')} `)).toBe(hash)
  }
  for (const typed of ['', '123456', 'AAAA-BBBB', `${codes[0]}A`, 'AAAA-AAAA-AAAA-AAA1'])
    expect(hashRecoveryCode(typed)).toBeNull()
})
