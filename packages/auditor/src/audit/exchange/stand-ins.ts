import { hash16, JWT_LIKE, replaceSecrets } from './redact.ts'

/** Claims that say what a token is for, and nothing of who holds it. */
const CLAIMS_KEPT = new Set(['alg', 'typ', 'kid', 'iss', 'aud', 'exp', 'iat', 'nbf', 'scope', 'client_id', 'azp'])
const STAND_IN = /^(?:[\w-]*\.)*sallyport-stand-in-[0-9a-f]{16}$/
const MARKS = /sha256(?::|%3A)[0-9a-f]{16}|sallyport-stand-in-[0-9a-f]{16}/g
/** Enough to tell requests from each other. */
const WHAT_MAX = 500

/**
 * What stands in a recording for a token, a code or another secret. The same for the same secret, of the same make (a JWT stays one that can be
 * read, without its signature and without what it says of a person), and good for nothing.
 */
export function standInFor(secret: string): string {
  if (STAND_IN.test(secret)) return secret
  const parts = secret.split('.').slice(0, -1)
  return [...parts.map(standInForPart), `sallyport-stand-in-${hash16(secret)}`].join('.')
}

function standInForPart(part: string): string {
  const value = objectIn(part)
  if (value === null) return part.startsWith('eyJ') ? 'eyJx' : 'x'
  const kept = Object.fromEntries(Object.entries(value).filter(([name]) => CLAIMS_KEPT.has(name)))
  return Buffer.from(JSON.stringify(kept)).toString('base64url')
}

function objectIn(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** A text of the target with stand-ins for what opens something by the look of it. */
export function withStandIns(text: string): string {
  return replaceSecrets(text, standInFor)
}

/** A URL or a name without what differs between an audit and its replay. */
export function sameInReplay(what: string): string {
  return what.replaceAll(JWT_LIKE, '#').replaceAll(MARKS, '#').slice(0, WHAT_MAX)
}
