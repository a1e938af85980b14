import { createHash } from 'node:crypto'
import { printable } from '#cli/printable.ts'

const TEXT_MAX = 2000
/** Parameters and members whose values open something. */
const SECRET_NAMES =
  'access_token|refresh_token|id_token|code|device_code|user_code|code_verifier|client_secret|registration_access_token|token|password|assertion|client_assertion|csrf|transaction'

/** `sha256:` and the first 16 digits: enough to see that two are the same. */
export function hashed(value: string): string {
  return `sha256:${createHash('sha256').update(value).digest('hex').slice(0, 16)}`
}

/** Text of an exchange as a report may hold it: printable, not longer than is worth reading, without what opens anything. */
export function redactText(text: string, isMultiline = true): string {
  const cut = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text
  const hidden = cut
    .replaceAll(
      new RegExp(`("(?:${SECRET_NAMES})"\\s*:\\s*)"((?:[^"\\\\]|\\\\.)+)"`, 'g'),
      (_, before: string, value: string) => `${before}"${hashed(value)}"`,
    )
    .replaceAll(
      new RegExp(`((?:^|[?&#\\s])(?:${SECRET_NAMES})=)([^&\\s"'<>]+)`, 'g'),
      (_, before: string, value: string) => `${before}${hashed(value)}`,
    )
    .replaceAll(
      new RegExp(`(name="(?:${SECRET_NAMES})"\\s+value=")([^"]+)"`, 'g'),
      (_, before: string, value: string) => `${before}${hashed(value)}"`,
    )
    .replaceAll(/\beyJ[\w-]{5,}\.[\w-]*(?:\.[\w-]*){0,3}/g, hashed)
  return isMultiline ? hidden.split('\n').map(printable).join('\n') : printable(hidden)
}

export function redactHeader(name: string, value: string): [string, string] {
  const key = name.toLowerCase()
  if (key === 'authorization')
    return [
      printable(name),
      value.replace(/^(\S+)\s+(.+)$/s, (_, scheme: string, rest: string) => `${printable(scheme)} ${hashed(rest)}`),
    ]
  if (key === 'set-cookie' || key === 'cookie')
    return [printable(name), value.replaceAll(/=([^;\s]+)/g, (_, secret: string) => `=${hashed(secret)}`)]
  if (key === 'mcp-session-id') return [printable(name), hashed(value)]
  return [printable(name), redactText(value, false)]
}
