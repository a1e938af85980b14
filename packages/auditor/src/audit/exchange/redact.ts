import { createHash } from 'node:crypto'
import { printable } from '#cli/printable.ts'

const TEXT_MAX = 2000
/** Parameters and members whose values open something. */
const SECRET_NAMES =
  'access_token|refresh_token|id_token|code|device_code|user_code|code_verifier|client_secret|registration_access_token|token|password|assertion|client_assertion|csrf|transaction'

/** Wherever it stands. */
export const JWT_LIKE = /\beyJ[\w-]{5,}\.[\w-]*(?:\.[\w-]*){0,3}/g
/** Signed metadata (RFC 9728 §2.2) is for everybody. */
const SIGNED = /("signed_metadata"\s*:\s*"[^"]*")/
const MEMBER = new RegExp(`("(?:${SECRET_NAMES})"\\s*:\\s*)"((?:[^"\\\\]|\\\\.)+)"`, 'g')
const PARAMETER = new RegExp(`((?:^|[?&#\\s])(?:${SECRET_NAMES})=)([^&\\s"'<>]+)`, 'g')
const FIELD = new RegExp(`(name="(?:${SECRET_NAMES})"\\s+value=")([^"]+)"`, 'g')

/** `sha256:` and the first 16 digits: enough to see that two are the same. */
export function hashed(value: string): string {
  return `sha256:${hash16(value)}`
}

export function hash16(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 16)
}

/** A text with something else in place of all that opens something, by the name that it has or the look of it. */
export function replaceSecrets(text: string, as: (secret: string) => string): string {
  return text
    .split(SIGNED)
    .map((part, at) => (at % 2 === 1 ? part : replaceIn(part, as)))
    .join('')
}

function replaceIn(text: string, as: (secret: string) => string): string {
  return text
    .replaceAll(MEMBER, (_, before: string, value: string) => `${before}"${as(value)}"`)
    .replaceAll(PARAMETER, (_, before: string, value: string) => `${before}${as(value)}`)
    .replaceAll(FIELD, (_, before: string, value: string) => `${before}${as(value)}"`)
    .replaceAll(JWT_LIKE, as)
}

/** Text of an exchange as a report may hold it: printable, not longer than is worth reading, without what opens anything. */
export function redactText(text: string, isMultiline = true): string {
  const cut = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
  const hidden = replaceSecrets(cut, hashed)
  return isMultiline ? hidden.split('\n').map(printable).join('\n') : printable(hidden)
}

export function redactHeader(name: string, value: string): [string, string] {
  return [printable(name), headerValue(name, value, hashed, (text) => redactText(text, false))]
}

/** The value of a header line without what opens anything; `otherwise` is for lines that are not secret by their name. */
export function headerValue(
  name: string,
  value: string,
  as: (secret: string) => string,
  otherwise: (text: string) => string,
): string {
  const key = name.toLowerCase()
  if (key === 'authorization')
    return value.replace(
      /^(?:(\S+)(\s+))?(.+)$/s,
      (_, scheme: string | undefined, space: string | undefined, rest: string) =>
        `${printable(scheme ?? '')}${space === undefined ? '' : ' '}${as(rest)}`,
    )
  if (key === 'set-cookie' || key === 'cookie')
    return value.replaceAll(/=([^;\s]+)/g, (_, secret: string) => `=${as(secret)}`)
  return key === 'mcp-session-id' ? as(value) : otherwise(value)
}
