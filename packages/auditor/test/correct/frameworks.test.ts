import { expect, test } from 'vitest'
import { login, registerFlow } from '../mutants/support/flow.ts'
import { callLegacy } from '../mutants/support/mcp.ts'
import { Person } from '../mutants/support/person.ts'
import { startFastMcp } from '../servers/fastmcp.ts'
import { startOidcProvider } from '../servers/oidc-provider.ts'
import { startSdkV1 } from '../servers/sdk-v1.ts'
import { startSdkV2 } from '../servers/sdk-v2.ts'

const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }

test.for([
  { name: 'SDK v1', format: 'jwt', start: startSdkV1 },
  { name: 'SDK v2', format: 'opaque', start: startSdkV2 },
  { name: 'FastMCP', format: 'opaque', start: startFastMcp },
] as const)(
  '$name with oidc-provider is a whole MCP server: a client logs in and calls what it may',
  async ({ format, start }) => {
    await using authorizationServer = await startOidcProvider(format)
    await using server = await start(authorizationServer)
    const refused = await callLegacy(server.url, 'initialize', { params: INITIALIZE })
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([
      401,
      expect.stringContaining('resource_metadata='),
    ])
    const flow = await registerFlow({ issuer: authorizationServer.issuer, authority: null }, 'oidc')
    const { access_token: token } = await login(flow, new Person('alice'), server.url, 'notes:read')
    expect((await callLegacy(server.url, 'initialize', { token, params: INITIALIZE })).status).toBe(200)
    const headers = { 'mcp-protocol-version': '2025-11-25' }
    const called = await callLegacy(server.url, 'tools/call', {
      token,
      headers,
      params: { name: 'read_note', arguments: { id: 1 } },
    })
    expect([called.status, called.text]).toEqual([200, expect.stringContaining('done')])
    const beyond = await callLegacy(server.url, 'tools/call', {
      token,
      headers,
      params: { name: 'delete_note', arguments: { id: 1 } },
    })
    expect(beyond.text).not.toContain('done')
  },
)
