/** Why something outbound did not happen. Names only: an address, a host or a library's message never travels in it. */
export type OutboundReason =
  /** The URL cannot be parsed, carries userinfo, or holds characters that parsers disagree about. */
  | 'urlInvalid'
  /** Not http(s), or plain http towards a public network. */
  | 'schemeNotAllowed'
  | 'nameNotResolved'
  /** At least one address of the host lies outside the allowed network. */
  | 'addressNotAllowed'
  /** Refused, reset or unroutable before a response began. */
  | 'unreachable'
  /** The certificate or the TLS handshake was not acceptable. */
  | 'tlsFailed'
  | 'timedOut'
  /** A 3xx answer: nothing outbound follows redirects. */
  | 'redirect'
  /** The body came with a Content-Encoding although `identity` was asked for; nothing is ever decompressed. */
  | 'compressed'
  | 'tooLarge'
  /** Not an HTTP/1.1 response. */
  | 'malformedResponse'
  /** The connection broke in the middle of a body. */
  | 'reset'
  /** As many requests to this upstream are under way as it may have. */
  | 'busy'
  /** The caller's own signal. */
  | 'aborted'
  | 'closed'

/** Carried as the rejection of outbound streams and connections; `cause` holds the library's error for the log. */
export class OutboundFailure extends Error {
  readonly reason: OutboundReason

  constructor(reason: OutboundReason, cause?: unknown) {
    super(`outbound request failed: ${reason}`, cause === undefined ? undefined : { cause })
    this.name = 'OutboundFailure'
    this.reason = reason
  }
}
