import { ok, type Result, refused } from '#core/result.ts'
import { acceptCertificateSubject, holdsCertificate } from '../sender/certificate-subject.ts'
import { type SentMetadata, sentMetadata } from './metadata-schema.ts'
import { type CheckedRedirect, checkRedirectUri, REDIRECT_URIS_MAX } from './redirect-uris.ts'
import type { ClientMetadataWire } from './registry.ts'

/** RFC 7591 §3.2.2. `problem` is for the client's developer, and quotes nothing that was sent. */
export interface MetadataProblem {
  readonly error: 'invalid_redirect_uri' | 'invalid_client_metadata'
  readonly problem: string
}

export interface MetadataRules {
  readonly publicUrl: string
  /** Methods this way of becoming a client may use; the default is what an absent member means. */
  readonly authMethods: readonly ClientMetadataWire['token_endpoint_auth_method'][]
  readonly defaultAuthMethod: ClientMetadataWire['token_endpoint_auth_method']
  /** Whether a client that signs may bring assertions about people (ID-JAG): its id is what the identity provider names. */
  readonly mayAssert?: boolean
}

/** A client without a name gets this one, so that the consent page never shows a blank. */
export const NAMELESS_CLIENT = 'Unnamed client'

/**
 * What clients send becomes what we keep: liberal where a difference has no effect (unknown members, extra grant types, a wrong
 * `application_type`, http links), strict where it has (redirects, authentication, keys).
 */
export function acceptMetadata(
  sent: unknown,
  rules: MetadataRules,
): Result<{ readonly metadata: ClientMetadataWire; readonly scope: string | null }, MetadataProblem> {
  const parsed = sentMetadata.safeParse(sent)
  if (!parsed.success) return refused(schemaProblem(parsed.error.issues))
  const wish = parsed.data

  const redirects = acceptRedirects(wish.redirect_uris, rules.publicUrl)
  if (!redirects.ok) return redirects
  const method = rules.authMethods.find(
    (known) => known === (wish.token_endpoint_auth_method ?? rules.defaultAuthMethod),
  )
  if (method === undefined)
    return invalid(`token_endpoint_auth_method must be one of: ${rules.authMethods.join(', ')}.`)
  const grantTypes = acceptGrantTypes(wish, rules.mayAssert === true && method === 'private_key_jwt')
  if (!grantTypes.ok) return grantTypes
  const keys = acceptKeys(wish, method)
  if (!keys.ok) return keys

  const subject = acceptCertificateSubject(wish, method)
  if (!subject.ok) return invalid(subject.refusal)

  const contacts = wish.contacts?.filter((contact) => contact !== undefined)
  const metadata: ClientMetadataWire = {
    client_name: wish.client_name === undefined || wish.client_name === '' ? NAMELESS_CLIENT : wish.client_name,
    redirect_uris: redirects.value.map((redirect) => redirect.uri),
    // OIDC registration §2 defaults to web, which forbids loopback; clients leave it out or even say `web` beside cursor://.
    // What the redirects are decides.
    application_type: redirects.value.every((redirect) => redirect.kind === 'https') ? 'web' : 'native',
    grant_types: grantTypes.value,
    response_types: ['code'],
    token_endpoint_auth_method: method,
    ...(wish.client_uri === undefined ? {} : { client_uri: wish.client_uri }),
    ...(wish.logo_uri === undefined ? {} : { logo_uri: wish.logo_uri }),
    ...(wish.tos_uri === undefined ? {} : { tos_uri: wish.tos_uri }),
    ...(wish.policy_uri === undefined ? {} : { policy_uri: wish.policy_uri }),
    ...(contacts === undefined || contacts.length === 0 ? {} : { contacts }),
    ...(wish.software_id === undefined ? {} : { software_id: wish.software_id }),
    ...(wish.software_version === undefined ? {} : { software_version: wish.software_version }),
    ...(wish.require_pushed_authorization_requests === true ? { require_pushed_authorization_requests: true } : {}),
    ...(wish.dpop_bound_access_tokens === true ? { dpop_bound_access_tokens: true } : {}),
    ...(wish.tls_client_certificate_bound_access_tokens === true
      ? { tls_client_certificate_bound_access_tokens: true }
      : {}),
    ...subject.value,
    ...keys.value,
  }
  return ok({ metadata, scope: wish.scope ?? null })
}

function acceptRedirects(
  uris: readonly string[],
  publicUrl: string,
): Result<readonly CheckedRedirect[], MetadataProblem> {
  const accepted: CheckedRedirect[] = []
  let unknownScheme: string | null = null
  for (const uri of new Set(uris)) {
    const checked = checkRedirectUri(uri, { publicUrl })
    if (checked.ok) accepted.push(checked.value)
    // Cursor registers the schemes of its sister products too. One that is not accepted is left out of the answer
    // (RFC 7591 §3.2.1), as long as another remains; a code can never be sent there.
    else if (checked.refusal.isUnknownScheme) unknownScheme = checked.refusal.problem
    else return refused({ error: 'invalid_redirect_uri', problem: checked.refusal.problem })
  }
  if (accepted.length > REDIRECT_URIS_MAX)
    return refused({
      error: 'invalid_redirect_uri',
      problem: `A client has at most ${REDIRECT_URIS_MAX} redirect URIs.`,
    })
  if (accepted.length === 0)
    return refused({ error: 'invalid_redirect_uri', problem: unknownScheme ?? 'A client needs a redirect URI.' })
  return ok(accepted)
}

function acceptGrantTypes(
  wish: SentMetadata,
  mayAssert: boolean,
): Result<ClientMetadataWire['grant_types'], MetadataProblem> {
  // RFC 7591 §2: absent means authorization_code and code.
  const asked = wish.grant_types ?? ['authorization_code']
  if (!asked.includes('authorization_code')) return invalid('grant_types must hold authorization_code.')
  if (!(wish.response_types ?? ['code']).includes('code')) return invalid('response_types must hold code.')
  const kept: ClientMetadataWire['grant_types'] = [
    'authorization_code',
    'refresh_token',
    ...(mayAssert ? [JWT_BEARER] : []),
  ]
  return ok(kept.filter((grantType) => asked.includes(grantType)))
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer' as const

function acceptKeys(
  wish: SentMetadata,
  method: ClientMetadataWire['token_endpoint_auth_method'],
): Result<Pick<ClientMetadataWire, 'jwks' | 'jwks_uri'>, MetadataProblem> {
  // RFC 7591 §2: never both.
  if (wish.jwks !== undefined && wish.jwks_uri !== undefined) return invalid('jwks and jwks_uri exclude each other.')
  if (wish.jwks?.keys.some(isSecretKey)) return invalid('jwks holds public keys only.')
  if (method === 'self_signed_tls_client_auth' && !wish.jwks?.keys.every(holdsCertificate))
    return invalid('self_signed_tls_client_auth needs jwks, each key with its certificate in x5c.')
  if (method !== 'private_key_jwt' && method !== 'self_signed_tls_client_auth') {
    // Keys that nothing will ask for are not kept, and their URL is never fetched.
    return ok({})
  }
  if (wish.jwks !== undefined) return ok({ jwks: wish.jwks })
  if (wish.jwks_uri !== undefined) return ok({ jwks_uri: wish.jwks_uri })
  return invalid('private_key_jwt needs jwks or jwks_uri.')
}

/** RFC 7518 §6: `d` and the primes are private members, `k` is a symmetric key. */
function isSecretKey(key: Readonly<Record<string, unknown>>): boolean {
  if (key['kty'] !== 'RSA' && key['kty'] !== 'EC' && key['kty'] !== 'OKP') return true
  return ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].some((member) => member in key)
}

function schemaProblem(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): MetadataProblem {
  const [first] = issues
  const member = String(first?.path[0] ?? '')
  if (first === undefined || member === '')
    return { error: 'invalid_client_metadata', problem: 'Client metadata is a JSON object (RFC 7591, section 2).' }
  // The path's first part is one of our own member names, and the messages are the schema's.
  const problem = `${member}: ${first.message}.`
  return { error: member === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata', problem }
}

function invalid(problem: string): { readonly ok: false; readonly refusal: MetadataProblem } {
  return refused({ error: 'invalid_client_metadata', problem })
}
