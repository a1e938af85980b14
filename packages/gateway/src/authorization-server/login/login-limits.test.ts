import { describe, expect, test } from 'vitest'
import { loginDraws } from './login-limits.ts'

describe('login limits', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::ffff', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('attempts from %s are counted for %s', (address, network) => {
    expect(loginDraws('maria', address)[1].key).toBe(`login:address:${network}`)
  })

  test('what was typed as a name is not kept', () => {
    const [account] = loginDraws('my secret password', '192.0.2.7')
    expect(account.key).toMatch(/^login:account:[\w-]{43}$/)
  })
})
