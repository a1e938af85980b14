import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import type { Person } from './support/authorize.ts'
import { type DualEraServer, startDualEraServer } from './support/dual-era-server.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { StoredLogin } from './support/stored-login.ts'

/** The quick start's server of this name, which is of the older era. */
function serverPath(name: string): string {
  return fileURLToPath(
    new URL(`../../../../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`, import.meta.url),
  )
}

let upstream: DualEraServer
let gateway: RunningGateway
let alice: Person

beforeAll(async () => {
  upstream = await startDualEraServer()
  gateway = await startGateway({
    serversYaml: `  dual:
    title: Dual
    http: { url: '${upstream.url}', network: loopback }
  old:
    title: Old
    stdio: { command: node, args: ['${serverPath('everything')}', stdio] }
`,
  })
  alice = await gateway.addUser('alice')
})

afterAll(async () => {
  await gateway.dispose()
  await upstream.close()
})

type Mode = 'auto' | 'legacy' | { pin: string }

function open(
  login: StoredLogin,
  mode: Mode,
  server = 'dual',
): { client: Client; transport: StreamableHTTPClientTransport } {
  return {
    client: new Client(
      { name: 'sdk-v2', version: '1.0.0' },
      { versionNegotiation: { mode }, capabilities: { elicitation: { form: {} } } },
    ),
    transport: new StreamableHTTPClientTransport(new URL(`${gateway.origin}/mcp/${server}`), {
      authProvider: login as never,
    }),
  }
}

async function connect(login: StoredLogin, mode: Mode, server = 'dual'): Promise<Client> {
  const first = open(login, mode, server)
  try {
    await first.client.connect(first.transport)
    return first.client
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
  }
  await first.transport.finishAuth(login.callbacks.at(-1)?.searchParams ?? new URLSearchParams())
  const second = open(login, mode, server)
  await second.client.connect(second.transport)
  return second.client
}

const MODERN: Mode = { pin: '2026-07-28' }

describe('SDK v2 client, pinned to 2026-07-28', () => {
  it('logs in, discovers, lists, calls with repeated arguments, reads, and refreshes', async () => {
    const login = new StoredLogin(alice)
    const client = await connect(login, MODERN)
    expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
    expect((await client.listTools()).tools.map(({ name }) => name).sort()).toEqual([
      'get_greeting',
      'get_name',
      'get_steps',
      'get_wait',
      'write_note',
    ])
    const greet = () => client.callTool({ name: 'get_greeting', arguments: { city: 'Zürich' } })
    expect(JSON.stringify(await greet())).toContain('hello Zürich')
    const sent = upstream.seen.findLast((headers) => headers['mcp-name'] === 'get_greeting')
    expect(sent).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-param-city': '=?base64?WsO8cmljaA==?=',
    })
    expect(sent?.authorization).toBeUndefined()
    expect(JSON.stringify(await client.readResource({ uri: 'note:///a' }))).toContain('noted')
    login.spoilAccessToken()
    expect(JSON.stringify(await greet())).toContain('hello Zürich')
    expect(login.callbacks).toHaveLength(1)
    await client.close()
  }, 60_000)

  it('answers questions of a tool, hears progress, cancels, and listens for changes', async () => {
    const login = new StoredLogin(alice)
    const client = await connect(login, MODERN)
    client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { name: 'Ada' } }))
    expect(JSON.stringify(await client.callTool({ name: 'get_name' }))).toContain('you are Ada')

    const steps: number[] = []
    await client.callTool({ name: 'get_steps' }, { onprogress: ({ progress }) => void steps.push(progress) })
    expect(steps).toEqual([1, 2, 3])

    const controller = new AbortController()
    const waiting = client
      .callTool({ name: 'get_wait' }, { signal: controller.signal })
      .catch((error: unknown) => error)
    await eventually(() => expect(upstream.seen.some((headers) => headers['mcp-name'] === 'get_wait')).toBe(true))
    controller.abort()
    expect(await waiting).toBeInstanceOf(Error)
    await eventually(() => expect(upstream.cancelled()).toBe(1))

    let changes = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => {
      changes += 1
    })
    const subscription = await client.listen({ toolsListChanged: true })
    upstream.announceTools()
    await eventually(() => expect(changes).toBe(1))
    await subscription.close()
    await client.close()
  }, 60_000)

  it('steps up to the scope that a tool needs', async () => {
    const login = new StoredLogin(alice)
    const client = await connect(login, MODERN)
    expect(login.tokens()?.scope).toBe('dual:read')
    await expect(client.callTool({ name: 'write_note' })).rejects.toThrow()
    expect(login.callbacks).toHaveLength(2)
    const next = open(login, MODERN)
    await next.transport.finishAuth(login.callbacks.at(-1)?.searchParams ?? new URLSearchParams())
    await next.client.connect(next.transport)
    expect(JSON.stringify(await next.client.callTool({ name: 'write_note' }))).toContain('written')
    await next.client.close()
    await client.close()
  }, 60_000)

  it('shares the address with clients of the older era, each served in its own', async () => {
    for (const [mode, revision] of [
      ['auto', '2026-07-28'],
      ['legacy', '2025-11-25'],
    ] as const) {
      const client = await connect(new StoredLogin(alice), mode)
      expect(client.getNegotiatedProtocolVersion()).toBe(revision)
      expect(JSON.stringify(await client.callTool({ name: 'get_greeting', arguments: { city: mode } }))).toContain(mode)
      await client.close()
    }
  }, 60_000)

  it('learns that a server of the older era has no modern side, and a client of both eras falls back', async () => {
    const login = new StoredLogin(alice)
    await expect(connect(login, MODERN, 'old')).rejects.toThrow()
    const client = await connect(login, 'auto', 'old')
    expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25')
    expect(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'both' } }))).toContain('both')
    await client.close()
  }, 60_000)
})
