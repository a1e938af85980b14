import type { JsonObject, JsonValue } from './message.ts'
import { isJsonObject } from './raw-json.ts'
import { endOfString, isKey } from './scan-json.ts'

/**
 * Parses JSON text whose keys have escapes. V8 guesses a key from objects it has read before, and compares its guess with the text as it
 * is written: after one message with a key `\\` (a backslash), the key `\n` of another is read as a backslash too, and a key
 * `\u00fcber` as whatever else begins like that (nodejs/node#63785). One caller could so change what the next one says. Here the
 * parser is shown plain names only, each once, and they are exchanged for the written keys after. Undefined for what is no JSON.
 *
 * The members of an object may be fewer than written: of a key that is written twice, one is left, as with any other parser.
 */
export function parseEscapedKeys(text: string, parse: (text: string) => JsonValue | undefined): JsonValue | undefined {
  const keys: string[] = []
  const parts: string[] = []
  let from = 0
  for (let at = text.indexOf('"'); at !== -1 && at < text.length; at = text.indexOf('"', at + 1)) {
    const end = endOfString(text, at)
    if (isKey(text, end)) {
      const key = unescapeString(text.slice(at, end + 1))
      if (key === undefined) return undefined
      parts.push(text.slice(from, at), `"k${keys.length}"`)
      keys.push(key)
      from = end + 1
    }
    at = end
  }
  parts.push(text.slice(from))
  const value = parse(parts.join(''))
  return value === undefined ? undefined : withKeys(value, keys)
}

/** A string by itself is no key, so nothing is guessed. */
function unescapeString(written: string): string | undefined {
  try {
    // It begins with a quote, so it is a string or no JSON.
    return JSON.parse(written) as string
  } catch {
    return undefined
  }
}

/** Recursion is bounded: the scan has refused deeper text before. */
function withKeys(value: JsonValue, keys: readonly string[]): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withKeys(item, keys))
  if (!isJsonObject(value)) return value
  // `fromEntries` makes own members, `__proto__` included.
  const named: JsonObject = Object.fromEntries(
    Object.entries(value).map(([name, member]) => [keys[Number(name.slice(1))] ?? '', withKeys(member, keys)]),
  )
  return named
}
