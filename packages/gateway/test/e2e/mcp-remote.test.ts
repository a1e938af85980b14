import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from './support/authorize.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { clientBin, clientEnvironment } from './support/real-client.ts'

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

describe('mcp-remote', () => {
  it('registers, logs in through the browser, lists, calls, and logs in again after a revocation', async () => {
    const client = await connect()
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain('echo')
    const answer = await client.callTool({ name: 'echo', arguments: { message: 'from stdio' } })
    expect(JSON.stringify(answer.content)).toContain('from stdio')
    await client.close()

    const stored = await connect()
    expect(await grantIds()).toHaveLength(1)
    await stored.close()

    await gateway.cli('grant', 'revoke', (await grantIds())[0] ?? '')
    const anew = await connect()
    expect(JSON.stringify(await anew.callTool({ name: 'echo', arguments: { message: 'again' } }))).toContain('again')
    await anew.close()
  }, 120_000)
})
