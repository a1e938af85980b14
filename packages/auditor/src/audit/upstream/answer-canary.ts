import { LEGACY_VERSION, MODERN_VERSION } from '../target/mcp-message.ts'

interface CanaryAnswer {
  readonly status: number
  readonly body: unknown
}

const INFO = { name: 'sallyport-audit canary', version: '1' }
const TOOL = {
  name: 'get_canary',
  description: 'Says that it is there.',
  inputSchema: { type: 'object', properties: {}, additionalProperties: false },
  annotations: { readOnlyHint: true, destructiveHint: false, openWorldHint: false },
}
const LIST = { ttlMs: 0, cacheScope: 'private' }

/** As little of MCP as a gateway needs of a server behind it, in both eras. */
export function answerCanary(method: string, text: string): CanaryAnswer {
  if (method !== 'POST') return { status: 405, body: null }
  const message = parse(text)
  if (message === null) return { status: 400, body: { jsonrpc: '2.0', id: null, error: INVALID } }
  const { id, method: asked, params } = message
  if (id === undefined) return { status: 202, body: null }
  const isModern = `${META}protocolVersion` in ((params?.['_meta'] ?? {}) as object)
  const value = resultOf(String(asked), params ?? {}, isModern)
  if (value === null)
    return { status: isModern ? 404 : 200, body: { jsonrpc: '2.0', id, error: { code: -32601, message: 'Not here' } } }
  return { status: 200, body: { jsonrpc: '2.0', id, result: isModern ? { resultType: 'complete', ...value } : value } }
}

const META = 'io.modelcontextprotocol/'
const INVALID = { code: -32600, message: 'Not a request' }

function resultOf(method: string, params: Readonly<Record<string, unknown>>, isModern: boolean): object | null {
  if (method === 'initialize' && !isModern)
    return {
      protocolVersion: typeof params['protocolVersion'] === 'string' ? params['protocolVersion'] : LEGACY_VERSION,
      capabilities: { tools: {} },
      serverInfo: INFO,
    }
  if (method === 'server/discover' && isModern)
    return { supportedVersions: [MODERN_VERSION], capabilities: { tools: {} }, serverInfo: INFO, ...LIST }
  if (method === 'ping') return {}
  if (method === 'tools/list') return { tools: [TOOL], ...(isModern ? LIST : {}) }
  if (method === 'tools/call') return { content: [{ type: 'text', text: 'here' }], isError: false }
  return null
}

function parse(text: string): { id?: unknown; method?: unknown; params?: Record<string, unknown> } | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}
