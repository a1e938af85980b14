import { Secret } from '#core/secret.ts'

/** Our tokens have well under 2 KiB. Longer ones are refused before anything is hashed or decoded. */
export const BEARER_TOKEN_CHARACTERS_MAX = 8 * 1024

export type BearerCredential =
  | { readonly kind: 'token'; readonly token: Secret }
  /** No Authorization header, or one of another scheme: the caller has shown no bearer token. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'malformed' }

/**
 * Reads an Authorization header (RFC 6750 §2.1, RFC 9110 §11.4): scheme in any case, exactly one space or more, then one token68.
 * A second credential, a comma, a tab or a token over the bound makes it malformed.
 */
export function parseBearer(header: string | undefined): BearerCredential {
  if (header === undefined || header === '') return { kind: 'missing' }
  if (!/^bearer(?![^\s])/i.test(header)) return { kind: 'missing' }
  const match = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header)
  const token = match?.[1]
  if (token === undefined || token.length > BEARER_TOKEN_CHARACTERS_MAX) return { kind: 'malformed' }
  return { kind: 'token', token: new Secret(token) }
}
