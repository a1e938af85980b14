import type { SecretFinding } from './finding.ts'
import { characters, type TextReader } from './text-reader.ts'

const AUTHORITY_END = characters('/?# \t\r\n"\'<>\\`')

/** The userinfo part of URLs of any scheme (RFC 3986 §3.2.1): `postgres://user:word@host`. */
export function findUrlCredentials(reader: TextReader): SecretFinding[] {
  const findings: SecretFinding[] = []
  for (let at = reader.find('://', 0); at !== -1; ) {
    const start = at + 3
    const end = reader.skipUntil(AUTHORITY_END, start)
    const sign = reader.text.slice(start, end).lastIndexOf('@')
    if (sign > 0) findings.push({ kind: 'url-credential', start, end: start + sign })
    at = reader.find('://', end)
  }
  return findings
}
