/** What a single pass over JSON text tells without building anything. */
export interface JsonScan {
  readonly depth: number
  /** How many members all objects have together, as written: duplicates count each time. */
  readonly members: number
  /** A number of more digits than a double surely keeps, or one with a fraction, an exponent or a minus zero. */
  readonly hasUnusualNumbers: boolean
  /** A `\ud800`-like escape: the text may hold half a surrogate pair. */
  readonly hasSurrogateEscapes: boolean
  /** A key is written with a backslash somewhere. */
  readonly hasEscapedKeys: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Every integer of this many digits is a safe one. */
const PLAIN_DIGITS_MAX = 15

/**
 * Linear, and right for valid JSON; on anything else it says something and never throws (the parser refuses it afterwards).
 * Stops at `depthMax + 1`, so that a parser is never given deeper text.
 */
export function scanJson(text: string, depthMax: number): JsonScan {
  let depth = 0
  let deepest = 0
  let members = 0
  let hasUnusualNumbers = false
  let hasSurrogateEscapes = false
  let hasEscapedKeys = false
  // Looked for from one string to the next and never twice: most text has few, and each search would run to its end.
  let backslash = text.indexOf('\\')
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      const end = endOfString(text, at)
      if (backslash !== -1 && backslash < at) backslash = text.indexOf('\\', at)
      if (backslash !== -1 && backslash < end) {
        hasSurrogateEscapes ||= holdsSurrogateEscape(text, backslash, end)
        hasEscapedKeys ||= isKey(text, end)
      }
      at = end
    } else if (unit === COLON) members += 1
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      depth += 1
      if (depth > deepest) deepest = depth
      if (depth > depthMax) break
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth -= 1
    else if (unit === MINUS || (unit >= ZERO && unit <= NINE)) {
      const end = endOfNumber(text, at)
      hasUnusualNumbers ||= isUnusual(text, at, end)
      at = end - 1
    }
  }
  return { depth: deepest, members, hasUnusualNumbers, hasSurrogateEscapes, hasEscapedKeys }
}

/** Whether the string whose closing quote is at `end` is the name of a member: a colon follows. */
export function isKey(text: string, end: number): boolean {
  let at = end + 1
  while (isSpace(text.charCodeAt(at))) at += 1
  return text.charCodeAt(at) === COLON
}

function isSpace(unit: number): boolean {
  return unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d
}

/** Index of the closing quote of the string that opens at `start`; the length of the text if there is none. */
export function endOfString(text: string, start: number): number {
  let at = start + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote === -1) return text.length
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH && quote - 1 - backslashes > start) backslashes += 1
    if (backslashes % 2 === 0) return quote
    at = quote + 1
  }
}

function holdsSurrogateEscape(text: string, start: number, end: number): boolean {
  return /\\u[dD][89a-fA-F]/.test(text.slice(start, end))
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && isNumberUnit(text.charCodeAt(at))) at += 1
  return at
}

function isNumberUnit(unit: number): boolean {
  // digits . + - e E
  return (
    (unit >= ZERO && unit <= NINE) || unit === 0x2e || unit === 0x2b || unit === MINUS || unit === 0x65 || unit === 0x45
  )
}

function isUnusual(text: string, start: number, end: number): boolean {
  const isNegative = text.charCodeAt(start) === MINUS
  if (end - start - (isNegative ? 1 : 0) > PLAIN_DIGITS_MAX) return true
  if (isNegative && text.charCodeAt(start + 1) === ZERO) return true
  for (let at = start + 1; at < end; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < ZERO || unit > NINE) return true
  }
  return false
}
