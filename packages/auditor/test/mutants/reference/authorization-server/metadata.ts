import { generateKeyPairSync } from 'node:crypto'
import type { JWK } from 'jose'
import { html, json, type Part } from '../http.ts'
import { signJwt } from '../keys.ts'
import { SCOPES, type Site } from '../site.ts'

const READABLE = { 'access-control-allow-origin': '*' }

/** RFC 8414 metadata (also where OpenID Connect clients look) and the keys. */
export function metadataPart(site: Site): Part {
  const paths = new Set([
    `/.well-known/oauth-authorization-server${site.issuerPath}`,
    `/.well-known/openid-configuration${site.issuerPath}`,
    `${site.issuerPath}/.well-known/openid-configuration`,
  ])
  return async ({ method, path }) => {
    if (method !== 'GET' && method !== 'HEAD') return null
    if (paths.has(path)) {
      if (site.flawed('server-metadata-as-html')) return html(200, 'metadata', JSON.stringify(metadata(site)))
      if (site.flawed('server-metadata-missing')) return null
      const document = metadata(site)
      const jwt = await signJwt(site.keys, 'JWT', { ...document, iss: site.issuer })
      const signature = site.flawed('server-metadata-signed-by-another') ? jwt.replace(/.{8}$/, 'AAAAAAAA') : jwt
      return json(200, { ...document, signed_metadata: signature }, READABLE)
    }
    if (path === `${site.issuerPath}/jwks`) return json(200, { keys: publishedKeys(site) }, READABLE)
    return null
  }
}

function metadata(site: Site): Record<string, unknown> {
  const { issuer } = site
  const flawed = site.flawed.bind(site)
  const challengeMethods = flawed('pkce-plain-advertised') ? ['S256', 'plain'] : ['S256']
  return {
    issuer: flawed('issuer-of-another-host')
      ? 'https://login.example.net'
      : flawed('issuer-with-slash')
        ? `${issuer}/`
        : issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: flawed('token-endpoint-without-tls')
      ? `${issuer.replace('https://', 'http://')}/token`
      : flawed('token-endpoint-elsewhere')
        ? 'http://tokens.example.net/token'
        : `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    ...(flawed('revocation-not-offered') ? {} : { revocation_endpoint: `${issuer}/revoke` }),
    ...(flawed('introspection-not-offered') ? {} : { introspection_endpoint: `${issuer}/introspect` }),
    ...(flawed('endpoint-of-a-third-host') ? { userinfo_endpoint: 'https://people.example.net/userinfo' } : {}),
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: flawed('implicit-advertised') ? ['code', 'token'] : ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      ...(flawed('password-advertised') ? ['password'] : []),
      ...(flawed('implicit-grant-advertised') ? ['implicit'] : []),
    ],
    scopes_supported: ['openid', ...SCOPES],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [
      'RS256',
      ...(flawed('none-advertised') ? ['none'] : []),
      ...(flawed('algorithm-without-key') ? ['ES256'] : []),
    ],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic'],
    revocation_endpoint_auth_methods_supported: ['none', 'client_secret_basic'],
    introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
    ...(flawed('pkce-not-advertised') ? {} : { code_challenge_methods_supported: challengeMethods }),
    authorization_response_iss_parameter_supported: !flawed('iss-denied'),
  }
}

function publishedKeys(site: Site): JWK[] {
  const { publicJwk, privateKey, kid } = site.keys
  if (site.flawed('jwks-with-private-key'))
    return [{ ...(privateKey.export({ format: 'jwk' }) as JWK), kid, alg: 'RS256', use: 'sig' }]
  if (site.flawed('jwks-with-shared-key'))
    return [publicJwk, { kty: 'oct', k: 'c2VjcmV0LW9mLXRoZS1zZXJ2ZXI', kid: 'hs' }]
  if (site.flawed('jwks-with-twin-kids')) return [publicJwk, { ...freshKey(2048), kid }]
  if (site.flawed('jwks-with-short-key')) return [publicJwk, { ...freshKey(1024), kid: 'short' }]
  if (site.flawed('jwks-empty')) return []
  return [publicJwk]
}

function freshKey(modulusLength: number): JWK {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return { ...(publicKey.export({ format: 'jwk' }) as JWK), alg: 'RS256', use: 'sig' }
}
