import { type JWTPayload, jwtVerify } from 'jose'
import type { Site } from './site.ts'

/** A token of this server that stands: signed, in time, not revoked, its grant alive. For which resource it is, is the caller's to see to. */
export async function verifyAccessToken(site: Site, token: string): Promise<JWTPayload | null> {
  try {
    const { payload } = await jwtVerify(token, site.keys.publicKey, {
      algorithms: ['RS256'],
      issuer: site.issuer,
      typ: 'at+jwt',
      requiredClaims: ['exp', 'iat', 'sub', 'aud', 'jti', 'client_id'],
      currentDate: new Date(site.nowSeconds() * 1000),
    })
    return isAlive(site, payload) ? payload : null
  } catch {
    return null
  }
}

export function isAlive(site: Site, payload: JWTPayload): boolean {
  const grantId = String(payload['grant'])
  const grant = site.state.grants.get(grantId)
  if (grant === undefined || grant.isRevoked || site.state.deadAccess.has(grantId)) return false
  if ((site.state.revokedLater.get(String(payload.jti)) ?? Infinity) <= site.nowSeconds()) return false
  return !site.state.revokedTokenIds.has(String(payload.jti)) && payload.sub !== ''
}
