import type { JsonValue } from '#wire/jsonrpc/message.ts'
import { decodeHeaderValue, type MirroredParam, mirroredValue, mirrorsValue } from '#wire/mcp/mirrored-headers.ts'

/**
 * The first header that does not say what the call's arguments say, or null. A parameter without a value has no header; headers that the
 * tool does not know are nobody's business and go no further than this. Pure. 2026-07-28, Server Behavior for Custom Headers.
 */
export function differingParam(
  args: JsonValue | undefined,
  mirrored: readonly MirroredParam[],
  headers: ReadonlyMap<string, string>,
): string | null {
  for (const param of mirrored) {
    const sent = headers.get(param.header)
    const value = mirroredValue(param, args)
    if (sent === undefined && value === undefined) continue
    const decoded = sent === undefined ? null : decodeHeaderValue(sent)
    if (decoded === null || value === undefined || !mirrorsValue(decoded, value)) return `Mcp-Param-${param.header}`
  }
  return null
}
