import { randomUUID } from 'node:crypto'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'

const SESSIONS_MAX = 200
const REQUEST_BYTES_MAX = 1024 * 1024

export interface Sessions {
  get(id: string): StreamableHTTPServerTransport | undefined
  /** A transport for one new session, or null when there are too many. It counts once the client has initialized it. */
  open(): Promise<StreamableHTTPServerTransport | null>
  closeAll(): Promise<void>
}

/** The sessions now open. Each has an MCP server of its own and ends with DELETE, or when the process does. */
export function createSessions(createMcpServer: () => McpServer): Sessions {
  const open = new Map<string, { transport: StreamableHTTPServerTransport; mcp: McpServer }>()
  return {
    get: (id) => open.get(id)?.transport,
    async open() {
      if (open.size >= SESSIONS_MAX) return null
      const mcp = createMcpServer()
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (id) => {
          open.set(id, { transport, mcp })
        },
        onsessionclosed: async (id) => {
          open.delete(id)
          await mcp.close()
        },
        maxRequestBodySize: REQUEST_BYTES_MAX,
      })
      // The SDK's transport declares its handlers as `T | undefined`, which exactOptionalPropertyTypes tells apart
      // from optional; it is the SDK's own transport for this very call.
      await mcp.connect(transport as Parameters<McpServer['connect']>[0])
      return transport
    },
    async closeAll() {
      await Promise.all([...open.values()].map(({ mcp }) => mcp.close()))
      open.clear()
    },
  }
}
