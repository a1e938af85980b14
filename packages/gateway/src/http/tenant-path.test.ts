import { describe, expect, it } from 'vitest'
import { readTenantPath } from './tenant-path.ts'

describe('the tenant of a path', () => {
  it.each([
    ['/t/acme', 'acme', '/'],
    ['/t/acme/', 'acme', '/'],
    ['/t/acme/mcp/files', 'acme', '/mcp/files'],
    ['/t/acme/.well-known/openid-configuration', 'acme', '/.well-known/openid-configuration'],
    ['/.well-known/oauth-authorization-server/t/acme', 'acme', '/.well-known/oauth-authorization-server'],
    ['/.well-known/oauth-protected-resource/t/a-1/mcp/x', 'a-1', '/.well-known/oauth-protected-resource/mcp/x'],
    // Not the other tenant's: what is below a tenant's path is that tenant's to know, and it knows no tenants.
    ['/t/acme/t/beta/mcp/files', 'acme', '/t/beta/mcp/files'],
    ['/t/acme/.well-known/oauth-authorization-server/t/beta', 'acme', '/.well-known/oauth-authorization-server/t/beta'],
  ])('%s is of %s, who sees %s', (path, tenant, seen) => {
    expect(readTenantPath(path)).toEqual({ tenant, path: seen })
  })

  it.each([
    '/',
    '/t',
    '/t/',
    '/t//mcp/files',
    '/T/acme/mcp/files',
    '/t/Acme/mcp/files',
    '/t/%61cme/mcp/files',
    '/t/acme%2fmcp/files',
    '/t/acme;x/mcp/files',
    `/t/${'a'.repeat(64)}/mcp/files`,
    '/mcp/t/acme',
    '/x/t/acme',
    '/.well-known/oauth-client/t/acme',
    '/.well-known/openid-configuration/T/acme',
  ])('%s is the gateway’s own', (path) => {
    expect(readTenantPath(path)).toBeNull()
  })
})
