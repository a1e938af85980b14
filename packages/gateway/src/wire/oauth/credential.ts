import { Secret } from '#core/secret.ts'
import { BEARER_TOKEN_CHARACTERS_MAX, parseBearer } from './bearer.ts'

/** How an access token was shown: RFC 6750 `Bearer` or RFC 9449 `DPoP`. */
export type TokenScheme = 'bearer' | 'dpop'

export type TokenCredential =
  | { readonly kind: 'token'; readonly scheme: TokenScheme; readonly token: Secret }
  /** No Authorization header, or one of another scheme: the caller has shown no access token. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'malformed' }

/** Reads an Authorization header by the rules of `parseBearer`, for both schemes (RFC 9449 §7.1: the same token68). */
export function parseCredential(header: string | undefined): TokenCredential {
  const bearer = parseBearer(header)
  if (bearer.kind === 'token') return { kind: 'token', scheme: 'bearer', token: bearer.token }
  if (bearer.kind === 'malformed' || header === undefined || !/^dpop(?![^\s])/i.test(header)) return bearer
  const token = /^dpop +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header)?.[1]
  if (token === undefined || token.length > BEARER_TOKEN_CHARACTERS_MAX) return { kind: 'malformed' }
  return { kind: 'token', scheme: 'dpop', token: new Secret(token) }
}
