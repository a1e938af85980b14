import { createHash, timingSafeEqual } from 'node:crypto'
import type { IntrospectionClient, Snapshot } from '#core/snapshot.ts'

/**
 * Who asks about a token (RFC 7662 §2.1): a resource server of the configuration, by its id and secret in the Authorization header or in
 * the body, one of both. Null for everybody else, without a word why. The clients that users connect are never looked at here.
 */
export function authenticateResourceServer(
  authorization: string | undefined,
  form: URLSearchParams,
  { introspection }: Pick<Snapshot, 'introspection'>,
): IntrospectionClient | null {
  const inBody = form.get('client_id') !== null && form.get('client_secret') !== null
  const shown = authorization === undefined ? (inBody ? bodyOf(form) : null) : headerOf(authorization)
  // RFC 6749 §2.3: not more than one method.
  if (shown === null || (authorization !== undefined && form.get('client_secret') !== null)) return null
  const client = introspection.get(shown.id)
  // Unknown ids take as long as known ones.
  const isRight = sameSecret(shown.secret, client?.secret.reveal() ?? '')
  return client !== undefined && isRight ? client : null
}

function bodyOf(form: URLSearchParams) {
  return { id: form.get('client_id') ?? '', secret: form.get('client_secret') ?? '' }
}

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined. */
function headerOf(authorization: string): { readonly id: string; readonly secret: string } | null {
  const encoded = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1]
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return null
  try {
    return { id: decode(text.slice(0, colon)), secret: decode(text.slice(colon + 1)) }
  } catch {
    return null
  }
}

function decode(part: string): string {
  return decodeURIComponent(part.replaceAll('+', ' '))
}

function sameSecret(shown: string, kept: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(kept)) && kept !== ''
}
