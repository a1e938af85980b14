import { createHash } from 'node:crypto'
import { type Incoming, json, oauthError, type Part, type Reply, readForm } from '../http.ts'
import { SCOPES, type Site } from '../site.ts'
import { type Client, type Code, type Grant, hash, type RefreshToken } from '../state.ts'
import { authenticateClient } from './authenticate-client.ts'
import { accessToken, idToken, newRefreshToken, openGrant } from './grants.ts'

const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

/** The token endpoint: a code once, and refresh tokens that rotate (RFC 6749 §4.1.3, §6; RFC 9700 §4.14.2). */
export function tokenPart(site: Site): Part {
  return async (incoming) => {
    if (incoming.path !== `${site.issuerPath}/token`) return null
    if (incoming.method !== 'POST') return oauthError(405, 'invalid_request', 'only POST', { allow: 'POST' })
    const form = await readForm(incoming)
    if (form === null) return oauthError(400, 'invalid_request', 'a form, each field once, is expected')
    const reply = await answer(site, incoming, form)
    if (reply.status < 400 || !site.flawed('token-error-cacheable')) return reply
    const { 'cache-control': _, ...headers } = reply.headers ?? {}
    return { ...reply, headers }
  }
}

async function answer(site: Site, incoming: Incoming, form: Map<string, string>): Promise<Reply> {
  const grantType = form.get('grant_type')
  if (grantType === undefined) return oauthError(400, 'invalid_request', 'grant_type is missing')
  if (grantType === 'password' && site.flawed('password-answered'))
    return oauthError(400, 'invalid_grant', 'name or password is wrong')
  const isMachine = grantType === 'client_credentials' && site.flawed('registers-client-credentials')
  if (grantType !== 'authorization_code' && grantType !== 'refresh_token' && !isMachine)
    return oauthError(400, 'unsupported_grant_type', 'authorization_code and refresh_token alone')
  const client = authenticateClient(site, incoming, form)
  if (client === null)
    return oauthError(401, 'invalid_client', 'the client is not known', { 'www-authenticate': 'Basic realm="token"' })
  if (isMachine) return grantToMachine(site, client)
  if (grantType === 'refresh_token') return refresh(site, client, form)
  const reply = await redeemCode(site, client, form)
  const code = site.state.codes.get(hash(form.get('code') ?? ''))
  if (reply.status >= 400 && site.burnsCodes && code !== undefined) code.isUsed = true
  return reply
}

function redeemCode(site: Site, client: Client, form: Map<string, string>): Reply | Promise<Reply> {
  const refuse = (description: string) => oauthError(400, 'invalid_grant', description)
  const code = site.state.codes.get(hash(form.get('code') ?? ''))
  if (code === undefined || code.expiresAt <= site.nowSeconds()) return refuse('the code is not valid')
  if (code.clientId !== client.id && !site.flawed('code-of-any-client')) return refuse('the code is not valid')
  if (code.isUsed && !site.flawed('code-again')) {
    // RFC 6749 §4.1.2: what came of a code that is used twice is revoked.
    if (!site.flawed('code-again-without-consequence')) code.grant.isRevoked = true
    return refuse('the code is not valid')
  }
  if (code.redirectUri !== form.get('redirect_uri') && !site.flawed('code-to-any-redirect'))
    return refuse('the code is not valid')
  if (!isVerified(site, code, form.get('code_verifier'))) return refuse('the verifier is not right')
  const resource = form.get('resource')
  if (resource !== undefined && resource !== code.grant.resource) {
    const moved = site.flawed('resource-changed-at-token') && site.resources.some(({ url }) => url === resource)
    if (moved) return tokens(site, client, { ...code.grant, resource }, code.grant.scopes)
    if (!site.flawed('resource-ignored')) return oauthError(400, 'invalid_target', 'the code is for another resource')
  }
  code.isUsed = true
  if (resource === undefined && site.flawed('resource-left-out-means-all'))
    return tokens(site, client, { ...code.grant, resource: '*' }, code.grant.scopes)
  return tokens(site, client, code.grant, code.grant.scopes)
}

/** RFC 7636 §4.6. */
function isVerified(site: Site, { challenge, challengeMethod }: Code, verifier: string | undefined): boolean {
  if (challenge === null) return verifier === undefined || site.flawed('pkce-downgraded')
  if (verifier === undefined) return site.flawed('pkce-verifier-left-out')
  if (site.flawed('pkce-any-verifier')) return true
  if (site.flawed('pkce-challenge-as-verifier') && verifier === challenge) return true
  if (challengeMethod === 'plain') return verifier === challenge
  return VERIFIER.test(verifier) && createHash('sha256').update(verifier).digest('base64url') === challenge
}

function refresh(site: Site, client: Client, form: Map<string, string>): Reply | Promise<Reply> {
  const refuse = () => oauthError(400, 'invalid_grant', 'the refresh token is not valid')
  const token = form.get('refresh_token') ?? ''
  const kept = site.state.refreshTokens.get(hash(token))
  if (kept === undefined || kept.expiresAt <= site.nowSeconds() || kept.grant.isRevoked) return refuse()
  if (kept.grant.clientId !== client.id && !site.flawed('refresh-by-any-client')) return refuse()
  if (kept.isUsed && !site.flawed('refresh-again') && !(site.flawed('refresh-forks') && isRacing(site, kept))) {
    endFamily(site, kept)
    return refuse()
  }
  const wanted = form.get('scope')?.split(' ') ?? kept.grant.scopes
  const known = site.flawed('refresh-widens-scope') ? SCOPES : kept.grant.scopes
  if (!wanted.every((scope) => known.includes(scope))) return oauthError(400, 'invalid_scope', 'more than was granted')
  const resource = form.get('resource')
  if (resource !== undefined && resource !== kept.grant.resource) {
    if (!site.flawed('refresh-changes-resource')) return oauthError(400, 'invalid_target', 'not what was granted')
    return tokens(site, client, { ...kept.grant, resource }, wanted)
  }
  if (site.flawed('refresh-not-rotated')) return tokens(site, client, kept.grant, wanted, token)
  kept.isUsed = true
  kept.usedAtMs ??= site.nowMs()
  return tokens(site, client, kept.grant, wanted)
}

function isRacing(site: Site, kept: RefreshToken): boolean {
  return kept.usedAtMs !== undefined && site.nowMs() - kept.usedAtMs < 200 && !site.flawed('refresh-again')
}

/** RFC 9700 §4.14.2: nobody can tell who of the two has stolen it, so nothing of the family lives on. */
function endFamily(site: Site, { grant }: RefreshToken): void {
  if (site.flawed('family-lives-on')) return
  if (site.flawed('family-keeps-access')) {
    for (const [key, other] of site.state.refreshTokens) if (other.grant === grant) site.state.refreshTokens.delete(key)
  } else if (site.flawed('family-keeps-refresh')) {
    site.state.deadAccess.add(grant.id)
  } else grant.isRevoked = true
}

async function tokens(
  site: Site,
  client: Client,
  grant: Grant,
  scopes: readonly string[],
  refreshToken?: string,
): Promise<Reply> {
  const { token, expiresIn } = await accessToken(site, grant, scopes)
  const mayRefresh = client.grantTypes.includes('refresh_token')
  const body = {
    access_token: token,
    token_type: 'Bearer',
    expires_in: expiresIn,
    scope: scopes.join(' '),
    ...(mayRefresh ? { refresh_token: refreshToken ?? newRefreshToken(site, grant) } : {}),
    ...(scopes.includes('openid') ? { id_token: await idToken(site, grant) } : {}),
  }
  if (site.flawed('token-response-cacheable')) return json(200, body)
  return json(200, body, { 'cache-control': 'no-store', pragma: 'no-cache' })
}

/** Only of a server that lets anybody register for it. */
function grantToMachine(site: Site, client: Client): Promise<Reply> {
  const resource = site.resources[0]?.url ?? ''
  const transaction = {
    client,
    redirectUri: '',
    state: null,
    challenge: null,
    challengeMethod: '',
    resource,
    scopes: SCOPES,
  }
  return tokens(site, client, openGrant(site, client.id, transaction), SCOPES)
}
