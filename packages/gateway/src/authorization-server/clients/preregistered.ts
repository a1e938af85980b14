import type { ClientId } from '#core/ids.ts'
import type { CertificateName, PreregisteredClient, Snapshot } from '#core/snapshot.ts'
import type { CertificateSubjectWire } from '../sender/certificate-subject.ts'
import type { KnownClient } from './known-clients.ts'
import { isLocalhostOnly } from './redirect-uris.ts'
import type { ClientMetadataWire, ClientResolution } from './registry.ts'

/** A client of the configuration. The operator vouches for its name, so it is compared with no other. */
export function resolvePreregistered(client: PreregisteredClient): ClientResolution {
  const { clientId, name, redirectUris, secret } = client
  return {
    kind: 'active',
    client: {
      clientId,
      metadata: metadataOf(client),
      secret,
      issuedAt: null,
      description: {
        digest: null,
        name,
        clientIdHost: null,
        clientUri: null,
        kind: 'preregistered',
        isLocalhostOnly: isLocalhostOnly(redirectUris),
        lookalikes: [],
        registeredAt: null,
      },
    },
  }
}

/** A workload as the client that it is: whoever brings its assertion needs no other proof, and it can do nothing else with it. */
export function resolveWorkload(clientId: ClientId, { trustedIssuers = [] }: Snapshot): ClientResolution | null {
  const workload = trustedIssuers.flatMap(({ workloads }) => workloads).find((one) => one.clientId === clientId)
  if (workload === undefined) return null
  const { name, scopes } = workload
  const nothing = { redirectUris: [], secret: null, keys: null, authMethod: 'none' } as const
  return resolvePreregistered({
    ...nothing,
    clientId,
    name,
    scopes,
    grantTypes: ['urn:ietf:params:oauth:grant-type:jwt-bearer'],
  })
}

/** What others must not look like. They were there first, whenever the others came. */
export function preregisteredNames(snapshot: Pick<Snapshot, 'clients'>): readonly KnownClient[] {
  return [...snapshot.clients.values()].map(({ clientId, name, redirectUris }) => ({
    clientId,
    createdAt: 0,
    name,
    clientIdHost: null,
    redirectUris,
  }))
}

const CERTIFICATE_MEMBER: Readonly<Record<CertificateName['kind'], keyof CertificateSubjectWire>> = {
  subjectDn: 'tls_client_auth_subject_dn',
  sanDns: 'tls_client_auth_san_dns',
  sanUri: 'tls_client_auth_san_uri',
  sanIp: 'tls_client_auth_san_ip',
  sanEmail: 'tls_client_auth_san_email',
}

function metadataOf(client: PreregisteredClient): ClientMetadataWire {
  const { name, redirectUris, grantTypes, authMethod, keys, certificate = null, pushesRequests = false } = client
  return {
    client_name: name,
    redirect_uris: redirectUris,
    application_type: redirectUris.every((uri) => uri.startsWith('https:')) ? 'web' : 'native',
    grant_types: grantTypes,
    response_types: grantTypes.includes('authorization_code') ? ['code'] : [],
    token_endpoint_auth_method: authMethod,
    require_pushed_authorization_requests: pushesRequests,
    ...(certificate === null ? {} : { [CERTIFICATE_MEMBER[certificate.kind]]: certificate.value }),
    ...(keys?.kind === 'jwks' ? { jwks: { keys: keys.jwks } } : {}),
    ...(keys?.kind === 'jwksUri' ? { jwks_uri: keys.jwksUri } : {}),
  }
}
