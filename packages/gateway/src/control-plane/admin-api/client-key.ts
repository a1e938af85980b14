import { asClientId, type ClientId } from '#core/ids.ts'

/**
 * A client id as one segment of a path. Ids that are URLs (Client ID Metadata Documents) hold slashes, which no path here may hold
 * even encoded; they are written as `~` and base64url.
 */
export function clientKey(clientId: ClientId): string {
  return /^[A-Za-z0-9._-]{1,128}$/.test(clientId) ? clientId : `~${Buffer.from(clientId).toString('base64url')}`
}

/** The id behind a key. Whatever was given, it is looked up, never trusted. */
export function clientIdOf(key: string): ClientId {
  return asClientId(key.startsWith('~') ? Buffer.from(key.slice(1), 'base64url').toString('utf8') : key)
}
