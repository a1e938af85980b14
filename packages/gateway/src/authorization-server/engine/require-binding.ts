import { errors, type TokenSource } from 'oidc-provider'
import { findProtectedResource } from '#policy/admin-api.ts'
import { splitScopes } from '#policy/scopes.ts'
import { senderRequirement } from '#policy/sender-rules.ts'
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
  const scopes = splitScopes(token.scope)
  const missing = senderRequirement({ resource, scopes, clientId: token.clientId ?? '' }, snapshot).missingIn({
    jkt: token.jkt ?? null,
    x5t: token['x5t#S256'] ?? null,
  })
  if (missing === null) return
  const description = PROBLEMS[missing] ?? 'Access tokens for this have to be bound.'
  unit.refusal ??= { code: 'invalid_request', description, detail: missing }
  throw new errors.InvalidRequest(description)
}
