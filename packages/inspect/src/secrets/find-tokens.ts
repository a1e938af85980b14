import type { SecretFinding } from './finding.ts'
import { createLiterals } from './literals.ts'
import { BASE64URL, characters, type TextReader } from './text-reader.ts'
import { TOKEN_FORMATS, type TokenFormat } from './token-formats.ts'

const DIGIT = characters('0-9')
const DOT = characters('.')

const scanPrefixes = createLiterals(
  TOKEN_FORMATS.map((format, index) => ({ literal: format.prefix, named: index })),
  { ignoresCase: false },
)

/** Tokens that announce themselves by a prefix. No format reads a run twice. */
export function findTokens(reader: TextReader): SecretFinding[] {
  const findings: SecretFinding[] = []
  /** Where each format goes on, by its place in the list. */
  const from = new Map<number, number>()
  scanPrefixes(reader, (index, start) => {
    const format = TOKEN_FORMATS[index]
    if (format === undefined || start < (from.get(index) ?? 0)) return
    const bodyStart = start + format.prefix.length
    const end = reader.skip(format.alphabet, bodyStart)
    const isFound = end - bodyStart >= format.lengthMin && fits(reader, format, start, bodyStart, end)
    if (isFound) findings.push({ kind: format.kind, start, end })
    // A prefix made of the token's own alphabet can't begin a longer token inside a run that was too short. One with
    // other characters may begin inside the run, but its body begins behind it; so either way no run is read twice.
    from.set(index, isFound || isInAlphabet(format) ? end : bodyStart)
  })
  return findings
}

function fits(reader: TextReader, format: TokenFormat, start: number, bodyStart: number, end: number): boolean {
  // A compact JOSE value has at least two parts; base64 of any JSON object starts with the same three letters.
  if (format.kind === 'jwt') return reader.has(DOT, bodyStart, end - 1)
  if (!format.isShortPrefix) return true
  return !reader.isIn(BASE64URL, start - 1) && reader.has(DIGIT, bodyStart, end)
}

function isInAlphabet(format: TokenFormat): boolean {
  return [...format.prefix].every((character) => format.alphabet[character.charCodeAt(0)] === 1)
}
