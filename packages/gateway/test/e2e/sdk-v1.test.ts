import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from './support/authorize.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { StoredLogin } from './support/stored-login.ts'

let gateway: RunningGateway
let alice: Person

beforeAll(async () => {
  gateway = await startGateway()
  alice = await gateway.addUser('alice')
})

afterAll(() => gateway.dispose())

/** Connects as an application would: try, authorize when told to, try again. */
async function connect(server: string, login: StoredLogin): Promise<Client> {
  const url = new URL(`${gateway.origin}/mcp/${server}`)
  const first = new StreamableHTTPClientTransport(url, { authProvider: login })
  const client = new Client({ name: 'sdk-v1', version: '1.0.0' })
  try {
    await client.connect(first)
    return client
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
  }
  const code = login.callbacks.at(-1)?.searchParams.get('code')
  if (code === null || code === undefined) throw new Error(`no code came back: ${login.callbacks.at(-1)?.href}`)
  await first.finishAuth(code)
  const again = new Client({ name: 'sdk-v1', version: '1.0.0' })
  await again.connect(new StreamableHTTPClientTransport(url, { authProvider: login }))
  return again
}

describe('SDK v1 client', () => {
  it('discovers, registers, logs in, lists, calls, refreshes, is revoked and logs in again', async () => {
    const login = new StoredLogin(alice)
    const client = await connect('everything', login)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toContain('echo')
    const answer = await client.callTool({ name: 'echo', arguments: { message: 'through both doors' } })
    expect(JSON.stringify(answer.content)).toContain('through both doors')

    const before = login.tokens()
    login.spoilAccessToken()
    await client.callTool({ name: 'echo', arguments: { message: 'after a silent refresh' } })
    expect(login.callbacks).toHaveLength(1)
    expect(login.tokens()?.refresh_token).not.toBe(before?.refresh_token)

    const grants = JSON.parse(await gateway.cli('grant', 'list', '--json')) as { grantId: string }[]
    expect(grants).toHaveLength(1)
    await gateway.cli('grant', 'revoke', grants[0]?.grantId ?? '')
    await expect(client.callTool({ name: 'echo', arguments: { message: 'revoked' } })).rejects.toThrow()
    await client.close()

    const anew = await connect('everything', login)
    expect(JSON.stringify(await anew.callTool({ name: 'echo', arguments: { message: 'back again' } }))).toContain(
      'back again',
    )
    expect(login.callbacks.length).toBeGreaterThanOrEqual(2)
    await anew.close()
  }, 60_000)

  it.each([
    ['files', 'list_allowed_directories', {}],
    ['memory', 'read_graph', {}],
    ['notes', 'list_notes', {}],
  ])(
    'calls a tool of %s',
    async (server, name, args) => {
      const client = await connect(server, new StoredLogin(alice))
      const answer = await client.callTool({ name, arguments: args })
      expect(answer.isError ?? false).toBe(false)
      await client.close()
    },
    30_000,
  )

  it('is told which scopes a tool needs, and may call it after consenting to them', async () => {
    const login = new StoredLogin(alice, (_offered, ticked) => ticked.filter((scope) => scope.endsWith(':read')))
    const client = await connect('memory', login)
    expect(login.tokens()?.scope).toBe('memory:read')
    const call = {
      name: 'create_entities',
      arguments: { entities: [{ name: 'a', entityType: 'b', observations: [] }] },
    }
    // This SDK answers a step-up with a refresh while it holds a refresh token, and gives up at the second 403.
    await expect(client.callTool(call)).rejects.toThrow('403')
    await client.close()

    const wider = new StoredLogin(alice, (offered) => offered.filter((scope) => /:(read|write)$/.test(scope)))
    const again = await connect('memory', wider)
    expect(wider.tokens()?.scope?.split(' ').sort()).toEqual(['memory:read', 'memory:write'])
    expect((await again.callTool(call)).isError ?? false).toBe(false)
    await again.close()
  }, 30_000)
})
