import { signJwt } from '../keys.ts'
import { SCOPES, type Site } from '../site.ts'
import { type Grant, hash, newSecret, type Transaction } from '../state.ts'

const ACCESS_SECONDS = 600
const REFRESH_SECONDS = 8 * 3600

export function openGrant(site: Site, subject: string, { client, resource, scopes }: Transaction): Grant {
  const granted = site.flawed('scopes-more-than-asked') ? SCOPES : scopes
  const grant: Grant = { id: newSecret(), subject, clientId: client.id, resource, scopes: granted, isRevoked: false }
  site.state.grants.set(grant.id, grant)
  return grant
}

/** An access token as RFC 9068 has it, for one resource. */
export async function accessToken(
  site: Site,
  grant: Grant,
  scopes: readonly string[],
): Promise<{ token: string; expiresIn: number }> {
  const now = site.nowSeconds()
  const expiresIn = site.flawed('access-for-a-day')
    ? 86_400
    : site.flawed('access-for-twenty-minutes')
      ? 1200
      : ACCESS_SECONDS
  const claims = {
    iss: site.issuer,
    sub: grant.subject,
    ...(grant.resource === '*' ? { aud: site.resources.map(({ url }) => url) } : { aud: grant.resource }),
    client_id: grant.clientId,
    scope: scopes.filter((scope) => scope !== 'openid').join(' '),
    jti: newSecret(),
    grant: grant.id,
    iat: now,
    exp: now + expiresIn,
  }
  return { token: await signJwt(site.keys, 'at+jwt', claims), expiresIn }
}

/** An OpenID Connect ID token: for the client, not for any resource. */
export function idToken(site: Site, grant: Grant): Promise<string> {
  const now = site.nowSeconds()
  return signJwt(site.keys, 'JWT', {
    iss: site.issuer,
    sub: grant.subject,
    aud: grant.clientId,
    iat: now,
    exp: now + 300,
  })
}

export function newRefreshToken(site: Site, grant: Grant): string {
  const token = newSecret()
  site.state.refreshTokens.set(hash(token), {
    grant,
    expiresAt: site.flawed('refresh-for-ever') ? Infinity : site.nowSeconds() + REFRESH_SECONDS,
    isUsed: false,
  })
  return token
}
