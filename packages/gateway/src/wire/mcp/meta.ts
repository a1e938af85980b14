import type { JsonObject } from '../jsonrpc/message.ts'
import { isJsonObject, memberOf } from '../jsonrpc/raw-json.ts'

/** Every modern request names its revision here (2026-07-28, basic/index §_meta). */
export const PROTOCOL_VERSION_META = 'io.modelcontextprotocol/protocolVersion'
export const CLIENT_INFO_META = 'io.modelcontextprotocol/clientInfo'
export const CLIENT_CAPABILITIES_META = 'io.modelcontextprotocol/clientCapabilities'
export const LOG_LEVEL_META = 'io.modelcontextprotocol/logLevel'
/** On what a listener gets: the id of its `subscriptions/listen`. */
export const SUBSCRIPTION_ID_META = 'io.modelcontextprotocol/subscriptionId'

/** On results: who says it is behind them. Nobody may trust it, and it is for display. */
export const SERVER_INFO_META = 'io.modelcontextprotocol/serverInfo'

const RESERVED_LABELS: ReadonlySet<string | undefined> = new Set(['modelcontextprotocol', 'mcp'])

/**
 * Whether a key means what the protocol or one of its extensions says it means: every prefix whose second label is `mcp` or
 * `modelcontextprotocol` (2026-07-28, basic/index §_meta). Labels are names of the DNS, so their case does not make another key of one.
 */
export function isReservedMeta(key: string): boolean {
  const slash = key.indexOf('/')
  return slash >= 0 && RESERVED_LABELS.has(key.slice(0, slash).toLowerCase().split('.')[1])
}

/** Without the reserved keys, but for those that may be said here: no extension is in force, so the others could only be forged. */
export function withoutReservedMeta(meta: JsonObject, kept: ReadonlySet<string> = NONE): JsonObject {
  return Object.fromEntries(Object.entries(meta).filter(([key]) => kept.has(key) || !isReservedMeta(key)))
}

const NONE: ReadonlySet<string> = new Set()

/** The `_meta` of params or of a result; null if there is none. */
export function metaOf(object: JsonObject | null): JsonObject | null {
  const meta = object === null ? undefined : memberOf(object, '_meta')
  return isJsonObject(meta) ? meta : null
}
