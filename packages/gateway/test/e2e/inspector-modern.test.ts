import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Person } from './support/authorize.ts'
import { type DualEraServer, startDualEraServer } from './support/dual-era-server.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'
import { clientBin, clientEnvironment } from './support/real-client.ts'

let upstream: DualEraServer
let gateway: RunningGateway
let alice: Person
let home: string
let documents: Server
let documentUrl: string

beforeAll(async () => {
  upstream = await startDualEraServer()
  gateway = await startGateway({
    serversYaml: `  dual:
    title: Dual
    http: { url: '${upstream.url}', network: loopback }
`,
  })
  alice = await gateway.addUser('alice')
  home = await mkdtemp(join(tmpdir(), 'sallyport-inspector-'))
  documents = createServer((_request, response) => {
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
  await upstream.close()
  documents.close()
  await rm(home, { recursive: true, force: true })
})

async function inspect(...args: string[]): Promise<string> {
  const url = `${gateway.origin}/mcp/dual`
  const own = ['--cli', '--server-url', url, '--transport', 'http', '--protocol-era', 'modern']
  const { stdout } = await promisify(execFile)(
    clientBin('mcp-inspector'),
    [...own, '--client-metadata-url', documentUrl, ...args],
    { env: clientEnvironment(alice, home), timeout: 60_000 },
  )
  return stdout
}

it('Inspector CLI in the modern era logs in, lists and calls, and nobody opens a session', async () => {
  expect(await inspect('--method', 'tools/list')).toContain('get_greeting')
  const call = ['--method', 'tools/call', '--tool-name', 'get_greeting', '--tool-arg', 'city=Bern']
  expect(await inspect(...call)).toContain('hello Bern')
  expect(upstream.seen.length).toBeGreaterThan(0)
  for (const headers of upstream.seen) expect(headers['mcp-protocol-version']).toBe('2026-07-28')
}, 120_000)
