import { API_KEY_PREFIX } from '#identity/api-key-text.ts'

/** Names under which clients have been seen to send credentials, whatever the case and separators. */
const CREDENTIAL_NAMES =
  /^(?:access|id|refresh|auth|bearer|session)?[-_.]?token$|^(?:bearer|jwt|authorization|password|api[-_.]?key|client[-_.]?secret)$/i
/** A compact JWS: a header that is a JSON object always starts like this in base64url. Or a key of ours, whole or cut. */
const CREDENTIAL_TEXT = new RegExp(
  `^(?:bearer\\s+)?(?:eyJ[A-Za-z0-9_-]*\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*$|${API_KEY_PREFIX})`,
  'i',
)

/**
 * Whether the query carries something that looks like a credential. URLs end up in logs and referrers, so even a valid one is refused
 * (MCP authorization §Token Requirements; RFC 9700 §4.3.2).
 */
export function holdsToken(query: URLSearchParams): boolean {
  for (const [name, value] of query) {
    if (CREDENTIAL_NAMES.test(name) || CREDENTIAL_TEXT.test(value)) return true
  }
  return false
}
