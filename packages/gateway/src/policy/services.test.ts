import { describe, expect, it } from 'vitest'
import { asClientId, asServerId } from '#core/ids.ts'
import { isServiceSubject, serviceSubject } from '#core/service-subject.ts'
import type { PreregisteredClient, ProtectedResource } from '#core/snapshot.ts'
import { serviceAllows, serviceScopes, servicesOf } from './services.ts'

const server: ProtectedResource = {
  id: asServerId('files'),
  title: 'files',
  description: '',
  resource: 'https://p.example/mcp/files',
  baselineClasses: ['read'],
  toolClasses: new Map([
    ['peek', 'read'],
    ['wipe', 'destructive'],
  ]),
  toolScopes: new Set(['peek', 'wipe']),
}
const client = (id: string, change: Partial<PreregisteredClient>): PreregisteredClient => ({
  clientId: asClientId(id),
  name: id,
  redirectUris: [],
  grantTypes: ['client_credentials'],
  authMethod: 'client_secret_post',
  secret: null,
  keys: null,
  scopes: ['files:read'],
  ...change,
})

describe('services', () => {
  it('are the clients that may speak for themselves, each under a subject of its own', () => {
    const clients = [client('a', {}), client('b', {}), client('c', { grantTypes: ['authorization_code'] })]
    const services = servicesOf({ clients: new Map(clients.map((one) => [one.clientId, one])) })
    expect([...services.values()].map(({ clientId }) => clientId)).toEqual(['a', 'b'])
    expect(new Set(services.keys()).size).toBe(2)
    expect([...services.keys()].every(isServiceSubject)).toBe(true)
    expect(serviceSubject(asClientId('a'))).toMatch(/^svc_[0-9a-f]{40}$/)
  })

  it('may do what their scopes contain, by the hierarchy of classes', () => {
    const scopes = ['files:write', 'notes:admin']
    expect(serviceAllows({ scopes }, server, 'read', null)).toBe(true)
    expect(serviceAllows({ scopes }, server, 'destructive', null)).toBe(false)
    expect(serviceAllows({ scopes }, server, 'destructive', 'wipe')).toBe(false)
    expect(serviceScopes({ scopes }, server)).toEqual(['files:read', 'files:write', 'files:tool:peek'])
  })

  it('may hold one tool: classes show that there is something, only the tool is allowed', () => {
    const scopes = ['files:tool:wipe']
    expect(serviceAllows({ scopes }, server, 'destructive', null)).toBe(true)
    expect(serviceAllows({ scopes }, server, 'destructive', 'wipe')).toBe(true)
    expect(serviceAllows({ scopes }, server, 'destructive', 'other')).toBe(false)
    expect(serviceAllows({ scopes }, server, 'send', null)).toBe(false)
    expect(serviceScopes({ scopes }, server)).toEqual(['files:tool:wipe'])
  })
})
