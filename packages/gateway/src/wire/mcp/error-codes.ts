import type { JsonObject } from '../jsonrpc/message.ts'
import { isJsonObject } from '../jsonrpc/raw-json.ts'

/** JSON-RPC 2.0 §5.1, and the codes that MCP revisions add. Numbers are on the wire: never renumber. */
export const ERROR_CODES = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internalError: -32603,
  /** What legacy SDK servers answer when the transport refuses (401, 403, 406, 415, 429…). */
  refused: -32000,
  /** What legacy SDK servers answer, with 404, when a session is gone. */
  sessionNotFound: -32001,
  /** 2025-11-25: a resource is missing. */
  resourceNotFound: -32002,
  /** 2025-11-25: go to a URL first. */
  urlElicitationRequired: -32042,
  /** 2026-07-28. */
  headerMismatch: -32020,
  missingClientCapability: -32021,
  unsupportedProtocolVersion: -32022,
} as const

/** Codes that only a server of 2026-07-28 or later answers with. */
const MODERN_CODES: ReadonlySet<unknown> = new Set([
  ERROR_CODES.headerMismatch,
  ERROR_CODES.missingClientCapability,
  ERROR_CODES.unsupportedProtocolVersion,
])

/** Whether a response is an error of the modern era: then its sender is of that era, whatever it refused. */
export function isModernError(response: JsonObject): boolean {
  const { error } = response
  return isJsonObject(error) && MODERN_CODES.has(error['code'])
}
