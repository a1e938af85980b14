import type {
  ClientMetadataWire,
  ClientRegistry,
  ClientResolution,
  RegistrationAnswer,
  ResolvedClient,
} from '#authorization-server/clients/registry.ts'
import { asClientId } from '#core/ids.ts'
import { Secret } from '#core/secret.ts'

export const REDIRECT = 'https://client.example/callback'

/** Clients by id, as a test wants them. Redirects match exactly, or in any port for loopback. */
export class TestRegistry implements ClientRegistry {
  readonly resolutions = new Map<string, ClientResolution>()
  readonly registrations: unknown[] = []
  refusesRedirects = false

  add(
    clientId: string,
    metadata: Partial<ClientMetadataWire> = {},
    options: { readonly secret?: string } = {},
  ): ResolvedClient {
    const client: ResolvedClient = {
      clientId: asClientId(clientId),
      metadata: {
        client_name: clientId,
        redirect_uris: [REDIRECT],
        application_type: 'web',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: options.secret === undefined ? 'none' : 'client_secret_basic',
        ...metadata,
      },
      secret: options.secret === undefined ? null : new Secret(options.secret),
      issuedAt: null,
      description: {
        name: clientId,
        clientIdHost: null,
        clientUri: null,
        kind: 'dynamic',
        digest: null,
        isLocalhostOnly: false,
        lookalikes: [],
        registeredAt: null,
      },
    }
    this.resolutions.set(clientId, { kind: 'active', client })
    return client
  }

  async resolve(clientId: string): Promise<ClientResolution> {
    return this.resolutions.get(clientId) ?? { kind: 'unknown' }
  }

  async register(body: unknown): Promise<RegistrationAnswer> {
    this.registrations.push(body)
    return { status: 201, body: { client_id: 'registered' } }
  }

  redirectIsAllowed(client: ClientMetadataWire, redirectUri: string): boolean {
    if (this.refusesRedirects) return false
    return client.redirect_uris.some((allowed) => allowed === redirectUri || sameButPort(allowed, redirectUri))
  }
}

function sameButPort(allowed: string, redirectUri: string): boolean {
  const [one, other] = [URL.parse(allowed), URL.parse(redirectUri)]
  if (one === null || other === null || one.protocol !== 'http:' || other.username !== '') return false
  if (!['127.0.0.1', '[::1]', 'localhost'].includes(one.hostname)) return false
  one.port = ''
  other.port = ''
  return one.href === other.href
}
