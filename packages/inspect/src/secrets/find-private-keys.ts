import type { SecretFinding } from './finding.ts'
import { characters, type TextReader } from './text-reader.ts'

export const PRIVATE_KEY_BEGIN = '-----BEGIN '
export const PRIVATE_KEY_END = '-----END '

const LABEL = characters('A-Z0-9 ')
const LINE_BREAK = characters('\r\n"\'')

/**
 * PEM private keys (RFC 7468 and the older encrypted form), also with line breaks written as `\n` inside JSON. A key
 * that is cut off before its END line is taken to reach to the end of the text.
 */
export function findPrivateKeys(reader: TextReader): SecretFinding[] {
  const findings: SecretFinding[] = []
  for (let start = reader.find(PRIVATE_KEY_BEGIN, 0); start !== -1; ) {
    const labelStart = start + PRIVATE_KEY_BEGIN.length
    const labelEnd = reader.skip(LABEL, labelStart)
    if (!isPrivateKeyLabel(reader.text.slice(labelStart, labelEnd))) {
      start = reader.find(PRIVATE_KEY_BEGIN, labelEnd)
      continue
    }
    const endLine = reader.find(PRIVATE_KEY_END, labelEnd)
    const end = endLine === -1 ? reader.text.length : endOfLine(reader, endLine)
    findings.push({ kind: 'private-key', start, end })
    start = reader.find(PRIVATE_KEY_BEGIN, end)
  }
  return findings
}

/** `PRIVATE KEY`, `RSA PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`, `PGP PRIVATE KEY BLOCK` and their like. */
export function isPrivateKeyLabel(label: string): boolean {
  return label.includes('PRIVATE KEY')
}

/** The END line's own dashes close it; whatever follows on the line is not part of the key. */
function endOfLine(reader: TextReader, endLine: number): number {
  const labelEnd = reader.skip(LABEL, endLine + PRIVATE_KEY_END.length)
  return reader.text.startsWith('-----', labelEnd) ? labelEnd + 5 : reader.skipUntil(LINE_BREAK, labelEnd)
}
