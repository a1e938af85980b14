import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

type Message = Record<string, unknown>

/** One request that the upstream saw, whole. */
export interface SeenRequest {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly body: Message | null
}

export interface ScriptedUpstream {
  readonly url: string
  readonly seen: SeenRequest[]
  /** Messages of one JSON-RPC method, in order of arrival. */
  of(method: string): Message[]
  close(): Promise<void>
}

/** Answers a request; undefined leaves it to the script's defaults (initialize, tools/list, 202 for what needs no answer). */
export type Script = (context: {
  readonly body: Message
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly json: (body: unknown) => void
  readonly sse: () => (message: unknown, id?: string) => void
}) => boolean | Promise<boolean>

/** A Streamable HTTP upstream on loopback that does whatever the test says. */
export async function startScriptedUpstream(script: Script, onGet?: Script): Promise<ScriptedUpstream> {
  const seen: SeenRequest[] = []
  const server = createServer((request, response) => {
    void serve(request, response, script, onGet, seen)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${portOf(server)}/mcp`,
    seen,
    of: (method) => seen.flatMap(({ body }) => (body?.['method'] === method ? [body] : [])),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  script: Script,
  onGet: Script | undefined,
  seen: SeenRequest[],
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const body = text === '' ? null : (JSON.parse(text) as Message)
  seen.push({ method: request.method ?? '', headers: request.headers, body })
  const json = (value: unknown) => {
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'upstream-session' })
    response.end(typeof value === 'string' ? value : JSON.stringify(value))
  }
  const sse = () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    return (message: unknown, id?: string) => {
      response.write(`${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`)
    }
  }
  const context = { body: body ?? {}, request, response, json, sse }
  if (request.method === 'GET') {
    if (onGet === undefined || !(await onGet(context))) response.writeHead(405).end()
    return
  }
  if (request.method === 'DELETE') {
    response.writeHead(200).end()
    return
  }
  if (await script(context)) return
  const id = body?.['id']
  if (body?.['method'] === 'initialize') {
    const capabilities = {
      tools: { listChanged: true },
      logging: {},
      resources: { subscribe: true },
      tasks: { list: {} },
    }
    json({ jsonrpc: '2.0', id, result: { protocolVersion: '2025-11-25', capabilities, serverInfo: SERVER_INFO } })
  } else if (body?.['method'] === 'tools/list') json({ jsonrpc: '2.0', id, result: { tools: TOOLS } })
  else if (id === undefined || body?.['method'] === undefined) response.writeHead(202).end()
  else json({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'default' }] } })
}

const SERVER_INFO = { name: 'scripted', version: '1' }
const TOOLS = ['get_thing', 'write_thing', 'delete_thing'].map((name) => ({ name, inputSchema: { type: 'object' } }))

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
