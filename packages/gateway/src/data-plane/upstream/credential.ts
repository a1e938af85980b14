import { Secret } from '#core/secret.ts'
import type { HttpUpstream, UpstreamSpec } from '#core/snapshot.ts'

/** What one HTTP request to an upstream carries besides the credential. */
export interface UpstreamRequestKind {
  readonly accept: string
  readonly hasBody: boolean
  /** The upstream's session id; never the front's. */
  readonly sessionId: string | null
  readonly revision: string | null
  readonly lastEventId: string | null
}

/** Shorter values are settings rather than secrets, and would be found everywhere. */
const SECRET_CHARS_MIN = 8

/**
 * The headers of a request to an upstream: this is the only place that makes them, and it is given no inbound request to copy from.
 * The credential is the gateway's own, from the server's entry in the configuration.
 */
export function upstreamHeaders(spec: HttpUpstream, kind: UpstreamRequestKind): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of spec.headers) headers[name.toLowerCase()] = value.reveal()
  headers['accept'] = kind.accept
  headers['user-agent'] = 'sallyport'
  if (kind.hasBody) headers['content-type'] = 'application/json'
  if (kind.sessionId !== null) headers['mcp-session-id'] = kind.sessionId
  if (kind.revision !== null) headers['mcp-protocol-version'] = kind.revision
  if (kind.lastEventId !== null) headers['last-event-id'] = kind.lastEventId
  return headers
}

/**
 * The texts that must never come back from this upstream, nor be sent to it by a caller: every secret of its entry, whole and without
 * its `Bearer`-like scheme, as they look inside printed JSON.
 */
export function credentialTexts(spec: UpstreamSpec): readonly string[] {
  const values = [...(spec.kind === 'http' ? spec.headers : spec.env).values()]
  const texts = values
    .filter((value) => value instanceof Secret)
    .flatMap((secret) => {
      const text = secret.reveal()
      return [text, text.slice(text.indexOf(' ') + 1)]
    })
    .filter((text) => text.length >= SECRET_CHARS_MIN)
    .map((text) => JSON.stringify(text).slice(1, -1))
  return [...new Set(texts)]
}
