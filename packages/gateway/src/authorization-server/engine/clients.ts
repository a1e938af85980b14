import type { Client, Payload } from 'oidc-provider'
import type { ClientGrantType } from '#core/client-grant-types.ts'
import type { ClientRegistry, ClientResolution } from '../clients/registry.ts'
import { certificateSubject } from '../sender/certificate-subject.ts'
import { bindsToCertificate } from './require-binding.ts'
import { currentUnit, type UnitOfWork } from './unit-of-work.ts'

/** Grants that the engine offers. A client that was configured for others gets `unauthorized_client` for them. */
const OFFERED_GRANT_TYPES: ReadonlySet<ClientGrantType> = new Set([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
])

/**
 * An active client as the engine's client document; undefined for every other state, which the engine answers with `invalid_client`.
 * Only what the engine needs goes in: names and links are for our pages, which ask the registry.
 */
export function engineClient(resolution: ClientResolution, id: string): Payload | undefined {
  if (resolution.kind !== 'active' || resolution.client.clientId !== id) return undefined
  const { metadata, secret } = resolution.client
  return {
    client_id: id,
    redirect_uris: metadata.redirect_uris,
    application_type: schemaType(metadata.redirect_uris),
    grant_types: metadata.grant_types.filter((grantType) => OFFERED_GRANT_TYPES.has(grantType)),
    response_types: metadata.response_types,
    token_endpoint_auth_method: metadata.token_endpoint_auth_method,
    require_pushed_authorization_requests: metadata.require_pushed_authorization_requests ?? false,
    dpop_bound_access_tokens: metadata.dpop_bound_access_tokens ?? false,
    // Whoever shows a certificate gets tokens bound to it, and whoever registered for that gets no others (RFC 8705 §3.4).
    tls_client_certificate_bound_access_tokens: bindsToCertificate(
      metadata.tls_client_certificate_bound_access_tokens === true,
    ),
    ...certificateSubject(metadata),
    ...(secret === null ? {} : { client_secret: secret.reveal() }),
    ...(metadata.jwks === undefined ? {} : { jwks: metadata.jwks }),
    ...(metadata.jwks_uri === undefined ? {} : { jwks_uri: metadata.jwks_uri }),
  }
}

/**
 * The engine takes the two secret methods for each other. Clients that register themselves may, as they often say one and do the other; a
 * client of the configuration does what was written down.
 */
export function sendsSecretAsConfigured(resolution: ClientResolution, secretIn: UnitOfWork['secretIn']): boolean {
  if (secretIn === null || resolution.kind !== 'active') return true
  if (resolution.client.description.kind !== 'preregistered') return true
  const method = resolution.client.metadata.token_endpoint_auth_method
  return method === (secretIn === 'header' ? 'client_secret_basic' : 'client_secret_post')
}

/** Whether the registry, and not the engine, lets this client's response go to this address. */
export function createRedirectCheck(registry: ClientRegistry): (this: Client, redirectUri: string) => boolean {
  return function redirectUriAllowed(redirectUri) {
    const resolution = currentUnit().clientSeen(this.clientId)
    return resolution?.kind === 'active' && registry.redirectIsAllowed(resolution.client.metadata, redirectUri)
  }
}

/**
 * The engine's schema ties redirect schemes to the application type; which redirects may be registered is decided by our gate. This
 * picks the type whose rules fit the addresses, and has no other effect: matching is ours, and consent is asked for every client.
 */
function schemaType(redirectUris: readonly string[]): 'web' | 'native' {
  return redirectUris.every((uri) => /^https?:/i.test(uri)) ? 'web' : 'native'
}
