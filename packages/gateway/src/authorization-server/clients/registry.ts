import type { ClientAuthMethod, ClientGrantType } from '#core/client-grant-types.ts'
import type { ClientId, RequestId } from '#core/ids.ts'
import type { Secret } from '#core/secret.ts'
import type { BearerCredential } from '#wire/oauth/bearer.ts'
import type { ClientDescription } from '../interactions.ts'
import type { CertificateAuthMethod } from '../metadata.ts'
import type { CertificateSubjectWire } from '../sender/certificate-subject.ts'

/** RFC 7591 §2 metadata that we keep, validated. Names as on the wire, because the engine reads them so. */
export interface ClientMetadataWire extends CertificateSubjectWire {
  readonly client_name: string
  readonly redirect_uris: readonly string[]
  readonly application_type: 'native' | 'web'
  readonly grant_types: readonly ClientGrantType[]
  /** Empty for a client that never sends a browser here. */
  readonly response_types: readonly 'code'[]
  readonly token_endpoint_auth_method: ClientAuthMethod | CertificateAuthMethod
  readonly client_uri?: string
  readonly logo_uri?: string
  readonly tos_uri?: string
  readonly policy_uri?: string
  readonly contacts?: readonly string[]
  readonly software_id?: string
  readonly software_version?: string
  /** RFC 9126 §6: nothing is asked of a person that was not pushed. */
  readonly require_pushed_authorization_requests?: boolean
  /** RFC 9449 §5.2: no token without a proof, whatever the rules of servers say. */
  readonly dpop_bound_access_tokens?: boolean
  /** RFC 8705 §3.4: no token without a client certificate. */
  readonly tls_client_certificate_bound_access_tokens?: boolean
  readonly jwks_uri?: string
  readonly jwks?: { readonly keys: readonly Record<string, unknown>[] }
}

export interface ResolvedClient {
  readonly clientId: ClientId
  readonly metadata: ClientMetadataWire
  readonly secret: Secret | null
  readonly issuedAt: number | null
  readonly description: ClientDescription
}

export type ClientResolution =
  | { readonly kind: 'active'; readonly client: ResolvedClient }
  /** Known, waiting for `sallyport client approve`. */
  | { readonly kind: 'pending'; readonly name: string }
  | { readonly kind: 'removed'; readonly cause: 'operator' | 'unused' }
  | { readonly kind: 'unknown' }
  /** A Client ID Metadata Document that could not be fetched or is not valid. `problem` is safe to show. */
  | { readonly kind: 'documentInvalid'; readonly problem: string }

/** What the registration endpoint sends: JSON body, status, and headers to send besides (Retry-After, Cache-Control), in lower case. */
export interface RegistrationAnswer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers?: Readonly<Record<string, string>>
}

/** Who may be a client: dynamic registration behind our gate, Client ID Metadata Documents, pre-registered ones. */
export interface ClientRegistry {
  /** `address` is who makes us look up a document that we do not know; null when nobody outside does. */
  resolve(clientId: ClientId, requestId: RequestId | null, address?: string | null): Promise<ClientResolution>
  /** RFC 7591 §3. Answers the response body, status and headers; never throws for bad input. */
  register(
    body: unknown,
    caller: {
      readonly address: string
      readonly requestId: RequestId
      /** What the Authorization header held: an initial access token, perhaps. */
      readonly credential?: BearerCredential
    },
  ): Promise<RegistrationAnswer>
  /** RFC 6749 §3.1.2.3, RFC 8252 §7.3: exact, except that the port of a loopback http redirect is free. */
  redirectIsAllowed(client: ClientMetadataWire, redirectUri: string): boolean
}
