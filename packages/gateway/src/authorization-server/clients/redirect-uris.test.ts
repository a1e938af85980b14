import { describe, expect, test } from 'vitest'
import { checkRedirectUri, isLocalhostOnly, redirectIsAllowed } from './redirect-uris.ts'

const PUBLIC_URL = 'https://gateway.example'

function kindOf(uri: string, publicUrl = PUBLIC_URL): string {
  const checked = checkRedirectUri(uri, { publicUrl })
  return checked.ok ? checked.value.kind : checked.refusal.problem
}

describe('what real clients register is accepted', () => {
  test.each([
    ['https://claude.ai/api/mcp/auth_callback', 'https'],
    ['https://chatgpt.com/connector_platform_oauth_redirect', 'https'],
    ['https://vscode.dev/redirect', 'https'],
    ['https://www.cursor.com/agents/mcp/oauth/callback', 'https'],
    ['https://client.example/cb?tenant=1&x=%20', 'https'],
    ['https://client.example', 'https'],
    ['https://client.example:8443/cb', 'https'],
    ['https://client.example:443/cb', 'https'],
    ['https://Client.Example/cb', 'https'],
    ['https://[2606:4700:4700::1111]/cb', 'https'],
    ['https://localhost:3000/cb', 'https'],
    ['http://127.0.0.1:33418', 'loopback'],
    ['http://127.0.0.1:33418/', 'loopback'],
    ['http://127.0.0.1/', 'loopback'],
    ['http://127.0.0.1:80/cb', 'loopback'],
    ['http://localhost:8787/callback', 'loopback'],
    ['http://[::1]:6274/oauth/callback', 'loopback'],
    ['http://localhost/callback?x=1', 'loopback'],
    ['cursor://anysphere.cursor-mcp/oauth/callback', 'customScheme'],
    ['vscode://publisher.extension/callback', 'customScheme'],
    ['vscode-insiders://publisher.extension', 'customScheme'],
    ['windsurf://codeium.windsurf/oauth', 'customScheme'],
    ['claude://oauth/callback', 'customScheme'],
    ['com.example.app:/oauth2redirect', 'customScheme'],
    ['com.example.app://callback/done?x=1', 'customScheme'],
  ])('%s', (uri, kind) => {
    expect(kindOf(uri)).toBe(kind)
  })
})

describe('a scheme nobody has heard of is refused, but told apart from a dangerous one', () => {
  test.each([
    ['myapp://callback', true],
    ['x.y://callback', true],
    ['javascript:alert(1)', false],
    ['http://client.example/cb', false],
  ])('%s', (uri, isUnknownScheme) => {
    const checked = checkRedirectUri(uri, { publicUrl: PUBLIC_URL })
    expect(checked.ok ? 'accepted' : checked.refusal.isUnknownScheme).toBe(isUnknownScheme)
  })
})

test('the gateway itself is never a redirect, on its own origin however it is spelled', () => {
  for (const uri of ['https://gateway.example/login', 'https://gateway.example', 'https://GATEWAY.example:443/x'])
    expect(kindOf(uri)).toContain('not to this gateway')
  expect(kindOf('https://gateway.example:8443/cb')).toBe('https')
  expect(kindOf('http://127.0.0.1:8700/cb', 'http://127.0.0.1:8700')).toContain('not to this gateway')
  expect(kindOf('http://127.0.0.1:8701/cb', 'http://127.0.0.1:8700')).toBe('loopback')
})

test('the gateway itself is never a redirect at the authorization either: any port is not our port, by any name of this machine', () => {
  const local = 'http://127.0.0.1:8700'
  const client = {
    redirect_uris: ['http://127.0.0.1/cb', 'http://localhost/cb', 'http://[::1]:8700/cb', `${PUBLIC_URL}/x`],
  }
  for (const host of ['127.0.0.1', 'localhost', '[::1]']) {
    expect(redirectIsAllowed(client, `http://${host}:8700/cb`, local), host).toBe(false)
    expect(redirectIsAllowed(client, `http://${host}:8701/cb`, local), host).toBe(true)
    expect(redirectIsAllowed(client, `http://${host}:8700/cb`, PUBLIC_URL), host).toBe(true)
    expect(kindOf(`http://${host}:8700/cb`, local), host).toContain('not to this gateway')
  }
  expect(redirectIsAllowed(client, 'http://127.0.0.1/cb', 'http://127.0.0.1')).toBe(false)
  expect(redirectIsAllowed(client, `${PUBLIC_URL}/x`, PUBLIC_URL)).toBe(false)
})

test('a loopback redirect may name any port at the authorization, and only that (RFC 8252 §7.3)', () => {
  const client = {
    redirect_uris: ['http://127.0.0.1/cb', 'http://localhost:3118/callback', 'https://a.example/cb', 'cursor://x/y'],
  }
  for (const uri of [
    'http://127.0.0.1/cb',
    'http://127.0.0.1:1/cb',
    'http://127.0.0.1:65535/cb',
    'http://localhost/callback',
    'http://localhost:49152/callback',
    'https://a.example/cb',
    'cursor://x/y',
  ])
    expect(redirectIsAllowed(client, uri, PUBLIC_URL), uri).toBe(true)
  for (const uri of [
    'http://127.0.0.1:0/cb',
    'http://127.0.0.1:65536/cb',
    'http://127.0.0.1:080/cb',
    'http://127.0.0.1:/cb',
    'http://127.0.0.1:1/cb/',
    'http://127.0.0.1:1/CB',
    'http://127.0.0.1:1/cb?x',
    'http://localhost:1/cb',
    'http://[::1]:1/cb',
    'https://127.0.0.1:1/cb',
    'https://a.example:444/cb',
    'https://a.example:443/cb',
    'https://A.example/cb',
    'cursor://x:1/y',
  ])
    expect(redirectIsAllowed(client, uri, PUBLIC_URL), uri).toBe(false)
})

test('a client is local only when every redirect ends on this machine', () => {
  expect(isLocalhostOnly(['http://127.0.0.1/cb', 'http://localhost:1/', 'http://[::1]/', 'https://localhost/'])).toBe(
    true,
  )
  expect(isLocalhostOnly(['http://127.0.0.1/cb', 'https://a.example/'])).toBe(false)
  expect(isLocalhostOnly(['cursor://localhost/'])).toBe(false)
  expect(isLocalhostOnly(['https://localhost.example/'])).toBe(false)
  expect(isLocalhostOnly([])).toBe(false)
})
