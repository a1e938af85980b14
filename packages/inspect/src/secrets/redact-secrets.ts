import { findSecrets } from './find-secrets.ts'

/** The text with each secret replaced by `[redacted:kind]`. The rest is unchanged; redacting twice changes nothing. */
export function redactSecrets(text: string): string {
  const findings = findSecrets(text)
  if (findings.length === 0) return text
  let redacted = ''
  let from = 0
  for (const { kind, start, end } of findings) {
    redacted += `${text.slice(from, start)}[redacted:${kind}]`
    from = end
  }
  return redacted + text.slice(from)
}
