import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from './support/authorize.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { clientBin, clientEnvironment, wearOutAccessTokens } from './support/real-client.ts'

let gateway: RunningGateway
let alice: Person
let home: string
let documents: Server
let documentUrl: string
let documentFetches = 0

beforeAll(async () => {
  gateway = await startGateway()
  alice = await gateway.addUser('alice')
  home = await mkdtemp(join(tmpdir(), 'sallyport-inspector-'))
  documents = createServer((_request, response) => {
    documentFetches += 1
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({
        client_id: documentUrl,
        client_name: 'Inspector by document',
        redirect_uris: ['http://127.0.0.1:6276/oauth/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      }),
    )
  })
  await new Promise<void>((resolve) => documents.listen(0, '127.0.0.1', resolve))
  const address = documents.address()
  documentUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/client.json`
})

afterAll(async () => {
  await gateway.dispose()
  documents.close()
  await rm(home, { recursive: true, force: true })
})

async function inspect(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    clientBin('mcp-inspector'),
    ['--cli', '--server-url', `${gateway.origin}/mcp/everything`, '--transport', 'http', ...args],
    { env: clientEnvironment(alice, home), timeout: 60_000 },
  )
  return stdout
}

async function recorded(activity: string): Promise<number> {
  const shown = await gateway.cli('log', 'show', '--activity', activity, '--outcome', 'success', '--json')
  return (JSON.parse(shown) as unknown[]).length
}

function echo(message: string): Promise<string> {
  const call = ['--method', 'tools/call', '--tool-name', 'echo', '--tool-arg', `message=${message}`]
  return inspect('--client-metadata-url', documentUrl, ...call)
}

describe('Inspector CLI', () => {
  it('logs in with a Client ID Metadata Document, lists, calls, refreshes, and logs in again after a revocation', async () => {
    expect(await inspect('--client-metadata-url', documentUrl, '--method', 'tools/list')).toContain('echo')
    expect(documentFetches).toBeGreaterThan(0)
    expect(await echo('inspected')).toContain('inspected')
    expect(await gateway.cli('client', 'list', '--json')).toContain(documentUrl)
    expect(await recorded('consent')).toBe(1)

    expect(await wearOutAccessTokens(home)).toBeGreaterThan(0)
    expect(await echo('after a silent refresh')).toContain('after a silent refresh')
    expect(await recorded('token.refresh')).toBe(1)
    expect(await recorded('consent')).toBe(1)

    const [grant] = JSON.parse(await gateway.cli('grant', 'list', '--json')) as { grantId: string }[]
    await gateway.cli('grant', 'revoke', grant?.grantId ?? '')
    expect(await echo('again')).toContain('again')
    expect(await recorded('consent')).toBe(2)
  }, 120_000)
})
