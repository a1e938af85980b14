import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from './support/authorize.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { clientBin, clientEnvironment, wearOutAccessTokens } from './support/real-client.ts'

let gateway: RunningGateway
let alice: Person
let home: string

beforeAll(async () => {
  gateway = await startGateway()
  alice = await gateway.addUser('alice')
  home = await mkdtemp(join(tmpdir(), 'sallyport-mcp-remote-'))
})

afterAll(async () => {
  await gateway.dispose()
  await rm(home, { recursive: true, force: true })
})

async function connect(): Promise<Client> {
  const client = new Client({ name: 'behind-mcp-remote', version: '1.0.0' })
  await client.connect(
    new StdioClientTransport({
      command: clientBin('mcp-remote'),
      args: [`${gateway.origin}/mcp/everything`, '--allow-http'],
      env: clientEnvironment(alice, home),
      stderr: 'ignore',
    }),
    { timeout: 30_000 },
  )
  return client
}

async function grantIds(): Promise<string[]> {
  const grants = JSON.parse(await gateway.cli('grant', 'list', '--json')) as { grantId: string }[]
  return grants.map(({ grantId }) => grantId)
}

async function recorded(activity: string): Promise<number> {
  const shown = await gateway.cli('log', 'show', '--activity', activity, '--outcome', 'success', '--json')
  return (JSON.parse(shown) as unknown[]).length
}

describe('mcp-remote', () => {
  it('registers, logs in through the browser, lists, calls, refreshes, and logs in again after a revocation', async () => {
    const client = await connect()
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    const answer = await client.callTool({ name: 'echo', arguments: { message: 'from stdio' } })
    expect(JSON.stringify(answer.content)).toContain('from stdio')
    await client.close()

    const stored = await connect()
    expect(await grantIds()).toHaveLength(1)
    await stored.close()

    expect(await wearOutAccessTokens(home)).toBeGreaterThan(0)
    const refreshed = await connect()
    const later = await refreshed.callTool({ name: 'echo', arguments: { message: 'after a silent refresh' } })
    expect(JSON.stringify(later.content)).toContain('after a silent refresh')
    await refreshed.close()
    expect(await recorded('token.refresh')).toBe(1)
    expect(await recorded('consent')).toBe(1)

    await gateway.cli('grant', 'revoke', (await grantIds())[0] ?? '')
    const anew = await connect()
    expect(JSON.stringify(await anew.callTool({ name: 'echo', arguments: { message: 'again' } }))).toContain('again')
    await anew.close()
    expect(await recorded('consent')).toBe(2)
  }, 120_000)
})
