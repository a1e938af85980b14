import { describe, expect, it } from 'vitest'
import { asServerId } from '#core/ids.ts'
import type { ServerEntry, Snapshot } from '#core/snapshot.ts'
import { resourceOf, serverOfScopes } from './resource.ts'

function snapshotOf(publicUrl: string, ids: readonly string[]): Snapshot {
  const servers = new Map(
    // Only these two fields are read here.
    ids.map((id) => [asServerId(id), { id: asServerId(id), resource: `${publicUrl}/mcp/${id}` } as ServerEntry]),
  )
  return { publicUrl, servers } as unknown as Snapshot
}

const snapshot = snapshotOf('https://gateway.example', ['files', 'memory'])

describe('which server a resource means', () => {
  it.each([
    'https://gateway.example/mcp/files',
    'https://gateway.example/mcp/files/',
    'https://gateway.example:443/mcp/files',
    'HTTPS://Gateway.Example/mcp/files',
    'https://gateway.example/MCP/Files',
    'https://gateway.example/mcp/files?',
  ])('%s is files', (resource) => {
    expect(resourceOf(resource, snapshot)?.id).toBe('files')
  })

  it.each([
    'https://gateway.example/api/v1',
    'https://gateway.example/api/v1/',
    'https://gateway.example:443/api/v1',
    'HTTPS://Gateway.Example/API/v1',
  ])('%s is the admin API', (resource) => {
    expect(resourceOf(resource, snapshot)).toMatchObject({ id: 'api', resource: 'https://gateway.example/api/v1' })
  })

  it.each([
    'https://gateway.example/api',
    'https://gateway.example/api/v1/users',
    'https://gateway.example/api/v1//',
    'https://gateway.example/api/v1?x',
    'https://gateway.example/mcp/api',
    'https://attacker.example/api/v1',
    '',
    'files',
    '/mcp/files',
    'https://gateway.example',
    'https://gateway.example/mcp',
    'https://gateway.example/mcp/',
    'https://gateway.example/mcp/files//',
    'https://gateway.example/mcp/files?x',
    'https://gateway.example/mcp/files#',
    'https://gateway.example/mcp/files/tools',
    'https://gateway.example:8443/mcp/files',
    'http://gateway.example/mcp/files',
    'https://user@gateway.example/mcp/files',
    'https://gateway.example.attacker.example/mcp/files',
    'https://attacker.example/mcp/files',
    'https://gateway.example/mcp/other',
  ])('%j is nothing of ours', (resource) => {
    expect(resourceOf(resource, snapshot)).toBeNull()
  })
})

describe('which server a request without resource means', () => {
  it.each<[readonly string[], readonly string[], string | null]>([
    [['files:read'], ['files', 'memory'], 'files'],
    [['openid', 'files:read', 'files:tool:x'], ['files', 'memory'], 'files'],
    [['files:read', 'memory:read'], ['files', 'memory'], null],
    [['openid'], ['files', 'memory'], null],
    [[], ['files', 'memory'], null],
    [['unknown:read'], ['files', 'memory'], null],
    [[], ['files'], 'files'],
    [['openid', 'offline_access'], ['files'], 'files'],
    [['memory:read'], ['files'], 'files'],
    [[], [], null],
    // The admin API has to be named by its resource.
    [['api:read'], [], null],
    [['api:read'], ['files', 'memory'], null],
    [['api:write'], ['files'], 'files'],
  ])('scopes %j before servers %j: %s', (scopes, ids, expected) => {
    expect(serverOfScopes(scopes, snapshotOf('https://gateway.example', ids))?.id ?? null).toBe(expected)
  })
})
