import { createRequire } from 'node:module'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DataPlaneGateway, startDataPlane } from '../support/data-plane.ts'
import { eventually } from '../support/eventually.ts'

const everything = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js')
let gateway: DataPlaneGateway

beforeAll(async () => {
  gateway = await startDataPlane({
    servers: {
      everything: {
        upstream: { kind: 'stdio', command: process.execPath, args: [everything, 'stdio'], env: new Map(), cwd: null },
      },
    },
  })
})
afterAll(() => gateway.close())

async function connect(subject: string, capabilities: Record<string, object> = {}) {
  const client = new Client({ name: 'test', version: '1' }, { capabilities })
  const transport = new StreamableHTTPClientTransport(new URL(gateway.url('everything')), {
    requestInit: { headers: { authorization: `Bearer token-${subject}` } },
  })
  return { client, transport, connect: () => client.connect(transport) }
}

const textOf = (result: unknown) =>
  ((result as { content?: { text?: string }[] }).content ?? []).map(({ text }) => text ?? '').join('\n')

describe('server-everything over stdio, driven by the SDK client', () => {
  test('initialize, list and call', async () => {
    const { client, transport, connect: go } = await connect('basic')
    await go()
    expect(transport.sessionId).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(client.getServerCapabilities()).not.toHaveProperty('tasks')
    expect(client.getInstructions()).toBeTypeOf('string')
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('echo')
    expect(textOf(await client.callTool({ name: 'echo', arguments: { message: 'hello' } }))).toContain('hello')
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0)
    expect((await client.listResources()).resources.length).toBeGreaterThan(0)
    await transport.terminateSession()
    await client.close()
  })

  test('elicitation, sampling and roots reach the client and its answers reach the server', async () => {
    const { client, connect: go } = await connect('return', {
      elicitation: {},
      sampling: {},
      roots: { listChanged: true },
    })
    let rootsAsked = 0
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { name: 'Ada' } }))
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
      model: 'test-model',
      role: 'assistant',
      content: { type: 'text', text: 'sampled answer' },
    }))
    client.setRequestHandler(ListRootsRequestSchema, async () => {
      rootsAsked += 1
      return { roots: [{ uri: 'file:///sample', name: 'sample' }] }
    })
    await go()
    await eventually(() => expect(rootsAsked).toBeGreaterThan(0))
    const elicited = await client.callTool({ name: 'trigger-elicitation-request', arguments: {} })
    expect(textOf(elicited)).toContain('Ada')
    const sampled = await client.callTool({
      name: 'trigger-sampling-request',
      arguments: { prompt: 'x', maxTokens: 5 },
    })
    expect(textOf(sampled)).toContain('sampled answer')
    expect(textOf(await client.callTool({ name: 'get-roots-list', arguments: {} }))).toContain('file:///sample')
    expect(
      gateway.records.filter(({ method }) => method === 'elicitation/create').map(({ activity }) => activity),
    ).toEqual(['call.intent', 'call.outcome'])
    await client.close()
  })

  test('progress under the token of the client, and logging', async () => {
    const { client, connect: go } = await connect('progress')
    const logs: unknown[] = []
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      logs.push(params)
    })
    await go()
    const seen: number[] = []
    await client.callTool(
      { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 3 } },
      undefined,
      {
        onprogress: ({ progress }) => seen.push(progress),
      },
    )
    expect(seen).toEqual([1, 2, 3])
    await client.setLoggingLevel('debug')
    await client.callTool({ name: 'toggle-simulated-logging', arguments: {} })
    await eventually(() => expect(logs.length).toBeGreaterThan(0))
    await client.close()
  })

  test('subscriptions', async () => {
    const { client, connect: go } = await connect('subscriber')
    const updated: string[] = []
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
      updated.push(params.uri)
    })
    await go()
    await client.subscribeResource({ uri: 'demo://resource/dynamic/text/1' })
    await client.callTool({ name: 'toggle-subscriber-updates', arguments: {} })
    await eventually(() => expect(updated).toContain('demo://resource/dynamic/text/1'))
    await client.close()
  })
})
