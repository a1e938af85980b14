import { describe, expect, it } from 'vitest'
import type { AdminRole, Snapshot } from '#core/snapshot.ts'
import { TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'
import { adminApi, findProtectedResource } from './admin-api.ts'
import { decide, scopesAllowed } from './decide.ts'

function role(name: string, admin: AdminRole | null, classes: readonly ToolClass[] = []) {
  return [name, { name, admin, allow: new Map([['*', new Set(classes)]]) }] as const
}

const snapshot = {
  publicUrl: 'https://gateway.example',
  servers: new Map(),
  roles: new Map([
    role('operator', 'operator'),
    role('approver', 'approver'),
    role('auditor', 'auditor'),
    role('user', 'user'),
    role('everything-but', null, TOOL_CLASSES),
  ]),
} as unknown as Snapshot // only what policy reads
const api = adminApi(snapshot)

describe('the admin API as a protected resource', () => {
  it.each<[string[], string[]]>([
    [['operator'], ['api:read', 'api:write']],
    [['approver'], ['api:read', 'api:write']],
    [['user'], ['api:read', 'api:write']],
    [['auditor'], ['api:read']],
    [
      ['auditor', 'user'],
      ['api:read', 'api:write'],
    ],
    // Tools of every server, the admin class included, say nothing about the gateway itself.
    [['everything-but'], []],
    [['unknown'], []],
    [[], []],
  ])('roles %j may be given %j', (roles, scopes) => {
    expect(scopesAllowed(snapshot, roles, api)).toEqual(scopes)
  })

  it.each<[string[], string[], 'read' | 'write', string]>([
    [['operator'], ['api:write'], 'write', 'permit'],
    [['operator'], ['api:write'], 'read', 'permit'],
    [['operator'], ['api:read'], 'read', 'permit'],
    [['operator'], ['api:read'], 'write', 'scopesMissing'],
    [['operator'], ['files:admin', 'api:tool:x', 'API:write', 'api', ''], 'read', 'scopesMissing'],
    [['auditor'], ['api:write'], 'write', 'roleForbids'],
    [['auditor'], ['api:write'], 'read', 'permit'],
    [['everything-but'], ['api:write'], 'read', 'roleForbids'],
  ])('roles %j with scopes %j that want to %s: %s', (roles, scopes, toolClass, kind) => {
    expect(decide({ server: api, roles, scopes, toolClass, tool: null }, snapshot).kind).toBe(kind)
  })

  it('is found by its identifier, byte for byte', () => {
    expect(findProtectedResource('https://gateway.example/api/v1', snapshot)?.id).toBe('api')
    for (const other of ['https://gateway.example/api/v1/', 'https://gateway.example/api', '', null, undefined])
      expect(findProtectedResource(other, snapshot)).toBeNull()
  })
})
