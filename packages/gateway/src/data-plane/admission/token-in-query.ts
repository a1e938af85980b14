/** Names under which clients have been seen to send credentials, whatever the case and separators. */
const CREDENTIAL_NAMES =
  /^(?:access|id|refresh|auth|bearer|session)?[-_.]?token$|^(?:bearer|jwt|authorization|password|api[-_.]?key|client[-_.]?secret)$/i
/** A compact JWS: a header that is a JSON object always starts like this in base64url. */
const COMPACT_JWS = /^(?:bearer\s+)?eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/i

/**
 * Whether the query carries something that looks like a credential. URLs end up in logs and referrers, so even a valid one is refused
 * (MCP authorization §Token Requirements; RFC 9700 §4.3.2).
 */
export function holdsToken(query: URLSearchParams): boolean {
  for (const [name, value] of query) {
    if (CREDENTIAL_NAMES.test(name) || COMPACT_JWS.test(value)) return true
  }
  return false
}
