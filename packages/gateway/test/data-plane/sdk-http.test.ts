import { randomUUID } from 'node:crypto'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'

/** A server written with the SDK, sessions and all. */
function makeServer(): McpServer {
  const server = new McpServer(
    { name: 'sdk', version: '1' },
    { capabilities: { logging: {}, tools: { listChanged: true } } },
  )
  const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value) }] })
  server.registerTool('get_sum', { inputSchema: { a: z.number(), b: z.number() } }, async ({ a, b }) => text(a + b))
  server.registerTool('get_steps', { inputSchema: {} }, async (_args, extra) => {
    const progressToken = extra._meta?.progressToken
    for (const progress of [1, 2, 3]) {
      if (progressToken !== undefined) {
        await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress } })
      }
    }
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'related' } })
    return text('stepped')
  })
  server.registerTool('get_answers', { inputSchema: {} }, async () => {
    const elicited = await server.server.elicitInput({
      message: 'name?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    })
    const sampled = await server.server.createMessage({
      messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }],
      maxTokens: 5,
    })
    const { roots } = await server.server.listRoots()
    return text({ elicited, sampled, roots })
  })
  server.registerTool('get_wait', { inputSchema: {} }, async (_args, extra) => {
    await new Promise<void>((resolve) => extra.signal.addEventListener('abort', () => resolve(), { once: true }))
    cancelled += 1
    return text('aborted')
  })
  server.registerTool('write_more', { inputSchema: {} }, async () => {
    server.registerTool(`get_more_${randomUUID().slice(0, 4)}`, { inputSchema: {} }, async () => text('more'))
    return text('added')
  })
  return server
}

let cancelled = 0
let upstream: HttpServer
let gateway: DataPlaneGateway
const transports = new Map<string, StreamableHTTPServerTransport>()

beforeAll(async () => {
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const known = transports.get(String(request.headers['mcp-session-id']))
    if (known !== undefined) return await known.handleRequest(request, response)
    if (request.headers['mcp-session-id'] !== undefined) return void response.writeHead(404).end()
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void transports.set(id, transport),
      onsessionclosed: (id) => void transports.delete(id),
    })
    await makeServer().connect(transport as Parameters<McpServer['connect']>[0])
    await transport.handleRequest(request, response)
  }
  upstream = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const address = upstream.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  gateway = await startDataPlane({
    servers: {
      sdk: { upstream: { kind: 'http', url: `http://127.0.0.1:${port}/mcp`, headers: new Map(), network: 'loopback' } },
    },
  })
})
afterAll(async () => {
  await gateway.close()
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
})

async function connect(subject: string) {
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: { elicitation: {}, sampling: {}, roots: { listChanged: true } } },
  )
  const transport = new StreamableHTTPClientTransport(new URL(gateway.url('sdk')), {
    requestInit: { headers: { authorization: `Bearer token-${subject}` } },
  })
  await client.connect(transport as Parameters<Client['connect']>[0])
  return { client, transport }
}

const textOf = (result: unknown) => (result as { content?: { text?: string }[] }).content?.[0]?.text ?? ''

describe('an SDK server over HTTP, driven by the SDK client', () => {
  test('calls, with a session of its own at the upstream that ends with ours', async () => {
    const { client, transport } = await connect('basic')
    expect(textOf(await client.callTool({ name: 'get_sum', arguments: { a: 1, b: 2 } }))).toBe('3')
    expect(transports.size).toBe(1)
    expect(transports.has(String(transport.sessionId))).toBe(false)
    await transport.terminateSession()
    await eventually(() => expect(transports.size).toBe(0))
    await client.close()
  })

  test('progress and messages on the stream of their call', async () => {
    const { client } = await connect('progress')
    const logs: unknown[] = []
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params.data))
    const seen: number[] = []
    await client.callTool({ name: 'get_steps', arguments: {} }, undefined, {
      onprogress: ({ progress }) => seen.push(progress),
    })
    expect(seen).toEqual([1, 2, 3])
    expect(logs).toEqual(['related'])
    await client.close()
  })

  test('elicitation, sampling and roots in the middle of a call', async () => {
    const { client } = await connect('questions')
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: 'Ada' } }))
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
      model: 'm',
      role: 'assistant',
      content: { type: 'text', text: 'sampled' },
    }))
    client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [{ uri: 'file:///r' }] }))
    const answer = textOf(await client.callTool({ name: 'get_answers', arguments: {} }))
    for (const part of ['Ada', 'sampled', 'file:///r']) expect(answer).toContain(part)
    await client.close()
  })

  test('cancelling a call aborts it at the server', async () => {
    const { client } = await connect('cancel')
    const controller = new AbortController()
    const call = client.callTool({ name: 'get_wait', arguments: {} }, undefined, { signal: controller.signal })
    const failed = call.catch((error: unknown) => error)
    setTimeout(() => controller.abort(), 100)
    expect(await failed).toBeInstanceOf(Error)
    await eventually(() => expect(cancelled).toBe(1))
    expect(textOf(await client.callTool({ name: 'get_sum', arguments: { a: 2, b: 2 } }))).toBe('4')
    await client.close()
  })

  test('a changed list of tools is announced, and the new tool can be called', async () => {
    const { client } = await connect('changing')
    let changes = 0
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
      changes += 1
    })
    await client.listTools()
    await client.callTool({ name: 'write_more', arguments: {} })
    await eventually(() => expect(changes).toBeGreaterThan(0))
    const added = (await client.listTools()).tools.find(({ name }) => name.startsWith('get_more'))
    expect(textOf(await client.callTool({ name: added?.name ?? '', arguments: {} }))).toBe('"more"')
    await client.close()
  })
})
