import type { SecretFinding } from './finding.ts'
import { looksRandom } from './looks-random.ts'
import { judgeKey } from './secret-keys.ts'
import { BLANK, characters, type TextReader } from './text-reader.ts'

const SEPARATOR = characters('=:')
const KEY = characters('a-zA-Z0-9_-.')
const VALUE_END = characters(' \t\r\n,;&"\'<>(){}[]`|\\')
const FILLER = characters(' \t"\'\\')
const LINE_END = characters('\r\n')

/** Longer names are cut; what they end with decides. */
const KEY_CHARACTERS_MAX = 64
/** Blanks, backslashes and quotes that may stand between a key, its separator and its value. */
const FILLER_CHARACTERS_MAX = 8
/** A value this long is a secret without a closer look, so that looking closer costs a constant. */
const JUDGED_CHARACTERS_MAX = 64
const PLACEHOLDERS = new Set(
  'string number boolean null undefined true false none required optional missing empty any unknown yes no redacted'.split(
    ' ',
  ),
)

/**
 * Values behind a name that means secret, in any of the usual spellings: `KEY=value`, `key: value`, `"key":"value"`
 * (also inside a JSON string), query and form parameters, `Header: value`.
 */
export function findAssignments(reader: TextReader): SecretFinding[] {
  const findings: SecretFinding[] = []
  for (let at = reader.skipUntil(SEPARATOR, 0); at < reader.text.length; ) {
    const finding = findAssignment(reader, at)
    if (finding !== null) findings.push(finding)
    at = reader.skipUntil(SEPARATOR, finding === null ? at + 1 : finding.end)
  }
  return findings
}

function findAssignment(reader: TextReader, separator: number): SecretFinding | null {
  const key = judgeKey(keyBefore(reader, separator))
  if (key === null) return null
  const { start, quote } = valueStart(reader, separator + 1)
  // Already redacted, or a reference to a secret.
  if (['[redacted', '${env:', '${file:'].some((mark) => reader.text.startsWith(mark, start))) return null
  const end = key.takesLine && quote === '' ? reader.skipUntil(LINE_END, start) : valueEnd(reader, start, quote)
  if (end === start) return null
  if (end - start > JUDGED_CHARACTERS_MAX) return { kind: key.kind, start, end }
  const value = reader.text.slice(start, end)
  reader.steps += value.length
  if (PLACEHOLDERS.has(value.toLowerCase())) return null
  return key.isCertain || looksRandom(value) ? { kind: key.kind, start, end } : null
}

function keyBefore(reader: TextReader, separator: number): string {
  let end = separator
  while (end > 0 && separator - end < FILLER_CHARACTERS_MAX && reader.isIn(FILLER, end - 1)) end--
  let start = end
  while (end - start < KEY_CHARACTERS_MAX && reader.isIn(KEY, start - 1)) start--
  reader.steps += separator - start
  return reader.text.slice(start, end)
}

/** Where the value starts, and what opened it: '' or a quote with the backslashes that stood before it. */
function valueStart(reader: TextReader, from: number): { start: number; quote: string } {
  const afterBlank = Math.min(reader.skip(BLANK, from), from + FILLER_CHARACTERS_MAX)
  let at = afterBlank
  while (reader.text[at] === '\\' && at - afterBlank < FILLER_CHARACTERS_MAX) at++
  const isQuoted = reader.text[at] === '"' || reader.text[at] === "'"
  return isQuoted ? { start: at + 1, quote: reader.text.slice(afterBlank, at + 1) } : { start: afterBlank, quote: '' }
}

/** A quoted value ends at the same quote behind as many backslashes, at a line break, or with the text. */
function valueEnd(reader: TextReader, start: number, quote: string): number {
  if (quote === '') return reader.skipUntil(VALUE_END, start)
  const mark = quote.slice(-1)
  let backslashes = 0
  let at = start
  for (; at < reader.text.length; at++) {
    const character = reader.text[at]
    if (character === '\n' || character === '\r') break
    if (character === mark && backslashes === quote.length - 1) {
      reader.steps += at - start
      return at - backslashes
    }
    backslashes = character === '\\' ? backslashes + 1 : 0
  }
  reader.steps += at - start
  return at
}
