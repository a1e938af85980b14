import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asClientId } from '#core/ids.ts'
import { loadConfiguration } from './load.ts'
import { printProblem } from './problem.ts'

const SECRET = 'f2c1a9e07b5d4c3e8f6a1b2c3d4e5f60'
const KEY = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-clients-'))
  writeFileSync(join(folder, 'secret'), `${SECRET}\n`, { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true }))

async function load(clients: Record<string, unknown>, env: Record<string, string> = {}) {
  const file = join(folder, 'sallyport.yaml')
  const servers = {
    notes: { stdio: { command: 'node' }, tools: { wipe: { class: 'destructive', scope: true } } },
    files: { stdio: { command: 'node' } },
  }
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ version: 1, clients, servers }, null, 1))
  return loadConfiguration({ file, env, stateDir: folder })
}

async function problemsOf(client: Record<string, unknown>, id = 'agent'): Promise<string[]> {
  const loaded = await load({ [id]: { name: 'Agent', ...client } })
  return loaded.ok ? [] : loaded.refusal.map((problem) => printProblem(problem).replace(/^.*?:\d+:\d+: /, ''))
}

const SERVICE = {
  grantTypes: ['client_credentials'],
  authMethod: 'client_secret_basic',
  secret: '${file:secret}',
  scopes: ['notes:read', 'notes:tool:wipe'],
}
const PERSONAL = { redirectUris: ['https://app.example.com/callback'] }

describe('clients of the configuration', () => {
  it('are in the snapshot, whole, with secrets that do not print', async () => {
    const loaded = await load(
      {
        desk: { name: 'Desk', redirectUris: ['http://127.0.0.1/callback', 'com.example.desk:/callback'] },
        agent: { name: 'Agent', ...SERVICE },
        signer: { name: 'Signer', ...PERSONAL, authMethod: 'private_key_jwt', jwks: [KEY] },
        remote: { name: 'Remote', ...PERSONAL, authMethod: 'private_key_jwt', jwksUri: 'https://app.example.com/keys' },
        env: { name: 'Env', ...PERSONAL, authMethod: 'client_secret_post', secret: '${env:CLIENT_SECRET}' },
      },
      { CLIENT_SECRET: `${SECRET}00` },
    )
    if (!loaded.ok) throw new Error(loaded.refusal.map(printProblem).join('\n'))
    const { snapshot, files } = loaded.value
    expect([...snapshot.clients.keys()]).toEqual(['desk', 'agent', 'signer', 'remote', 'env'])
    expect(snapshot.clients.get(asClientId('desk'))).toEqual({
      clientId: 'desk',
      name: 'Desk',
      redirectUris: ['http://127.0.0.1/callback', 'com.example.desk:/callback'],
      grantTypes: ['authorization_code', 'refresh_token'],
      authMethod: 'none',
      secret: null,
      keys: null,
      certificate: null,
      pushesRequests: false,
      scopes: [],
    })
    const agent = snapshot.clients.get(asClientId('agent'))
    expect(agent).toMatchObject({ grantTypes: ['client_credentials'], scopes: ['notes:read', 'notes:tool:wipe'] })
    expect(agent?.secret?.reveal()).toBe(SECRET)
    expect(JSON.stringify([...snapshot.clients])).not.toContain(SECRET)
    expect(snapshot.clients.get(asClientId('signer'))?.keys).toEqual({ kind: 'jwks', jwks: [KEY] })
    expect(snapshot.clients.get(asClientId('remote'))?.keys).toEqual({
      kind: 'jwksUri',
      jwksUri: 'https://app.example.com/keys',
    })
    expect(snapshot.clients.get(asClientId('env'))?.secret?.reveal()).toBe(`${SECRET}00`)
    expect(files).toContain(join(folder, 'secret'))
  })

  it.each([
    [{}, 'A client that sends a browser here needs `redirectUris`.'],
    [{ redirectUris: ['http://app.example.com/cb'] }, 'Plain http is for 127.0.0.1, [::1] and localhost only.'],
    [{ redirectUris: ['https://app.example.com/*'] }, 'Redirect URIs are compared exactly: there is no wildcard.'],
    [{ redirectUris: ['https://app.example.com/#x'] }, 'A redirect URI has no fragment.'],
    [{ redirectUris: ['https://u:p@app.example.com/'] }, 'A redirect URI carries no user name.'],
    [{ redirectUris: ['javascript:alert(1)'] }, 'This URI scheme cannot be used.'],
    [{ redirectUris: ['data:text/html,x'] }, 'This URI scheme cannot be used.'],
    [{ redirectUris: ['/callback'] }, 'This is not an absolute URI.'],
    [{ ...SERVICE, ...PERSONAL }, 'Without `authorization_code` nothing is ever sent there.'],
    [{ ...SERVICE, scopes: [] }, 'A client that speaks for itself needs `scopes`'],
    [{ ...SERVICE, scopes: ['nowhere:read'] }, 'There is no server `nowhere`.'],
    [{ ...SERVICE, scopes: ['notes:everything'] }, 'This is not a scope.'],
    [{ ...SERVICE, scopes: ['notes:*'] }, 'This is not a scope.'],
    [{ ...SERVICE, scopes: ['notes:tool:list'] }, 'This tool has no scope of its own.'],
    [{ ...SERVICE, scopes: ['api:write'] }, 'There is no server `api`.'],
    [{ ...SERVICE, authMethod: 'none', secret: undefined }, 'Whoever knows the client id could get these tokens.'],
    [
      { ...SERVICE, grantTypes: ['client_credentials', 'refresh_token'] },
      'Nothing that this client may use gives a refresh',
    ],
    [{ ...SERVICE, secret: undefined }, '`client_secret_basic` needs `secret`.'],
    [{ ...SERVICE, secret: SECRET }, 'This is not one reference.'],
    [{ ...SERVICE, secret: 'Bearer ${file:secret}' }, 'This is not one reference.'],
    [{ ...SERVICE, secret: '${env:SHORT}' }, 'SHORT'],
    [{ ...PERSONAL, secret: '${file:secret}' }, '`authMethod: none` uses no secret.'],
    [{ ...PERSONAL, jwks: [KEY] }, '`authMethod: none` uses no keys.'],
    [{ ...PERSONAL, authMethod: 'private_key_jwt' }, '`private_key_jwt` needs `jwks` or `jwksUri`.'],
    [{ ...PERSONAL, authMethod: 'private_key_jwt', jwks: [{ ...KEY, d: 'x' }] }, 'This is not a public key.'],
    [{ ...PERSONAL, authMethod: 'private_key_jwt', jwks: [{ kty: 'oct', k: 'x' }] }, 'This is not a public key.'],
    [{ ...PERSONAL, authMethod: 'private_key_jwt', jwksUri: 'http://app.example.com/k' }, 'This is not an https URL.'],
    [
      { ...PERSONAL, authMethod: 'private_key_jwt', jwks: [KEY], jwksUri: 'https://app.example.com/k' },
      '`jwks` and `jwksUri` exclude each other.',
    ],
    [{ ...PERSONAL, authMethod: 'self_signed_tls_client_auth' }, 'authMethod'],
    [{ ...PERSONAL, authMethod: 'tls_client_auth' }, '`tls_client_auth` needs exactly one name in `certificate`.'],
    [
      { ...PERSONAL, authMethod: 'tls_client_auth', certificate: { sanDns: 'a.example', sanUri: 'spiffe://a' } },
      '`tls_client_auth` needs exactly one name in `certificate`.',
    ],
    [
      { ...PERSONAL, authMethod: 'tls_client_auth', certificate: { sanDns: 'a.example' } },
      'Nobody vouches for certificates here.',
    ],
    [{ ...SERVICE, certificate: { sanDns: 'a.example' } }, 'Nothing looks at it.'],
    [{ ...SERVICE, requirePushedRequests: true }, 'Without `authorization_code` there is nothing to push.'],
    [{ ...PERSONAL, grantTypes: ['password'] }, 'grantTypes'],
    [{ ...PERSONAL, name: '' }, 'name'],
    [{ ...PERSONAL, clientSecret: 'x' }, 'clientSecret'],
  ])('%j is refused', async (client, problem) => {
    expect((await problemsOf(client)).join('\n')).toContain(problem)
  })

  it.each(['short', 'with space '.repeat(4), 'ümlaut'.repeat(8), 'x'.repeat(513)])(
    'a referenced secret like %j is refused, and not repeated',
    async (secret) => {
      const loaded = await load({ agent: { name: 'Agent', ...SERVICE, secret: '${env:S}' } }, { S: secret })
      expect(loaded.ok).toBe(false)
      if (!loaded.ok) expect(loaded.refusal.map(printProblem).join('\n')).not.toContain(secret)
    },
  )

  it.each(['sp_mine', 'key_mine', 'https://app.example.com/client.json', 'with space', '', '.hidden', 'x'.repeat(129)])(
    'the id %j is refused: it could be taken for one that we give out, or for a document',
    async (id) => {
      expect(await problemsOf(PERSONAL, id)).not.toEqual([])
    },
  )
})
