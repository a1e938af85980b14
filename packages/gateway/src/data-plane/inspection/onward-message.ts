import type { JsonObject, JsonValue } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'
import {
  CLIENT_CAPABILITIES_META,
  CLIENT_INFO_META,
  isReservedMeta,
  LOG_LEVEL_META,
  metaOf,
  PROTOCOL_VERSION_META,
} from '#wire/mcp/meta.ts'
import { LATEST_LEGACY_REVISION } from '#wire/mcp/revisions.ts'
import { clientCapabilitiesCarried } from '../sessions/capabilities.ts'

/** What the gateway puts in place of what the client said. */
export interface Onward {
  /** 16 hex digits: our own span in the trace. */
  readonly spanId: string
  /** The upstream's own `requestState`, unsealed; null: the upstream gave none; undefined: the client sent none. */
  readonly requestState: string | null | undefined
}

/** W3C Trace Context §3.2.2, version 00: all-zero ids are invalid. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/

const KEPT_META: ReadonlySet<string> = new Set([PROTOCOL_VERSION_META, CLIENT_INFO_META, LOG_LEVEL_META])

/**
 * A modern message as its next hop reads it. Fields that we do not know pass; `_meta` keys that are reserved for the protocol pass only
 * where the protocol lets a client send them, because no extension is in force here. The client's span becomes ours; `tracestate` and
 * `baggage`, which any client could fill for whoever reads traces behind us, end here. Pure.
 */
export function onwardMessage(object: JsonObject, onward: Onward): JsonObject {
  const params = object['params']
  if (!isJsonObject(params)) return object
  const meta = metaOf(params)
  const withMeta = meta === null ? params : { ...params, _meta: onwardMeta(meta, onward.spanId) }
  if (onward.requestState === undefined) return { ...object, params: withMeta }
  // In its place: members come out in the order in which they came.
  if (onward.requestState !== null) return { ...object, params: { ...withMeta, requestState: onward.requestState } }
  const { requestState: _, ...rest } = withMeta
  return { ...object, params: rest }
}

function onwardMeta(meta: JsonObject, spanId: string): JsonObject {
  const kept: [string, JsonValue][] = []
  for (const [key, value] of Object.entries(meta)) {
    if (key === 'tracestate' || key === 'baggage') continue
    if (key === 'traceparent') {
      const next = typeof value === 'string' ? nextHop(value, spanId) : null
      if (next !== null) kept.push([key, next])
    } else if (key === CLIENT_CAPABILITIES_META) {
      // What only an extension or experiment could use is not carried, so it is not promised.
      kept.push([key, clientCapabilitiesCarried(value, LATEST_LEGACY_REVISION)])
    } else if (KEPT_META.has(key) || !isReservedMeta(key)) kept.push([key, value])
  }
  return Object.fromEntries(kept)
}

function nextHop(traceparent: string, spanId: string): string | null {
  const match = TRACEPARENT.exec(traceparent)
  return match === null ? null : `00-${match[1]}-${spanId}-${match[2]}`
}
