import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { LimitDraw } from '#store/ports/limits.ts'

/** Attempts on one account: ten at once, then one every 90 s. A guesser gets under a thousand a day; the owner waits minutes at most. */
const ACCOUNT_BURST = 10
const ACCOUNT_PERIOD_SECONDS = 15 * 60
/** Attempts from one address, over all accounts: an office behind one address still signs in. */
const ADDRESS_BURST = 50
const ADDRESS_PERIOD_SECONDS = 15 * 60

/** The buckets that one attempt draws from, together. Pure. */
export function loginDraws(username: string, address: string): readonly [account: LimitDraw, address: LimitDraw] {
  return [
    { key: accountKey(username), burst: ACCOUNT_BURST, periodSeconds: ACCOUNT_PERIOD_SECONDS },
    addressDraw(address),
  ]
}

/** For whatever else is guessed at from there. */
export function addressDraw(address: string): LimitDraw {
  return { key: `login:address:${network(address)}`, burst: ADDRESS_BURST, periodSeconds: ADDRESS_PERIOD_SECONDS }
}

/** Hashed: a password typed into the wrong field must not be kept. Exists for unknown names as well, so that it tells nothing. */
export function accountKey(username: string): string {
  return `login:account:${createHash('sha256').update(username, 'utf8').digest('base64url')}`
}

/** One household or host has a whole /64 of IPv6 addresses; they count as one. */
function network(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const groups = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16).toString(16))
  return `${groups.slice(0, 4).join(':')}::/64`
}
