import { decodeJwt } from 'jose'
import { json, oauthError, type Part, readForm } from '../http.ts'
import type { Site } from '../site.ts'
import { hash } from '../state.ts'
import { verifyAccessToken } from '../verify-access-token.ts'
import { authenticateClient } from './authenticate-client.ts'

/** As long as some cache of somebody. */
const LATE_SECONDS = 15

/** RFC 7009: what the client does not have any more counts as revoked. */
export function revokePart(site: Site): Part {
  return async (incoming) => {
    if (incoming.path !== `${site.issuerPath}/revoke` || site.flawed('revocation-not-offered')) return null
    if (incoming.method !== 'POST') return oauthError(405, 'invalid_request', 'only POST', { allow: 'POST' })
    const form = await readForm(incoming)
    const token = form?.get('token')
    if (form === null || token === undefined)
      return oauthError(400, 'invalid_request', 'a form with a token is expected')
    const client = authenticateClient(site, incoming, form)
    if (client === null)
      return oauthError(401, 'invalid_client', 'the client is not known', {
        'www-authenticate': 'Basic realm="revoke"',
      })
    const known = await revoke(site, client.id, token)
    if (!known && site.flawed('revocation-refuses-unknown')) return oauthError(400, 'invalid_token', 'not known')
    return json(200, {}, { 'cache-control': 'no-store' })
  }
}

async function revoke(site: Site, clientId: string, token: string): Promise<boolean> {
  const kept = site.state.refreshTokens.get(hash(token))
  if (kept !== undefined) {
    const isItsOwn =
      kept.grant.clientId === clientId ||
      site.flawed('revocation-by-any-client') ||
      site.flawed('refresh-revoked-by-any-client')
    if (isItsOwn && site.flawed('revoked-refresh-keeps-access')) site.state.refreshTokens.delete(hash(token))
    else if (isItsOwn && !site.flawed('revoked-refresh-lives')) kept.grant.isRevoked = true
    return true
  }
  const claims = await verifyAccessToken(site, token)
  if (claims === null) return false
  const isItsOwn = claims['client_id'] === clientId || site.flawed('revocation-by-any-client')
  if (isItsOwn && site.flawed('revocation-takes-its-time'))
    site.state.revokedLater.set(String(decodeJwt(token).jti), site.nowSeconds() + LATE_SECONDS)
  else if (isItsOwn && !site.flawed('revoked-access-lives'))
    site.state.revokedTokenIds.add(String(decodeJwt(token).jti))
  return true
}

/** RFC 7662, for clients that can prove who they are. */
export function introspectPart(site: Site): Part {
  return async (incoming) => {
    if (incoming.path !== `${site.issuerPath}/introspect`) return null
    if (incoming.method !== 'POST') return oauthError(405, 'invalid_request', 'only POST', { allow: 'POST' })
    const form = await readForm(incoming)
    const token = form?.get('token')
    if (form === null || token === undefined)
      return oauthError(400, 'invalid_request', 'a form with a token is expected')
    const client = authenticateClient(site, incoming, form)
    // RFC 7662 §4: who may introspect has to be proven; the id of a public client proves nothing.
    const isProven = client !== null && (client.secretHash !== null || site.flawed('introspection-by-public-clients'))
    if (!isProven && !site.flawed('introspection-by-all'))
      return oauthError(401, 'invalid_client', 'the client is not known', {
        'www-authenticate': 'Basic realm="introspect"',
      })
    const claims = await verifyAccessToken(site, token)
    const { sub, client_id, scope, aud, exp } = claims ?? {}
    return json(200, claims === null ? { active: false } : { active: true, sub, client_id, scope, aud, exp }, {
      'cache-control': 'no-store',
    })
  }
}
