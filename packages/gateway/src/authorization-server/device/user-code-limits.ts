import { createHash } from 'node:crypto'
import { addressGroup } from '#net/addresses.ts'
import type { LimitDraw } from '#store/ports/limits.ts'

/**
 * RFC 8628 §5.1: codes are 8 letters out of 20 (34 bits) and live for ten minutes. With so many attempts, whoever guesses from a thousand
 * addresses at a thousand codes in use needs days for one, and has then connected a stranger's device to their own account.
 */
const PERIOD_SECONDS = 15 * 60
const ADDRESS_BURST = 100
const SESSION_BURST = 20

/** The buckets that one typed code draws from, together; confirming one counts too, as that is a way to try it. Pure. `session` is the browser's session cookie, if it sent one. */
export function userCodeDraws(address: string, session: string | null): readonly LimitDraw[] {
  const byAddress = {
    key: `device:address:${addressGroup(address)}`,
    burst: ADDRESS_BURST,
    periodSeconds: PERIOD_SECONDS,
  }
  if (session === null) return [byAddress]
  const digest = createHash('sha256').update(session).digest('base64url')
  return [byAddress, { key: `device:session:${digest}`, burst: SESSION_BURST, periodSeconds: PERIOD_SECONDS }]
}
