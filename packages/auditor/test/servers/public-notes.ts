import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { type Guarded, listenGuarded } from './guard.ts'

/** A server that is meant for everybody: SDK v2 without any authentication, but with a name of its own. */
export async function startPublicNotes(): Promise<Guarded & { readonly url: string }> {
  const guarded = await listenGuarded()
  const handle = toNodeHandler(
    createMcpHandler(() => {
      const server = new McpServer({ name: 'tides', version: '1.0.0' })
      server.registerTool('next_tide', { description: 'When the next tide is.' }, () => ({
        content: [{ type: 'text', text: 'at noon' }],
      }))
      return server
    }),
    { maxRequestBodySize: 128 * 1024 },
  )
  guarded.serve((request, response) => {
    const { method = 'GET', url = '/' } = request
    if (url !== '/mcp') response.writeHead(404).end()
    else void handle(Object.assign(request, { method, url }), response)
  })
  return { ...guarded, url: `${guarded.origin}/mcp`, [Symbol.asyncDispose]: guarded[Symbol.asyncDispose] }
}
