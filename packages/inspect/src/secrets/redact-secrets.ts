import { findSecrets } from './find-secrets.ts'

/**
 * The text with each secret replaced by `[redacted:kind]`; the rest is unchanged. A value that is already redacted is
 * left as it is. Redacting again never brings anything back; in a text made to confuse, it may redact more.
 */
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
