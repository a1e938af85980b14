import { CLIENT_AUTH_METHODS, type ClientGrantType } from '#core/client-grant-types.ts'
import type { Snapshot } from '#core/snapshot.ts'
import { DPOP_ALGORITHMS } from '#identity/sender/dpop-proof.ts'
import { baselineScopes } from '#policy/decide.ts'
import { JWT_BEARER } from './assertions/admit-workload.ts'
import { offersClientCredentials } from './grants/client-credentials.ts'

/** With client certificates (RFC 8705 §2), where they reach us. */
export const CERTIFICATE_AUTH_METHODS = ['tls_client_auth', 'self_signed_tls_client_auth'] as const

export type CertificateAuthMethod = (typeof CERTIFICATE_AUTH_METHODS)[number]

/** Algorithms accepted for `private_key_jwt`; none and HMAC are not among them. */
export const CLIENT_ASSERTION_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'] as const

/**
 * RFC 8414 metadata, built from the snapshot alone: no header of the request can change an endpoint in it.
 * The issuer is always P, in every form of the URL that clients try: RFC 8414 §3.3 makes a client that took another issuer for ours
 * refuse the document, which is what it should do.
 */
export function authorizationServerMetadata(snapshot: Snapshot): Record<string, unknown> {
  const at = (path: string) => `${snapshot.publicUrl}${path}`
  return {
    issuer: snapshot.publicUrl,
    authorization_endpoint: at('/oauth/authorize'),
    token_endpoint: at('/oauth/token'),
    pushed_authorization_request_endpoint: at('/oauth/par'),
    ...(offersDevices(snapshot) ? { device_authorization_endpoint: at('/oauth/device_authorization') } : {}),
    // Dynamic registration is left out where nobody may register; clients then ask their user for a client id.
    ...(snapshot.registration.mode === 'closed' ? {} : { registration_endpoint: at('/oauth/register') }),
    revocation_endpoint: at('/oauth/revoke'),
    ...introspection(snapshot),
    jwks_uri: at('/oauth/jwks'),
    scopes_supported: scopesSupported(snapshot),
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      ...(offersClientCredentials(snapshot) ? ['client_credentials'] : []),
      ...(takesWorkloads(snapshot) || takesIdentities(snapshot) ? [JWT_BEARER] : []),
      ...([DEVICE_GRANT, TOKEN_EXCHANGE] as const).filter((grantType) => isOffered(grantType, snapshot)),
    ],
    token_endpoint_auth_methods_supported: authMethods(snapshot),
    token_endpoint_auth_signing_alg_values_supported: CLIENT_ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: authMethods(snapshot),
    revocation_endpoint_auth_signing_alg_values_supported: CLIENT_ASSERTION_ALGORITHMS,
    ...(takesIdentities(snapshot) ? { authorization_grant_profiles_supported: [ID_JAG_PROFILE] } : {}),
    code_challenge_methods_supported: ['S256'],
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    ...certificates(snapshot),
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: snapshot.registration.metadataDocuments,
  }
}

/** Named where somebody may ask. */
function introspection({ introspection: clients, publicUrl }: Snapshot): Record<string, unknown> {
  if (clients.size === 0) return {}
  return {
    introspection_endpoint: `${publicUrl}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  }
}

function authMethods({ mutualTls }: Snapshot): readonly string[] {
  if (mutualTls === null) return CLIENT_AUTH_METHODS
  // Without authorities nobody vouches for a name in a certificate.
  const methods = CERTIFICATE_AUTH_METHODS.filter(
    (name) => name !== 'tls_client_auth' || mutualTls.authorities !== null,
  )
  return [...CLIENT_AUTH_METHODS, ...methods]
}

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
/** draft-ietf-oauth-identity-assertion-authz-grant, discovery. */
const ID_JAG_PROFILE = 'urn:ietf:params:oauth:grant-profile:id-jag'
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** Whether some client of the configuration may use it. */
function isOffered(grantType: ClientGrantType, { clients }: Snapshot): boolean {
  return [...clients.values()].some(({ grantTypes }) => grantTypes.includes(grantType))
}

/** Whether some issuer's word lets people in. */
function takesIdentities({ trustedIssuers = [] }: Snapshot): boolean {
  return trustedIssuers.some(({ identityAssertions = null }) => identityAssertions !== null)
}

function takesWorkloads({ trustedIssuers = [] }: Snapshot): boolean {
  return trustedIssuers.some(({ workloads }) => workloads.length > 0)
}

function offersDevices(snapshot: Snapshot): boolean {
  return isOffered(DEVICE_GRANT, snapshot)
}

/** RFC 8705 §3.3, and §5: where clients are asked for a certificate, if that is another origin. */
function certificates(snapshot: Snapshot): Record<string, unknown> {
  const { mutualTls, publicUrl } = snapshot
  if (mutualTls === null) return {}
  const bound = { tls_client_certificate_bound_access_tokens: true }
  if (mutualTls.publicUrl === publicUrl) return bound
  const at = (path: string) => `${mutualTls.publicUrl}${path}`
  return {
    ...bound,
    mtls_endpoint_aliases: {
      token_endpoint: at('/oauth/token'),
      revocation_endpoint: at('/oauth/revoke'),
      pushed_authorization_request_endpoint: at('/oauth/par'),
      ...(offersDevices(snapshot) ? { device_authorization_endpoint: at('/oauth/device_authorization') } : {}),
    },
  }
}

/** The same document with what OpenID Connect Discovery §3 demands, for clients that look only there. We issue no ID tokens. */
export function openidConfiguration(snapshot: Snapshot): Record<string, unknown> {
  return {
    ...authorizationServerMetadata(snapshot),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  }
}

/**
 * Baseline scopes of all servers, and `offline_access`: it grants nothing here (refresh tokens follow the client's registered grant
 * types), but clients look for it before they ask for a refresh token.
 */
function scopesSupported(snapshot: Snapshot): string[] {
  return [...[...snapshot.servers.values()].flatMap((server) => baselineScopes(server)), 'offline_access']
}
