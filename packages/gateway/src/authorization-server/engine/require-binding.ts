import { errors, type TokenSource } from 'oidc-provider'
import { findProtectedResource } from '#policy/admin-api.ts'
import { splitScopes } from '#policy/scopes.ts'
import { type Binding, requireAll, senderRequirement } from '#policy/sender-rules.ts'
import { currentUnit } from './unit-of-work.ts'

/** What clients are told, by what their token lacks. */
const PROBLEMS: Readonly<Record<string, string>> = {
  dpopRequired: 'Access tokens for this have to be bound to a key: send a DPoP proof (RFC 9449).',
  mtlsRequired:
    'Access tokens for this have to be bound to a client certificate (RFC 8705): use the mutual TLS endpoint.',
  bindingRequired:
    'Access tokens for this have to be bound: send a DPoP proof (RFC 9449) or a client certificate (RFC 8705).',
}

/** Called with an access token that is about to be signed. Throws, so that nothing comes to be, where a rule wants it bound and it is not. */
export function requireBinding(token: TokenSource): void {
  const unit = currentUnit()
  const { snapshot } = unit
  const resource = findProtectedResource(token.aud, snapshot)
  if (resource === null) throw new Error('an access token is for nothing that is ours')
  const clientId = token.clientId ?? ''
  const binding = bindingOf(token)
  const missing =
    senderRequirement({ resource, scopes: splitScopes(token.scope), clientId }, snapshot).missingIn(binding) ??
    requireAll([wantsCertificate(clientId) ? 'mtls' : 'none']).missingIn(binding)
  if (missing === null) return
  const description = PROBLEMS[missing] ?? 'Access tokens for this have to be bound.'
  unit.refusal ??= { code: 'invalid_request', description, detail: missing }
  throw new errors.InvalidRequest(description)
}

/**
 * What a token is bound to. The engine binds to one thing and refuses a request that shows two; here who shows a key and a certificate gets a
 * token that needs both.
 */
export function bindingOf(token: TokenSource): NonNullable<Binding> {
  const jkt = token.jkt ?? null
  const beside = jkt === null ? null : (currentUnit().certificate?.x5t ?? null)
  return { jkt, x5t: token['x5t#S256'] ?? beside }
}

/** Whether the engine is to bind the tokens of this request to its certificate: not where `bindToBoth` does. */
export function bindsToCertificate(wantsBound: boolean): boolean {
  const { certificate, proof } = currentUnit()
  return proof === null && (wantsBound || certificate !== null)
}

/** Writes the certificate into a token that the engine has bound to a key. */
export function bindToBoth(token: TokenSource, payload: Record<string, unknown>): void {
  const { jkt, x5t } = bindingOf(token)
  if (jkt !== null && x5t !== null) payload['cnf'] = { jkt, 'x5t#S256': x5t }
}

/** RFC 8705 §3.4, for requests with a proof, where the engine does not look. */
function wantsCertificate(clientId: string): boolean {
  const resolution = currentUnit().clientSeen(clientId)
  return resolution?.kind === 'active' && resolution.client.metadata.tls_client_certificate_bound_access_tokens === true
}
