import type { Ask } from '../exchange/ask.ts'

export type Era = 'modern' | 'legacy'
export const ERAS: readonly Era[] = ['modern', 'legacy']
export const MODERN_VERSION = '2026-07-28'
export const LEGACY_VERSION = '2025-11-25'
const META = 'io.modelcontextprotocol/'

export interface McpRequest {
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly token?: string | null
  readonly sessionId?: string | null
  /** Added, or in place of those that the era asks for. */
  readonly headers?: ReadonlyArray<readonly [string, string]>
  readonly target?: string
  /** What the client says that it can do; nothing, unless told otherwise. */
  readonly capabilities?: Readonly<Record<string, unknown>>
}

/** One request of an era as a client of it sends it (Streamable HTTP; for `modern` the headers mirror the body). */
export function mcpAsk(url: string, era: Era, request: McpRequest): Ask {
  const { method, params = {}, token = null, sessionId = null, headers = [], target, capabilities } = request
  const named = params['name'] ?? params['uri'] ?? params['taskId']
  const eraHeaders: (readonly [string, string])[] =
    era === 'modern'
      ? [
          ['mcp-protocol-version', MODERN_VERSION],
          ['mcp-method', method],
          ...(typeof named === 'string' ? [['mcp-name', named] as const] : []),
        ]
      : [
          ...(method === 'initialize' ? [] : [['mcp-protocol-version', LEGACY_VERSION] as const]),
          ...(sessionId === null ? [] : [['mcp-session-id', sessionId] as const]),
        ]
  const replaced = new Set(headers.map(([name]) => name.toLowerCase()))
  return {
    method: 'POST',
    url,
    ...(target === undefined ? {} : { target }),
    headers: [
      ['content-type', 'application/json'],
      ['accept', 'application/json, text/event-stream'],
      ...(token === null || replaced.has('authorization') ? [] : [['authorization', `Bearer ${token}`] as const]),
      ...eraHeaders.filter(([name]) => !replaced.has(name)),
      ...headers.filter(([, value]) => value !== ''),
    ],
    body: mcpBody(era, method, params, capabilities),
  }
}

export function mcpBody(
  era: Era,
  method: string,
  params: Readonly<Record<string, unknown>>,
  capabilities: Readonly<Record<string, unknown>> = {},
): string {
  const meta = {
    [`${META}protocolVersion`]: MODERN_VERSION,
    [`${META}clientCapabilities`]: capabilities,
    [`${META}clientInfo`]: CLIENT_INFO,
  }
  const sent = era === 'modern' ? { ...params, _meta: meta } : params
  const isNotification = method.startsWith('notifications/')
  return JSON.stringify({ jsonrpc: '2.0', ...(isNotification ? {} : { id: 1 }), method, params: sent })
}

const CLIENT_INFO = { name: 'sallyport-audit', version: '1' }
export const INITIALIZE = { protocolVersion: LEGACY_VERSION, capabilities: {}, clientInfo: CLIENT_INFO }
/** No server has a tool of this name; what it answers to it tells what it looked at first. */
export const NO_SUCH_TOOL = 'sallyport_audit_no_such_tool'
