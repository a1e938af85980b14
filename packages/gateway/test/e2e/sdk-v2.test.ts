import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newPlace, removePlace, storeYaml } from '../support/postgres/place.ts'
import type { Person } from './support/authorize.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { StoredLogin } from './support/stored-login.ts'

let gateway: RunningGateway
let alice: Person

function open(server: string, login: StoredLogin): { client: Client; transport: StreamableHTTPClientTransport } {
  return {
    client: new Client({ name: 'sdk-v2', version: '1.0.0' }),
    transport: new StreamableHTTPClientTransport(new URL(`${gateway.origin}/mcp/${server}`), {
      authProvider: login as never,
    }),
  }
}

async function connect(server: string, login: StoredLogin): Promise<Client> {
  const first = open(server, login)
  try {
    await first.client.connect(first.transport)
    return first.client
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
  }
  // Checks `iss` of the callback against the issuer it began with (RFC 9207).
  await first.transport.finishAuth(login.callbacks.at(-1)?.searchParams ?? new URLSearchParams())
  const second = open(server, login)
  await second.client.connect(second.transport)
  return second.client
}

describe.each(['sqlite', 'postgres'])('SDK v2 client, legacy negotiation, state in %s', (engine) => {
  let place: string | null = null
  beforeAll(async () => {
    place = engine === 'postgres' ? await newPlace() : null
    const store = place === null ? null : storeYaml(place)
    gateway = await startGateway(store === null ? {} : { extraYaml: store.yaml, files: store.files })
    alice = await gateway.addUser('alice')
  })
  afterAll(async () => {
    await gateway.dispose()
    if (place !== null) await removePlace(place)
  })

  it('discovers, registers, logs in, lists, calls, refreshes, is revoked and logs in again', async () => {
    const login = new StoredLogin(alice)
    const client = await connect('everything', login)
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    const echo = (message: string) => client.callTool({ name: 'echo', arguments: { message } })
    expect(JSON.stringify(await echo('through both doors'))).toContain('through both doors')

    const before = login.tokens()
    login.spoilAccessToken()
    await echo('after a silent refresh')
    expect(login.callbacks).toHaveLength(1)
    expect(login.tokens()?.refresh_token).not.toBe(before?.refresh_token)

    const grants = JSON.parse(await gateway.cli('grant', 'list', '--json')) as { grantId: string }[]
    expect(grants).toHaveLength(1)
    await gateway.cli('grant', 'revoke', grants[0]?.grantId ?? '')
    await expect(echo('revoked')).rejects.toThrow()
    await client.close()

    const anew = await connect('everything', login)
    expect(JSON.stringify(await anew.callTool({ name: 'echo', arguments: { message: 'again' } }))).toContain('again')
    await anew.close()
  }, 60_000)

  it('steps up to the scope that a tool needs', async () => {
    const login = new StoredLogin(alice)
    const client = await connect('memory', login)
    expect(login.tokens()?.scope).toBe('memory:read')
    const call = {
      name: 'create_entities',
      arguments: { entities: [{ name: 'a', entityType: 'b', observations: [] }] },
    }
    await expect(client.callTool(call)).rejects.toThrow()
    await client.close()
    expect(login.callbacks).toHaveLength(2)
    const next = open('memory', login)
    await next.transport.finishAuth(login.callbacks.at(-1)?.searchParams ?? new URLSearchParams())
    await next.client.connect(next.transport)
    expect(login.tokens()?.scope?.split(' ').sort()).toEqual(['memory:read', 'memory:write'])
    expect((await next.client.callTool(call)).isError ?? false).toBe(false)
    await next.client.close()
  }, 30_000)
})
