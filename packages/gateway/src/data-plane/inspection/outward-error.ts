import type { UpstreamSpec } from '#core/snapshot.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import { printJson } from '#wire/jsonrpc/parse-strict.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'

/** A frame of a stack trace, in printed JSON: `\n    at name (file:1:2)`. */
const STACK_FRAME = /\\n\s+at [^\\]{1,512}:\d+/
const PYTHON_TRACE = 'Traceback (most recent call last)'
const WITHHELD = 'The server behind this gateway reported an error'

/**
 * A JSON-RPC error of the upstream as the caller may see it. What servers say is passed on, because clients act on it; but an error that
 * tells where the server runs, or how it is built, keeps only its code. Results are documents and are not touched.
 */
export function outwardError(object: JsonObject, upstream: UpstreamSpec): JsonObject {
  const { error } = object
  if (!isJsonObject(error)) return object
  const text = printJson(error)
  const tells =
    STACK_FRAME.test(text) || text.includes(PYTHON_TRACE) || placesOf(upstream).some((place) => text.includes(place))
  return tells ? { ...object, error: { code: error['code'] ?? 0, message: WITHHELD } } : object
}

/** Where an upstream is, as texts inside printed JSON. */
function placesOf(upstream: UpstreamSpec): string[] {
  const places =
    upstream.kind === 'http'
      ? [new URL(upstream.url).hostname]
      : [upstream.command, upstream.cwd ?? ''].filter((path) => path.startsWith('/'))
  return places.filter((place) => place.length > 1).map((place) => JSON.stringify(place).slice(1, -1))
}
