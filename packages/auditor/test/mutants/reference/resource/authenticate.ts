import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import type { Incoming } from '../http.ts'
import type { Resource, Site } from '../site.ts'
import { isAlive, verifyAccessToken } from '../verify-access-token.ts'
import { laxlyVerified } from './lax-tokens.ts'

export interface Caller {
  readonly subject: string
  readonly scopes: readonly string[]
}

const TOKEN_LENGTH_MAX = 8 * 1024

/** Who is calling this resource: by one Bearer token in one header line, for this resource and no other (RFC 6750 §2.1, RFC 8707 §2). */
export async function authenticate(
  site: Site,
  resource: Resource,
  incoming: Incoming,
): Promise<Caller | 'noToken' | 'badToken'> {
  const lines = incoming.lines['authorization'] ?? []
  const query = site.flawed('token-in-query')
    ? (incoming.query.get('access_token') ?? incoming.query.get('token'))
    : null
  if (lines.length === 0 && query === null) return 'noToken'
  const line = lines.length > 1 && site.flawed('last-of-two-tokens') ? lines.at(-1) : lines[0]
  if (lines.length > 1 && !site.flawed('first-of-two-tokens') && !site.flawed('last-of-two-tokens')) return 'badToken'
  const scheme = site.flawed('scheme-in-one-case') ? /^Bearer +(\S+) *$/ : /^Bearer +(\S+) *$/i
  const token = query ?? scheme.exec(line ?? '')?.[1] ?? otherScheme(site, line)
  if (token === undefined || (token.length > TOKEN_LENGTH_MAX && !site.flawed('unsigned-when-huge'))) return 'badToken'
  if (site.flawed('unsigned-in-lower-case') && line?.startsWith('bearer ')) return everybody(token)
  if (site.flawed('crashes-on-five-parts') && token.split('.').length === 5) throw new Error('five parts')
  // As one does that looks at the signature alone for keys that it knows, and asks for the others first.
  if (site.flawed('slow-on-unknown-key') && isOfUnknownKey(site, token)) await sleep(90)
  const payload = (await verified(site, resource, token)) ?? (await laxlyVerified(site, resource, token))
  if (payload === null) return 'badToken'
  return {
    subject: String(payload.sub),
    scopes: (typeof payload['scope'] === 'string' ? payload['scope'] : '').split(' '),
  }
}

function everybody(token: string): Caller | 'badToken' {
  try {
    return { subject: String(decodeJwt(token).sub), scopes: String(decodeJwt(token)['scope']).split(' ') }
  } catch {
    return 'badToken'
  }
}

function isOfUnknownKey(site: Site, token: string): boolean {
  try {
    return decodeProtectedHeader(token).kid !== site.keys.kid
  } catch {
    return false
  }
}

function otherScheme(site: Site, line: string | undefined): string | undefined {
  if (site.flawed('basic-scheme-too')) {
    const [, password] = Buffer.from(/^Basic (.+)$/i.exec(line ?? '')?.[1] ?? '', 'base64')
      .toString('utf8')
      .split(':')
    return password
  }
  return site.flawed('any-scheme') ? line?.split(' ').at(-1) : undefined
}

async function verified(site: Site, resource: Resource, token: string): Promise<JWTPayload | null> {
  const payload = (await verifyAccessToken(site, token)) ?? (await stillTaken(site, token))
  if (payload === null) return null
  const audiences = [payload.aud ?? []].flat()
  const isForThis = audiences.includes(resource.url)
  if (site.flawed('audience-unchecked')) return payload
  // One direction only: the first resource is careful, the second takes the tokens of the first, or the other way round.
  if (site.flawed('audience-unchecked-at-first') && resource === site.resources[0]) return payload
  if (site.flawed('audience-by-origin') && audiences.some((audience) => new URL(audience).origin === site.origin))
    return payload
  return isForThis ? payload : null
}

/** A server that reads a token's grant and forgets its time. */
async function stillTaken(site: Site, token: string): Promise<JWTPayload | null> {
  if (!site.flawed('expired-token')) return null
  const payload = await verifyAccessToken(
    { ...site, nowSeconds: () => decodeJwt(token).iat ?? 0, flawed: site.flawed },
    token,
  )
  return payload !== null && isAlive(site, payload) ? payload : null
}
