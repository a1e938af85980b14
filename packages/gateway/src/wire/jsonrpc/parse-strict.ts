import { ok, type Result, refused } from '#core/result.ts'
import { parseEscapedKeys } from './escaped-keys.ts'
import type { JsonValue } from './message.ts'
import { parseKeepingNumbers } from './raw-json.ts'
import { scanJson } from './scan-json.ts'

/** Deep enough for every MCP message seen; policy and inspection walk recursively within it. */
export const REQUEST_DEPTH_MAX = 64
/** Results carry a server's own documents, which may be deeper. */
export const RESULT_DEPTH_MAX = 128

export interface ParseOptions {
  readonly depthMax: number
  /**
   * `request`: integers beyond 2^53-1 and non-finite numbers are refused, because policy could not judge what the upstream reads.
   * `result`: a number that JavaScript would print differently is kept as its text (`JSON.rawJSON`).
   */
  readonly numbers: 'request' | 'result'
}

// `ignoreBOM` keeps a byte order mark in the text, where the parser refuses it (RFC 8259 §8.1: MUST NOT add one).
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads one JSON value so that no two parsers can read it differently: valid UTF-8 without a byte order mark, no key twice in one object
 * (compared after unescaping), bounded depth. In requests also no half surrogate pairs, which RFC 7493 §2.1 forbids and which other
 * parsers replace; in results they are kept as the escapes they came as. Keys such as `__proto__` become own members and stay so:
 * copy such objects with spread, never with `Object.assign`.
 * Refuses with a short reason that repeats nothing of the input.
 */
export function parseJson(bytes: Uint8Array, options: ParseOptions): Result<JsonValue, string> {
  const text = decode(bytes)
  if (text === null) return refused('not valid UTF-8')
  const scan = scanJson(text, options.depthMax)
  if (scan.depth > options.depthMax) return refused(`nested deeper than ${options.depthMax} levels`)
  const value = scan.hasEscapedKeys ? parseEscapedKeys(text, parse) : parse(text)
  if (value === undefined) return refused('not valid JSON')
  // The parser keeps one member of each name, after unescaping: fewer members than were written means a name was written twice.
  if (countMembers(value) !== scan.members) return refused('a key is written twice in one object')
  if (options.numbers === 'result') {
    if (!scan.hasUnusualNumbers) return ok(value)
    return ok(scan.hasEscapedKeys ? (parseEscapedKeys(text, parseKeepingNumbers) ?? value) : parseKeepingNumbers(text))
  }
  if (scan.hasUnusualNumbers && !everyLeaf(value, isExactNumber)) return refused('a number is outside the exact range')
  if (scan.hasSurrogateEscapes && !everyLeaf(value, isWellFormed))
    return refused('a string holds half a surrogate pair')
  return ok(value)
}

/** Prints a parsed value. What `parseJson` read comes out with the same members, strings and numbers; only spacing and escapes change. */
export function printJson(value: JsonValue): string {
  return JSON.stringify(value)
}

function decode(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

function parse(text: string): JsonValue | undefined {
  try {
    // JSON.parse answers nothing but JSON values.
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

/** Recursion is bounded: the scan has refused deeper text before. */
function countMembers(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 0
  const children: JsonValue[] = Array.isArray(value) ? value : Object.values(value)
  let count = Array.isArray(value) ? 0 : children.length
  for (const child of children) count += countMembers(child)
  return count
}

/** Whether the check holds for every string, key and number. */
function everyLeaf(value: JsonValue, holds: (leaf: string | number) => boolean): boolean {
  if (typeof value === 'string' || typeof value === 'number') return holds(value)
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every((child) => everyLeaf(child, holds))
  return Object.entries(value).every(([key, child]) => holds(key) && everyLeaf(child, holds))
}

function isExactNumber(leaf: string | number): boolean {
  if (typeof leaf === 'string') return true
  return Number.isFinite(leaf) && (!Number.isInteger(leaf) || Number.isSafeInteger(leaf))
}

function isWellFormed(leaf: string | number): boolean {
  return typeof leaf === 'number' || leaf.isWellFormed()
}
