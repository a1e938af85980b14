import type { SecretFinding } from './finding.ts'
import { createLiterals } from './literals.ts'
import { ALPHANUMERIC, BLANK, characters, type TextReader } from './text-reader.ts'

/** RFC 7235 §2.1 token68. */
const TOKEN68 = characters('a-zA-Z0-9-._~+/=')
const DIGIT_OR_SIGN = characters('0-9=')
const LETTER = characters('a-zA-Z')

const SCHEMES = ['bearer', 'dpop', 'basic'] as const
/** A shorter run behind the scheme is taken for prose (`basic functions`) unless it holds a digit or `=`. */
const PROSE_LENGTH_MAX = 19
const CREDENTIAL_LENGTH_MIN = 6

const scanSchemes = createLiterals(
  SCHEMES.map((scheme) => ({ literal: scheme, named: scheme })),
  { ignoresCase: true },
)

/** Credentials behind an authentication scheme, wherever it stands: `Bearer …`, `DPoP …`, `Basic …` in any case. */
export function findHeaderCredentials(reader: TextReader): SecretFinding[] {
  const findings: SecretFinding[] = []
  const from = { bearer: 0, dpop: 0, basic: 0 }
  scanSchemes(reader, (scheme, at) => {
    if (at < from[scheme]) return
    const blank = at + scheme.length
    const start = reader.skip(BLANK, blank)
    const isScheme = start > blank && !reader.isIn(ALPHANUMERIC, at - 1)
    const end = isScheme ? reader.skip(TOKEN68, start) : start
    if (isScheme && isCredential(reader, start, end)) findings.push({ kind: `${scheme}-credential`, start, end })
    // A run that was prose may itself hold the scheme's name; it is short, so reading it again costs a constant.
    from[scheme] = end - start > PROSE_LENGTH_MAX ? end : blank
  })
  return findings
}

function isCredential(reader: TextReader, start: number, end: number): boolean {
  const length = end - start
  if (length < CREDENTIAL_LENGTH_MIN) return false
  return length > PROSE_LENGTH_MAX ? reader.has(LETTER, start, end) : reader.has(DIGIT_OR_SIGN, start, end)
}
