/** RFC 9110 §5.6.2: token; in lower case, so that the keys of an object cannot name one field twice. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]{1,128}$/
/** RFC 9110 §5.5: visible ASCII, space and tab. No CR, LF, NUL, nor bytes above ASCII. */
const FIELD_VALUE = /^[\t\x20-\x7e]{0,8192}$/
/** Origin form, already percent-encoded (RFC 9112 §3.2.1); never absolute, never with a fragment. */
const REQUEST_TARGET = /^\/[\x21\x22\x24-\x5b\x5d-\x7e]{0,4095}$/

/** Fields about the connection rather than the message: written by the HTTP library alone, or two parsers may disagree on a body. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Throws TypeError: whoever builds a request for an upstream has parsed its parts already, so a bad one is a bug. */
export function checkRequest(request: {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}): void {
  if (!REQUEST_TARGET.test(request.path)) throw new TypeError('request target is not in origin form')
  for (const name of Object.keys(request.headers)) {
    if (!FIELD_NAME.test(name)) throw new TypeError('header name is not a token in lower case')
    if (CONNECTION_FIELDS.has(name)) throw new TypeError(`header ${name} is not the caller's to set`)
    // The value may be a credential: it is not repeated.
    if (!FIELD_VALUE.test(request.headers[name] ?? ''))
      throw new TypeError(`header ${name} has a value that cannot be sent`)
  }
}
