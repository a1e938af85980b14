import type { JsonObject } from '../jsonrpc/message.ts'
import { isJsonObject, memberOf } from '../jsonrpc/raw-json.ts'

/** Every modern request names its revision here (2026-07-28, basic/index §_meta). */
export const PROTOCOL_VERSION_META = 'io.modelcontextprotocol/protocolVersion'
export const CLIENT_INFO_META = 'io.modelcontextprotocol/clientInfo'
export const CLIENT_CAPABILITIES_META = 'io.modelcontextprotocol/clientCapabilities'
export const LOG_LEVEL_META = 'io.modelcontextprotocol/logLevel'
/** On what a listener gets: the id of its `subscriptions/listen`. */
export const SUBSCRIPTION_ID_META = 'io.modelcontextprotocol/subscriptionId'

/** Keys under this prefix mean what the protocol or an extension says they mean, so only known ones cross. */
export const RESERVED_META_PREFIX = 'io.modelcontextprotocol/'

/** The `_meta` of params or of a result; null if there is none. */
export function metaOf(object: JsonObject | null): JsonObject | null {
  const meta = object === null ? undefined : memberOf(object, '_meta')
  return isJsonObject(meta) ? meta : null
}
