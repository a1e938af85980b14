import type { ToolClass } from '#core/tool-classes.ts'
import type { JsonObject } from '#wire/jsonrpc/message.ts'
import { isJsonObject } from '#wire/jsonrpc/raw-json.ts'

/** Null is for what any caller may do, which changes nothing at the server (listing, ping, log level). */
export function isPureRead(toolClass: ToolClass | null): boolean {
  return toolClass === null || toolClass === 'read'
}

/** What the upstream itself says about the call. */
export function outcomeOf(object: JsonObject): { readonly outcome: 'success' | 'failed'; readonly reason?: string } {
  if (object['error'] !== undefined) return { outcome: 'failed', reason: 'upstreamError' }
  const result = object['result']
  if (!isJsonObject(result)) return { outcome: 'success' }
  if (result['isError'] === true) return { outcome: 'failed', reason: 'toolError' }
  // The server waits for answers; whether anything was done is not known yet.
  return result['resultType'] === 'input_required'
    ? { outcome: 'success', reason: 'inputRequired' }
    : { outcome: 'success' }
}
