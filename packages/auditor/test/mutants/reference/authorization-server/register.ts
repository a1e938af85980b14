import { type Incoming, json, oauthError, type Part, type Reply } from '../http.ts'
import type { Site } from '../site.ts'
import { type Client, hash, newSecret } from '../state.ts'
import { knock } from './knock.ts'

/** Registrations within one minute from all the world; an audit registers a dozen. */
const PER_MINUTE_MAX = 25
const REDIRECT_URIS_MAX = 5
const NAME_LENGTH_MAX = 100

/** RFC 7591 with rules for redirect URIs, and deletion as in RFC 7592 §2.3. */
export function registerPart(site: Site): Part {
  const times: number[] = []
  const base = `${site.issuerPath}/register`
  return async (incoming) => {
    if (incoming.path === base) {
      if (incoming.method !== 'POST') return oauthError(405, 'invalid_request', 'only POST', { allow: 'POST' })
      return register(site, times, incoming)
    }
    return incoming.path.startsWith(`${base}/`) ? manage(site, incoming, incoming.path.slice(base.length + 1)) : null
  }
}

async function register(site: Site, times: number[], incoming: Incoming): Promise<Reply> {
  const body = await incoming.readBody()
  const now = site.nowSeconds()
  while (times[0] !== undefined && times[0] <= now - 60) times.shift()
  if (times.length >= PER_MINUTE_MAX && !site.flawed('registration-never-throttled'))
    return oauthError(429, 'temporarily_unavailable', 'too many registrations', { 'retry-after': '60' })
  const wanted = parseObject(body)
  if (wanted === null) return oauthError(400, 'invalid_client_metadata', 'a JSON object is expected')
  const redirectUris = wanted['redirect_uris']
  const logo = wanted['logo_uri']
  if (typeof logo === 'string' && site.flawed('fetches-registered-logo')) await knock(logo)
  const name = wanted['client_name'] ?? ''
  if (typeof name !== 'string' || name.length > NAME_LENGTH_MAX)
    return oauthError(400, 'invalid_client_metadata', 'client_name')
  if (
    !isListOfTexts(redirectUris) ||
    redirectUris.length > REDIRECT_URIS_MAX ||
    !redirectUris.every(mayBeRedirect(site))
  )
    return oauthError(400, 'invalid_redirect_uri', 'https, or http on the loopback interface, without a fragment')
  if (redirectUris.length === 0 && !site.flawed('registers-no-redirect'))
    return oauthError(400, 'invalid_redirect_uri', 'at least one redirect URI')
  const grantTypes = wanted['grant_types'] ?? ['authorization_code']
  const allowed = ['authorization_code', 'refresh_token']
  if (site.flawed('registers-client-credentials')) allowed.push('client_credentials')
  if (!isListOfTexts(grantTypes) || !grantTypes.every((type) => allowed.includes(type)))
    return oauthError(400, 'invalid_client_metadata', 'grant_types')
  const method = wanted['token_endpoint_auth_method'] ?? 'none'
  if (method !== 'none' && method !== 'client_secret_basic')
    return oauthError(400, 'invalid_client_metadata', 'token_endpoint_auth_method')
  times.push(now)
  return json(201, created(site, { name, redirectUris, grantTypes, method }), { 'cache-control': 'no-store' })
}

interface Wanted {
  readonly name: string
  readonly redirectUris: readonly string[]
  readonly grantTypes: readonly string[]
  readonly method: 'none' | 'client_secret_basic'
}

function created(site: Site, { name, redirectUris, grantTypes, method }: Wanted): Record<string, unknown> {
  const id = `client-${newSecret()}`
  const secret = method === 'none' ? null : newSecret()
  const registrationToken = newSecret()
  site.state.clients.set(id, {
    id,
    name,
    redirectUris,
    grantTypes,
    secretHash: secret === null ? null : hash(secret),
    registrationHash: hash(registrationToken),
  })
  return {
    client_id: id,
    client_id_issued_at: site.nowSeconds(),
    ...(secret === null ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
    client_name: name,
    redirect_uris: redirectUris,
    grant_types: grantTypes,
    response_types: ['code'],
    token_endpoint_auth_method: method,
    registration_access_token: registrationToken,
    registration_client_uri: `${site.issuer}/register/${id}`,
  }
}

function manage(site: Site, incoming: Incoming, id: string): Reply {
  const client = site.state.clients.get(id)
  const token = /^Bearer ([\w-]+)$/i.exec(incoming.headers.authorization ?? '')?.[1]
  const isProven = token !== undefined && client?.registrationHash === hash(token)
  if (client === undefined || !(isProven || site.flawed('registration-readable-by-all')))
    return oauthError(401, 'invalid_token', 'the registration access token is not right', {
      'www-authenticate': 'Bearer error="invalid_token"',
    })
  if (incoming.method === 'DELETE') {
    if (!site.flawed('registration-never-deleted')) forget(site, client)
    return { status: 204, headers: { 'cache-control': 'no-store' } }
  }
  if (incoming.method !== 'GET') return oauthError(405, 'invalid_request', 'GET or DELETE', { allow: 'GET, DELETE' })
  return json(
    200,
    {
      client_id: client.id,
      client_name: client.name,
      redirect_uris: client.redirectUris,
      grant_types: client.grantTypes,
    },
    { 'cache-control': 'no-store' },
  )
}

function forget(site: Site, client: Client): void {
  site.state.clients.delete(client.id)
  for (const grant of site.state.grants.values()) if (grant.clientId === client.id) grant.isRevoked = true
}

/** RFC 9700 §2.1, RFC 8252 §7.3: https, or http on loopback; nothing that a script or a stranger reads. */
function mayBeRedirect(site: Site): (uri: string) => boolean {
  return (uri) => {
    const parsed = URL.canParse(uri) ? new URL(uri) : null
    if (parsed === null) return false
    if (uri.includes('#') && !site.flawed('registers-fragment')) return false
    if (uri.includes('*') && !site.flawed('registers-wildcard')) return false
    if (parsed.username !== '' || parsed.password !== '') return site.flawed('registers-userinfo')
    if (parsed.protocol === 'https:') return true
    if (parsed.protocol === 'javascript:') return site.flawed('registers-javascript')
    if (parsed.protocol === 'data:') return site.flawed('registers-data')
    if (parsed.protocol === 'http:') return isLoopback(parsed) || site.flawed('registers-plain-http')
    return false
  }
}

export function isLoopback(url: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
}

export function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return value as Record<string, unknown>
  } catch {
    return null
  }
}
