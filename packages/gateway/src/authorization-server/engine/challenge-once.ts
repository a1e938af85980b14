import type { Context } from 'oidc-provider'
import type { UnitOfWork } from './unit-of-work.ts'

export const CHALLENGE_MODEL = 'CodeChallenge'
/** Longer than any interaction and code: whoever shows a challenge again later begins a flow that nobody waits for. */
const KEPT_SECONDS = 24 * 3600

/**
 * With each code its `code_challenge` is used up: a second authorization with the same one has a verifier that may be known by then
 * (RFC 7636 §7.1 wants one per request). A plain insert in the commit of the code, so one of two at once loses.
 */
export function useChallenge(context: Context, unit: UnitOfWork): void {
  const challenge = context.oidc?.params?.['code_challenge']
  if (typeof challenge !== 'string') throw new Error('a code without a challenge')
  unit.put('insert', CHALLENGE_MODEL, challenge, {}, KEPT_SECONDS)
}

/** RFC 6749 §4.1.2.1: the client is told, at the address that its code would have gone to. */
export function refuseChallenge(context: Context): void {
  const location = context.res.getHeader('location')
  const url = typeof location === 'string' ? URL.parse(location) : null
  if (url === null) throw new Error('a code that goes nowhere')
  url.searchParams.delete('code')
  url.searchParams.set('error', 'invalid_request')
  url.searchParams.set('error_description', 'This code_challenge was used before. Make one for each request.')
  context.set('Location', url.href)
  context.body = ''
}
