import type { JsonRpcMessage } from '#wire/jsonrpc/message.ts'
import { parseJson, RESULT_DEPTH_MAX } from '#wire/jsonrpc/parse-strict.ts'
import { readMessage } from '#wire/jsonrpc/read-message.ts'

/** One message of an upstream, read as strictly as a client's. Null for whatever is no JSON-RPC 2.0 message of MCP's form. */
export function readUpstreamMessage(text: Uint8Array | string): JsonRpcMessage | null {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const value = parseJson(bytes, { depthMax: RESULT_DEPTH_MAX, numbers: 'result' })
  if (!value.ok) return null
  const message = readMessage(value.value)
  return message.ok ? message.value : null
}
