import type { JsonObject, JsonValue } from '../jsonrpc/message.ts'
import { isJsonObject, isRawNumber, memberOf } from '../jsonrpc/raw-json.ts'

/** One parameter of a tool that clients repeat in a header `Mcp-Param-{header}` (2026-07-28, `x-mcp-header`). */
export interface MirroredParam {
  /** In lower case: field names have no case. */
  readonly header: string
  /** Keys from the root of the arguments down to the value. */
  readonly path: readonly string[]
  readonly type: 'string' | 'integer' | 'boolean'
}

export const PARAM_HEADER_PREFIX = 'mcp-param-'

const ANNOTATION = 'x-mcp-header'
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** Annotated parameters of one tool; more make a head that nobody accepts. */
const MIRRORED_MAX = 64
/** Visible ASCII, with spaces and tabs inside only: what a field value carries unchanged (RFC 9110 §5.5). */
const PLAIN_VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/
const SENTINEL = /^=\?base64\?(.*)\?=$/

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The methods that name what they are about in `Mcp-Name`, and the parameter it repeats. */
const NAME_SOURCES: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
])

/** The parameter that `Mcp-Name` repeats for this method; null if there is none. */
export function nameSource(method: string): string | null {
  return NAME_SOURCES.get(method) ?? null
}

/** Prints any text as a field value: as it is where that is safe, else as base64 of its UTF-8 (2026-07-28, Value Encoding). */
export function encodeHeaderValue(text: string): string {
  const isPlain = PLAIN_VALUE.test(text) && text !== '' && !SENTINEL.test(text)
  return isPlain ? text : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`
}

/** The text that a field value stands for; null for characters that no such value may hold and for base64 that is none. */
export function decodeHeaderValue(raw: string): string | null {
  const value = raw.replace(/^[ \t]+|[ \t]+$/g, '')
  if (!PLAIN_VALUE.test(value)) return null
  const encoded = SENTINEL.exec(value)?.[1]
  if (encoded === undefined) return value
  const bytes = Buffer.from(encoded, 'base64')
  // The decoder skips what it does not know and takes spare bits. One spelling only (RFC 4648 §3.5, §4), or two readers see two values.
  if (bytes.toString('base64') !== encoded) return null
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

/**
 * The parameters that this input schema wants repeated. Null where an annotation breaks a rule of the specification (name, uniqueness,
 * type, reachable by `properties` alone): then the whole tool is invalid and must not be listed (2026-07-28, Schema Extension).
 */
export function readMirroredParams(inputSchema: JsonValue | undefined): readonly MirroredParam[] | null {
  const found: MirroredParam[] = []
  if (!collect(inputSchema, [], found)) return null
  const names = new Set(found.map(({ header }) => header))
  return names.size === found.length && found.length <= MIRRORED_MAX ? found : null
}

/** The value that a call's arguments hold for this parameter; undefined where there is none or it is null. */
export function mirroredValue(param: MirroredParam, args: JsonValue | undefined): JsonValue | undefined {
  let value = args
  for (const key of param.path) {
    if (!isJsonObject(value)) return undefined
    value = memberOf(value, key)
  }
  return value ?? undefined
}

/** A primitive as its header carries it, before encoding; null for what cannot be repeated in a header. */
export function printMirrored(value: JsonValue): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  const number = isRawNumber(value) ? Number(value.rawJSON) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? String(number) : null
}

/** Whether a decoded header says the same as the body. Integers are compared as numbers (`42.0` is `42`), all else letter by letter. */
export function mirrorsValue(decoded: string, value: JsonValue): boolean {
  const printed = printMirrored(value)
  if (printed === null) return false
  if (typeof value === 'string' || typeof value === 'boolean') return decoded === printed
  return /^-?\d{1,16}(?:\.0{1,16})?$/.test(decoded) && Number(decoded) === Number(printed)
}

/** The headers that repeat this request, made from the request itself. Values that cannot be repeated are left out. */
export function mirroringHeaders(
  method: string,
  params: JsonObject | null,
  mirrored: readonly MirroredParam[],
): Record<string, string> {
  const headers: Record<string, string> = { 'mcp-method': encodeHeaderValue(method) }
  const source = nameSource(method)
  const name = source === null || params === null ? undefined : memberOf(params, source)
  if (typeof name === 'string') headers['mcp-name'] = encodeHeaderValue(name)
  for (const param of mirrored) {
    const value = mirroredValue(param, params === null ? undefined : memberOf(params, 'arguments'))
    const printed = value === undefined ? null : printMirrored(value)
    if (printed !== null) headers[`${PARAM_HEADER_PREFIX}${param.header}`] = encodeHeaderValue(printed)
  }
  return headers
}

/** Walks `properties` only; an annotation found anywhere else refuses. Depth is bounded by the parser. */
function collect(schema: JsonValue | undefined, path: readonly string[], found: MirroredParam[]): boolean {
  if (!isJsonObject(schema)) return !holdsAnnotation(schema)
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' && isJsonObject(value)) {
      for (const [name, property] of Object.entries(value)) {
        if (!collect(property, [...path, name], found)) return false
      }
    } else if (key === ANNOTATION) {
      const type = schema['type']
      if (path.length === 0 || typeof value !== 'string' || !TOKEN.test(value)) return false
      // "primitive types (integer, string, boolean)": one of the three and nothing beside it. `['string', 'null']` is a type more, and a
      // tool that some hops would repeat in a header and others not is what the rule keeps out; clients of the official SDK hide it too.
      if (type !== 'string' && type !== 'integer' && type !== 'boolean') return false
      found.push({ header: value.toLowerCase(), path, type })
    } else if (!DATA_KEYWORDS.has(key) && holdsAnnotation(value)) return false
  }
  return true
}

/** Their values are examples of data, not schemas: a key in them annotates nothing. */
const DATA_KEYWORDS: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples'])

function holdsAnnotation(value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.some(holdsAnnotation)
  if (!isJsonObject(value)) return false
  return Object.entries(value).some(
    ([key, child]) => key === ANNOTATION || (!DATA_KEYWORDS.has(key) && holdsAnnotation(child)),
  )
}
