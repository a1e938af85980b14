import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import {
  acceptedContent,
  createMcpHandler,
  fromJsonSchema,
  inputRequired,
  McpServer,
} from '@modelcontextprotocol/server'

export interface DualEraServer {
  readonly url: string
  /** Headers of every request, in order. */
  readonly seen: IncomingMessage['headers'][]
  /** Calls of `get_wait` that were cancelled. */
  cancelled(): number
  announceTools(): void
  close(): Promise<void>
}

/** A server as a user would write it with the SDK: both eras at one address. */
export async function startDualEraServer(): Promise<DualEraServer> {
  const seen: IncomingMessage['headers'][] = []
  let cancelled = 0
  const handler = createMcpHandler(() => makeServer(() => (cancelled += 1)))
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    seen.push(request.headers)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)])
    const controller = new AbortController()
    response.on('close', () => controller.abort())
    const { method = 'GET' } = request
    const answer = await handler.fetch(
      new Request(`http://127.0.0.1${request.url}`, {
        method,
        headers,
        signal: controller.signal,
        ...(method === 'GET' || method === 'DELETE' ? {} : { body: Buffer.concat(chunks) }),
      }),
    )
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (answer.body === null) return void response.end()
    // The web's own stream type and Node's are the same stream.
    const body = Readable.fromWeb(answer.body as never)
    response.on('close', () => body.destroy())
    body.on('error', () => response.destroy()).pipe(response)
  }
  const server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    seen,
    cancelled: () => cancelled,
    announceTools: () => handler.notify.toolsChanged(),
    close: async () => {
      await handler.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function makeServer(onCancelled: () => void): McpServer {
  const server = new McpServer(
    { name: 'dual', version: '1' },
    { capabilities: { tools: { listChanged: true }, resources: {} } },
  )
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
  server.registerTool('get_greeting', { inputSchema: CITY }, ({ city }) => text(`hello ${city}`))
  server.registerTool('get_name', {}, (ctx) => {
    const name = acceptedContent(ctx.mcpReq.inputResponses, 'name')?.['name']
    return typeof name === 'string'
      ? text(`you are ${name}`)
      : inputRequired({ inputRequests: { name: inputRequired.elicit({ message: 'name?', requestedSchema: NAME }) } })
  })
  server.registerTool('get_steps', {}, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken
    for (const progress of [1, 2, 3]) {
      if (progressToken === undefined) break
      await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress } })
    }
    return text('stepped')
  })
  server.registerTool('get_wait', {}, async (ctx) => {
    await new Promise<void>((resolve) => ctx.mcpReq.signal.addEventListener('abort', () => resolve(), { once: true }))
    onCancelled()
    return text('too late')
  })
  server.registerTool('write_note', {}, () => text('written'))
  server.registerResource('note', 'note:///a', {}, () => ({ contents: [{ uri: 'note:///a', text: 'noted' }] }))
  return server
}

const NAME = { type: 'object' as const, properties: { name: { type: 'string' as const } }, required: ['name'] }

const CITY = fromJsonSchema<{ city: string }>({
  type: 'object',
  // Spread, because the SDK's type of a schema has no place for MCP's own keyword.
  properties: { city: { type: 'string', ...{ 'x-mcp-header': 'City' } } },
  required: ['city'],
})
