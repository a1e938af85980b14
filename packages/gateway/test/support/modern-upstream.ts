import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

type Message = Record<string, unknown>

/** One request that the upstream saw, whole. */
export interface SeenModern {
  readonly headers: IncomingMessage['headers']
  readonly body: Message
  /** Whether the client of this request hung up before it was answered. */
  hungUp: boolean
}

export interface ModernContext {
  readonly body: Message
  readonly params: Message
  readonly response: ServerResponse
  /** Answers with this result, under the request's id. */
  readonly result: (result: Message) => void
  readonly error: (status: number, code: number, data?: unknown) => void
  /** Answers as a stream; every call writes one message, an `id` in it is filled in. */
  readonly sse: () => (message: Message) => void
}

/** True where the script has answered or will. */
export type ModernScript = (context: ModernContext) => boolean | Promise<boolean>

export interface ScriptedModern {
  readonly url: string
  readonly seen: SeenModern[]
  of(method: string): SeenModern[]
  close(): Promise<void>
}

/** A modern-only server on loopback, written by hand: it answers discovery and `tools/list`, and does else what the test says. */
export async function startModernUpstream(
  script: ModernScript = () => false,
  tools: readonly Message[] = TOOLS,
): Promise<ScriptedModern> {
  const seen: SeenModern[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Message
    const entry: SeenModern = { headers: request.headers, body, hungUp: false }
    seen.push(entry)
    response.on('close', () => {
      entry.hungUp = !response.writableEnded
    })
    const { id } = body
    const send = (status: number, message: Message) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...message }))
    }
    const context: ModernContext = {
      body,
      params: (body['params'] ?? {}) as Message,
      response,
      result: (result) => send(200, { result }),
      error: (status, code, data) =>
        send(status, { error: { code, message: 'no', ...(data === undefined ? {} : { data }) } }),
      sse: () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.flushHeaders()
        return (message) => void response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
      },
    }
    if (body['method'] === 'initialize') {
      return context.error(400, -32022, { supported: ['2026-07-28'], requested: '2025-11-25' })
    }
    if (await script(context)) return
    if (body['method'] === 'server/discover') return context.result(DISCOVERED)
    if (body['method'] === 'tools/list') {
      return context.result({ resultType: 'complete', tools, ttlMs: 3_600_000, cacheScope: 'public' })
    }
    if (body['method'] === 'tools/call') {
      return context.result({ resultType: 'complete', content: [{ type: 'text', text: 'done' }] })
    }
    context.error(404, -32601)
  }
  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}/mcp`,
    seen,
    of: (method) => seen.filter(({ body }) => body['method'] === method),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const DISCOVERED = {
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: {
    tools: { listChanged: true },
    resources: {},
    extensions: { 'io.modelcontextprotocol/tasks': {} },
    experimental: { x: {} },
  },
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'scripted', version: '1' } },
  instructions: 'use it',
  ttlMs: 3_600_000,
  cacheScope: 'public',
}

const TOOLS = [
  { name: 'get_thing', inputSchema: { type: 'object' } },
  { name: 'write_thing', inputSchema: { type: 'object' } },
  { name: 'delete_thing', inputSchema: { type: 'object' } },
  {
    name: 'get_weather',
    inputSchema: {
      type: 'object',
      properties: {
        city: { type: 'string', 'x-mcp-header': 'City' },
        days: { type: 'integer', 'x-mcp-header': 'Days' },
      },
    },
  },
  { name: 'get_broken', inputSchema: { type: 'object', properties: { a: { type: 'number', 'x-mcp-header': 'A' } } } },
]
