import { hash } from 'node:crypto'
import { certificateSubject } from '../sender/certificate-subject.ts'
import type { ClientMetadataWire } from './registry.ts'

/**
 * What a person consents to when they consent to a client: its name, where codes may go, how it proves who it is and with which keys
 * or certificates.
 * When one of these changes, the person is asked again (draft-ietf-oauth-client-id-metadata-document §8.4).
 */
export function clientDigest(metadata: ClientMetadataWire): string {
  const {
    client_name: name,
    redirect_uris: redirectUris,
    token_endpoint_auth_method: method,
    jwks,
    jwks_uri,
  } = metadata
  const keys = jwks === undefined ? (jwks_uri ?? null) : jwks.keys.map((key) => JSON.stringify(sorted(key))).toSorted()
  const subject = Object.entries(certificateSubject(metadata))
  return hash('sha256', JSON.stringify([name, redirectUris.toSorted(), method, keys, subject]), 'base64url')
}

/** One text per key, however its members are ordered. */
function sorted(key: Readonly<Record<string, unknown>>): readonly (readonly [string, unknown])[] {
  return Object.entries(key).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
