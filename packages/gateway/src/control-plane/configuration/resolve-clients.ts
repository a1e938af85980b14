import { CONFIDENTIAL_GRANT_TYPES } from '#core/client-grant-types.ts'
import { asClientId, type ClientId } from '#core/ids.ts'
import { isLoopbackHost } from '#core/loopback-host.ts'
import { Secret } from '#core/secret.ts'
import { CERTIFICATE_NAMES, type CertificateName, type PreregisteredClient } from '#core/snapshot.ts'
import { isPublicKey } from './is-public-key.ts'
import { parseHeaderValue } from './references.ts'
import { type Resolving, resolveReference } from './resolve-server.ts'
import type { ClientSection, Configuration } from './schema.ts'
import { scopeProblem } from './scope-problem.ts'

/** Whoever can ask the token endpoint can guess at a secret, so it has to be made by a machine. */
const CLIENT_SECRET_CHARACTERS_MIN = 32
const CLIENT_SECRET_CHARACTERS_MAX = 512
const WRITE_REFERENCE = 'Write `${file:path}` (a file that others cannot read) or `${env:NAME}`.'

type Path = readonly PropertyKey[]

/** The clients of the configuration, secrets read. What is wrong with one is told, and then nothing is used of any. */
export async function resolveClients(
  configuration: Configuration,
  resolving: Resolving,
): Promise<ReadonlyMap<ClientId, PreregisteredClient>> {
  const clients = new Map<ClientId, PreregisteredClient>()
  for (const [id, section] of Object.entries(configuration.clients)) {
    const path = ['clients', id]
    const clientId = asClientId(id)
    checkGrants(section, path, resolving)
    checkPushing(section, path, resolving)
    checkRedirects(section, path, resolving)
    checkScopes(section, configuration, path, resolving)
    const secret = await resolveSecret(section, path, resolving)
    const { name, redirectUris, authMethod } = section
    clients.set(clientId, {
      clientId,
      name,
      redirectUris: [...new Set(redirectUris)],
      grantTypes: [...new Set(section.grantTypes)],
      authMethod,
      secret,
      keys: resolveKeys(section, path, resolving),
      pushesRequests: section.requirePushedRequests,
      certificate: resolveCertificate(section, configuration, path, resolving),
      scopes: [...new Set(section.scopes)],
    })
  }
  return clients
}

function tell({ source, problems }: Resolving) {
  return (path: Path, problem: string, instead: string | null = null, at: 'key' | 'value' = 'value') =>
    void problems.push(source.problem(path, problem, instead, at))
}

function checkGrants(
  { grantTypes, authMethod, redirectUris, scopes }: ClientSection,
  path: Path,
  resolving: Resolving,
) {
  const wrong = tell(resolving)
  const at = [...path, 'grantTypes']
  const usesBrowser = grantTypes.includes('authorization_code')
  const asksPerson = usesBrowser || grantTypes.includes('urn:ietf:params:oauth:grant-type:device_code')
  if (grantTypes.includes('refresh_token') && !asksPerson)
    wrong(at, 'Nothing that this client may use gives a refresh token.', 'Leave `refresh_token` out.')
  // RFC 6749 §4.4: client credentials are for confidential clients only.
  if (authMethod === 'none' && grantTypes.some((type) => CONFIDENTIAL_GRANT_TYPES.has(type)))
    wrong(
      [...path, 'authMethod'],
      'Whoever knows the client id could get these tokens.',
      'Write `private_key_jwt`, `tls_client_auth` or a `client_secret` method.',
    )
  if (usesBrowser && redirectUris.length === 0)
    wrong(path, 'A client that sends a browser here needs `redirectUris`.', null, 'key')
  if (!usesBrowser && redirectUris.length > 0)
    wrong([...path, 'redirectUris'], 'Without `authorization_code` nothing is ever sent there.', 'Remove them.', 'key')
  if (grantTypes.includes('urn:ietf:params:oauth:grant-type:token-exchange') && scopes.length === 0)
    wrong(path, 'A client that acts for others needs `scopes`: all that it may do with their tokens.', null, 'key')
  if (grantTypes.includes('urn:ietf:params:oauth:grant-type:jwt-bearer') && scopes.length === 0)
    wrong(path, 'A client that people are let in for needs `scopes`: all that it may be given.', null, 'key')
  if (grantTypes.includes('client_credentials') && scopes.length === 0)
    wrong(path, 'A client that speaks for itself needs `scopes`: there is no person to choose them.', null, 'key')
}

function checkPushing({ grantTypes, requirePushedRequests }: ClientSection, path: Path, resolving: Resolving): void {
  if (requirePushedRequests && !grantTypes.includes('authorization_code'))
    tell(resolving)(
      [...path, 'requirePushedRequests'],
      'Without `authorization_code` there is nothing to push.',
      'Remove it.',
      'key',
    )
}

function checkRedirects({ redirectUris }: ClientSection, path: Path, resolving: Resolving): void {
  const wrong = tell(resolving)
  for (const [index, uri] of redirectUris.entries()) {
    const problem = redirectProblem(uri)
    if (problem !== null) wrong([...path, 'redirectUris', index], problem, 'Write it exactly as the client sends it.')
  }
}

/** The same that a client which registers itself is held to, as far as it can go wrong by accident. */
function redirectProblem(uri: string): string | null {
  const url = URL.parse(uri)
  if (url === null || !/^[\x21-\x7e]+$/.test(uri)) return 'This is not an absolute URI.'
  if (uri.includes('*')) return 'Redirect URIs are compared exactly: there is no wildcard.'
  if (uri.includes('#')) return 'A redirect URI has no fragment.'
  if (url.username !== '' || url.password !== '') return 'A redirect URI carries no user name.'
  if (url.protocol === 'https:') return null
  if (url.protocol === 'http:')
    return isLoopbackHost(url.hostname) ? null : 'Plain http is for 127.0.0.1, [::1] and localhost only.'
  // RFC 8252 §7.1: a private-use scheme is a domain name reversed.
  return /^[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+:$/.test(url.protocol) ? null : 'This URI scheme cannot be used.'
}

function checkScopes({ scopes }: ClientSection, { servers }: Configuration, path: Path, resolving: Resolving): void {
  const wrong = tell(resolving)
  for (const [index, text] of scopes.entries()) {
    const problem = scopeProblem(text, servers)
    if (problem !== null) wrong([...path, 'scopes', index], problem, SCOPE_INSTEAD[problem] ?? null)
  }
}

const SCOPE_INSTEAD: Readonly<Record<string, string>> = {
  'This is not a scope.': 'Write server:class, such as notes:read.',
  'This tool has no scope of its own.': 'Write `scope: true` at the tool, or the scope of its class.',
}

/** A secret that whoever can ask an endpoint may guess at. Null where it cannot be used; why has been told. */
export async function readClientSecret(secret: string, at: Path, resolving: Resolving): Promise<Secret | null> {
  const wrong = tell(resolving)
  const reference = parseHeaderValue(secret)
  if (reference === null || reference.scheme !== '') {
    wrong(at, 'This is not one reference.', WRITE_REFERENCE)
    return null
  }
  const value = await resolveReference(reference.reference, at, resolving)
  if (value === null) return null
  // RFC 6749 §A.2: visible ASCII and space; a space would be an accident.
  if (!/^[\x21-\x7e]+$/.test(value)) wrong(at, 'The referenced secret has characters that cannot be sent.')
  else if (value.length < CLIENT_SECRET_CHARACTERS_MIN || value.length > CLIENT_SECRET_CHARACTERS_MAX)
    wrong(
      at,
      `The referenced secret is not ${CLIENT_SECRET_CHARACTERS_MIN} to ${CLIENT_SECRET_CHARACTERS_MAX} characters long.`,
      'Make one: `openssl rand -base64 32`.',
    )
  else return new Secret(value)
  return null
}

async function resolveSecret(
  { authMethod, secret }: ClientSection,
  path: Path,
  resolving: Resolving,
): Promise<Secret | null> {
  const wrong = tell(resolving)
  const at = [...path, 'secret']
  const needsSecret = authMethod === 'client_secret_basic' || authMethod === 'client_secret_post'
  if (secret === undefined) {
    if (needsSecret) wrong(path, `\`${authMethod}\` needs \`secret\`.`, WRITE_REFERENCE, 'key')
    return null
  }
  if (!needsSecret) {
    wrong(at, `\`authMethod: ${authMethod}\` uses no secret.`, 'Remove it, or choose a `client_secret` method.', 'key')
    return null
  }
  return readClientSecret(secret, at, resolving)
}

/** RFC 8705 §2.1.2: exactly one name; and somebody has to vouch for it. */
function resolveCertificate(
  { authMethod, certificate = {} }: ClientSection,
  { gateway }: Configuration,
  path: Path,
  resolving: Resolving,
): CertificateName | null {
  const wrong = tell(resolving)
  const names = CERTIFICATE_NAMES.flatMap((kind): CertificateName[] => {
    const value = certificate[kind]
    return value === undefined ? [] : [{ kind, value }]
  })
  if (authMethod !== 'tls_client_auth') {
    if (names.length > 0)
      wrong(
        [...path, 'certificate'],
        'Nothing looks at it.',
        'Remove it, or write `authMethod: tls_client_auth`.',
        'key',
      )
    return null
  }
  if (gateway.mutualTls?.authorityFile === undefined)
    wrong([...path, 'authMethod'], 'Nobody vouches for certificates here.', 'Write `gateway.mutualTls.authorityFile`.')
  const [name, ...more] = names
  if (name !== undefined && more.length === 0) return name
  wrong(
    path,
    '`tls_client_auth` needs exactly one name in `certificate`.',
    `One of: ${CERTIFICATE_NAMES.join(', ')}.`,
    'key',
  )
  return null
}

function resolveKeys(
  { authMethod, jwks, jwksUri }: ClientSection,
  path: Path,
  resolving: Resolving,
): PreregisteredClient['keys'] {
  const wrong = tell(resolving)
  const key = jwks === undefined ? 'jwksUri' : 'jwks'
  if (jwks === undefined && jwksUri === undefined) {
    if (authMethod === 'private_key_jwt') wrong(path, '`private_key_jwt` needs `jwks` or `jwksUri`.', null, 'key')
    return null
  }
  if (authMethod !== 'private_key_jwt') {
    wrong(
      [...path, key],
      `\`authMethod: ${authMethod}\` uses no keys.`,
      'Remove them, or write `private_key_jwt`.',
      'key',
    )
    return null
  }
  // RFC 7591 §2: never both.
  if (jwks !== undefined && jwksUri !== undefined) {
    wrong([...path, 'jwksUri'], '`jwks` and `jwksUri` exclude each other.', 'Keep one of the two.', 'key')
    return null
  }
  if (jwks !== undefined) {
    for (const [index, jwk] of jwks.entries())
      if (!isPublicKey(jwk))
        wrong([...path, 'jwks', index], 'This is not a public key.', 'Write the public JWK: kty EC, RSA or OKP.')
    return { kind: 'jwks', jwks }
  }
  const url = URL.parse(jwksUri ?? '')
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '')
    wrong([...path, 'jwksUri'], 'This is not an https URL.')
  return { kind: 'jwksUri', jwksUri: jwksUri ?? '' }
}
