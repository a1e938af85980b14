import { describe, expect, it } from 'vitest'
import { authorizationServerMetadata, openidConfiguration } from '#authorization-server/metadata.ts'
import { asClientId, asServerId, type ClientId, DEFAULT_TENANT } from '#core/ids.ts'
import type { PreregisteredClient, ServerEntry, Snapshot } from '#core/snapshot.ts'
import { NO_SENDER_RULES } from '../support/sender-rules.ts'
import { UNGOVERNED } from '../support/snapshot.ts'

const server = (id: string, baselineClasses: ServerEntry['baselineClasses']): [ServerEntry['id'], ServerEntry] => [
  asServerId(id),
  {
    id: asServerId(id),
    title: id,
    description: '',
    resource: `https://gateway.example/mcp/${id}`,
    upstream: { kind: 'stdio', command: 'false', args: [], env: new Map(), cwd: null },
    baselineClasses,
    toolClasses: new Map(),
    toolScopes: new Set(),
    limits: {
      requestBytesMax: 1,
      responseBytesMax: 1,
      callTimeoutSeconds: 1,
      sessionsPerSubjectMax: 1,
      idleSeconds: 1,
    },
  },
]

const snapshot: Snapshot = {
  version: 'v',
  number: 1,
  tenant: DEFAULT_TENANT,
  publicUrl: 'https://gateway.example',
  isLoopback: false,
  allowedOrigins: new Set(),
  trustedProxies: [],
  registration: { mode: 'approval', clientsMax: 1, perAddressPerHour: 1, metadataDocuments: true, ...UNGOVERNED },
  clients: new Map(),
  servers: new Map([server('files', ['read']), server('notes', ['read', 'write'])]),
  roles: new Map(),
  lifetimes: { accessTokenSeconds: 900, refreshTokenSeconds: 14_400, loginSessionSeconds: 28_800 },
  introspection: new Map(),
  identityProviders: new Map(),
  hasPasswords: true,
  signing: { rotateSeconds: 2_592_000, publishAheadSeconds: 900, algorithms: new Set(['ES256'] as const) },
  senders: NO_SENDER_RULES,
  mutualTls: null,
  dangerousOptions: [],
}

describe('metadata documents, as clients have read them before', () => {
  it('RFC 8414', () => {
    expect(JSON.parse(JSON.stringify(authorizationServerMetadata(snapshot)))).toEqual({
      issuer: 'https://gateway.example',
      authorization_endpoint: 'https://gateway.example/oauth/authorize',
      token_endpoint: 'https://gateway.example/oauth/token',
      pushed_authorization_request_endpoint: 'https://gateway.example/oauth/par',
      registration_endpoint: 'https://gateway.example/oauth/register',
      revocation_endpoint: 'https://gateway.example/oauth/revoke',
      jwks_uri: 'https://gateway.example/oauth/jwks',
      scopes_supported: ['files:read', 'notes:read', 'notes:write', 'offline_access'],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'],
      revocation_endpoint_auth_methods_supported: [
        'none',
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
      ],
      revocation_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'],
      code_challenge_methods_supported: ['S256'],
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    })
  })

  it('with client certificates at an origin of their own (RFC 8705 §3.3, §5)', () => {
    const mutualTls = { publicUrl: 'https://mtls.gateway.example', authorities: 'PEM', proxy: null }
    expect(authorizationServerMetadata({ ...snapshot, mutualTls })).toMatchObject({
      tls_client_certificate_bound_access_tokens: true,
      mtls_endpoint_aliases: {
        token_endpoint: 'https://mtls.gateway.example/oauth/token',
        revocation_endpoint: 'https://mtls.gateway.example/oauth/revoke',
        pushed_authorization_request_endpoint: 'https://mtls.gateway.example/oauth/par',
      },
      token_endpoint_auth_methods_supported: [
        'none',
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
        'tls_client_auth',
        'self_signed_tls_client_auth',
      ],
    })
    const same = { ...mutualTls, publicUrl: 'https://gateway.example', authorities: null }
    const document = authorizationServerMetadata({ ...snapshot, mutualTls: same })
    expect(document['mtls_endpoint_aliases']).toBeUndefined()
    // Nobody vouches for a name.
    expect(document['token_endpoint_auth_methods_supported']).not.toContain('tls_client_auth')
  })

  it('grants are named where a client of the configuration may use them', () => {
    const client = (grantTypes: PreregisteredClient['grantTypes']): [ClientId, PreregisteredClient] => {
      const clientId = asClientId(grantTypes.join(' '))
      const rest = { redirectUris: [], authMethod: 'none', secret: null, keys: null, scopes: [] } as const
      return [clientId, { clientId, name: 'name', grantTypes, ...rest }]
    }
    const clients = new Map([client(['client_credentials']), client(['urn:ietf:params:oauth:grant-type:device_code'])])
    expect(authorizationServerMetadata({ ...snapshot, clients })).toMatchObject({
      grant_types_supported: [
        'authorization_code',
        'refresh_token',
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:device_code',
      ],
      device_authorization_endpoint: 'https://gateway.example/oauth/device_authorization',
    })
  })

  it('OpenID Connect Discovery adds what it demands', () => {
    const { subject_types_supported, id_token_signing_alg_values_supported, ...rest } = openidConfiguration(snapshot)
    expect(subject_types_supported).toEqual(['public'])
    expect(id_token_signing_alg_values_supported).toEqual(['ES256'])
    expect(rest).toEqual(authorizationServerMetadata(snapshot))
  })

  it('without registration, no endpoint is named; without metadata documents, none are promised', () => {
    const registration = { ...snapshot.registration, mode: 'closed', metadataDocuments: false } as const
    const document = authorizationServerMetadata({ ...snapshot, registration })
    expect('registration_endpoint' in document).toBe(false)
    expect(document['client_id_metadata_document_supported']).toBe(false)
  })
})
