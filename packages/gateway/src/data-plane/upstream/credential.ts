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
  /** What 2026-07-28 repeats of the body, made from the body that is sent; empty in the legacy era. */
  readonly mirroring?: Readonly<Record<string, string>>
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
  for (const [name, value] of Object.entries(kind.mirroring ?? {})) headers[name] = value
  return headers
}

/**
 * The texts that must never come back from this upstream, nor be sent to it by a caller: every secret of its entry, without its
 * `Bearer`-like scheme, as it looks inside printed JSON, plain and in the encodings that programs echo headers and environments in.
 */
export function credentialTexts(spec: UpstreamSpec): readonly string[] {
  const values = [...(spec.kind === 'http' ? spec.headers : spec.env).values()]
  const texts = values.flatMap((value) => (value instanceof Secret ? secretsIn(value.reveal()) : []))
  return [...new Set(texts.flatMap(spellings))]
}

/** What is secret in a header or variable: what follows the scheme; of Basic (RFC 7617) also the pair and the password inside. */
function secretsIn(text: string): string[] {
  const bare = text.slice(text.indexOf(' ') + 1)
  const secrets = [bare.length >= SECRET_CHARS_MIN ? bare : text]
  if (/^basic +/i.test(text)) {
    const pair = Buffer.from(bare, 'base64').toString()
    secrets.push(pair, pair.slice(pair.indexOf(':') + 1))
  }
  return secrets.filter((secret) => secret.length >= SECRET_CHARS_MIN)
}

/** As printed JSON shows it: plain, in JSON inside a string, percent-encoded, in hexadecimal, and in base64 wherever it begins. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  const percent = encodeURIComponent(secret)
  const encoded = [0, 1, 2].flatMap((offset) => {
    const base64 = base64At(bytes, offset)
    return [base64, base64.replaceAll('+', '-').replaceAll('/', '_')]
  })
  const plain = [
    printed(secret),
    printed(printed(secret)),
    printed(percent),
    printed(percent.replace(/%../g, (code) => code.toLowerCase())),
  ]
  // What is left of a short secret without its edges could be anything.
  return [...plain, hex, hex.toUpperCase(), ...encoded.filter((text) => text.length >= SECRET_CHARS_MIN)]
}

function printed(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** The base64 characters that depend on these bytes alone, when `offset` bytes (mod 3) of something else come before them. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
}
