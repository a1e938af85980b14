import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GrantsGateway, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'
import { registerClient } from '../support/scripted-client.ts'

const GRANT = { grant_type: 'client_credentials' }
const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` })
const service = { name: 'Service', grantTypes: ['client_credentials'], secret: '${file:secret}' }
const clients = {
  basic: { ...service, authMethod: 'client_secret_basic', scopes: ['files:write'] },
  post: { ...service, authMethod: 'client_secret_post', scopes: ['files:write'] },
  wide: { ...service, authMethod: 'client_secret_post', scopes: ['files:read', 'notes:read'] },
  desk: {
    name: 'Desk',
    redirectUris: ['http://127.0.0.1:61234/callback'],
    authMethod: 'client_secret_post',
    secret: '${file:secret}',
  },
}
const post = { ...GRANT, client_id: 'post', client_secret: SECRET }

/** Whoever wants tokens without a person, or more of them than the configuration gives. */
describe('client_credentials', () => {
  let world: GrantsGateway
  beforeAll(async () => {
    world = await startGrantsGateway(() => ({
      clients,
      introspection: { 'files-server': { servers: ['files'], secret: '${file:secret}' } },
    }))
  })
  afterAll(() => world.close())

  async function issued(): Promise<number> {
    const records = await world.gateway.log()
    return records.filter(({ activity, outcome }) => activity === 'token.issue' && outcome === 'success').length
  }

  it.each<[string, Record<string, string>, Record<string, string>, number, string, string]>([
    ['no secret', { ...GRANT, client_id: 'post' }, {}, 401, 'invalid_client', 'clientAuthMethodWrong'],
    ['a wrong secret', { ...post, client_secret: `${SECRET}0` }, {}, 401, 'invalid_client', 'clientSecretWrong'],
    ['the secret in the header', GRANT, basic('post', SECRET), 401, 'invalid_client', 'clientAuthMethodWrong'],
    ['the secret in the body', { ...post, client_id: 'basic' }, {}, 401, 'invalid_client', 'clientAuthMethodWrong'],
    ['the secret in both', post, basic('post', SECRET), 400, 'invalid_request', 'invalidRequest'],
    ['a client that people use', { ...post, client_id: 'desk' }, {}, 400, 'unauthorized_client', 'grantTypeNotAllowed'],
    ['nobody', { ...post, client_id: 'nobody' }, {}, 401, 'invalid_client', 'clientUnknown'],
    [
      'more than it holds',
      { ...post, scope: 'files:read files:admin' },
      {},
      400,
      'invalid_scope',
      'scopeBeyondService',
    ],
    ['scopes elsewhere', { ...post, scope: 'notes:read' }, {}, 400, 'invalid_target', 'noScopeHeldThere'],
    ['scopes nobody knows', { ...post, scope: 'openid offline_access' }, {}, 400, 'invalid_scope', 'scopeUnknown'],
    ['a scope that is none', { ...post, scope: 'files:read"' }, {}, 400, 'invalid_scope', 'invalidScope'],
    ['one of many servers, unsaid', { ...post, client_id: 'wide' }, {}, 400, 'invalid_target', 'resourceUnknown'],
    [
      'a foreign resource',
      { ...post, resource: 'https://evil.example/mcp' },
      {},
      400,
      'invalid_target',
      'resourceUnknown',
    ],
    [
      'an oversized resource',
      { ...post, resource: `https://${'x'.repeat(9_000)}` },
      {},
      400,
      'invalid_target',
      'resourceUnknown',
    ],
  ])('refuses %s', async (_, fields, headers, status, error, reason) => {
    const before = await issued()
    const answer = await world.ask(fields, headers)
    expect([answer.status, answer.body['error']]).toEqual([status, error])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.body['access_token']).toBeUndefined()
    expect((await world.gateway.log()).map((record) => record.reason)).toContain(reason)
    expect(await issued()).toBe(before)
  })

  it('does not administer the gateway', async () => {
    const answer = await world.ask({ ...post, resource: `${world.origin}/api/v1` })
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_target'])
    const { body } = await world.ask({ ...post, resource: world.resource('files') })
    const admin = await fetch(`${world.origin}/api/v1/users`, {
      headers: { authorization: `Bearer ${String(body['access_token'])}` },
    })
    expect(admin.status).toBe(401)
  })

  it('is for nobody who registered themselves, whatever they say that they are', async () => {
    const clientId = await registerClient(fetch, `${world.origin}/oauth/register`)
    const asked = await world.ask({ ...GRANT, client_id: clientId, resource: world.resource('files') })
    expect([asked.status, asked.body['error']]).toEqual([400, 'unauthorized_client'])
    const registered = await fetch(`${world.origin}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: ['http://127.0.0.1:61234/callback'],
        grant_types: ['authorization_code', 'client_credentials'],
        token_endpoint_auth_method: 'client_secret_post',
      }),
    })
    const { client_id, client_secret, grant_types } = (await registered.json()) as Record<string, string>
    expect(grant_types).toEqual(['authorization_code'])
    const own = await world.ask({ ...GRANT, client_id: client_id ?? '', client_secret: client_secret ?? '' })
    expect([own.status, own.body['error']]).toEqual([400, 'unauthorized_client'])
  })

  it('gives tokens that end with their grant', async () => {
    const { body } = await world.ask({ ...post, resource: world.resource('files') })
    const token = String(body['access_token'])
    expect(await world.call('files', token, 'get_thing')).toBe(200)
    const { gid } = decodeJwt(token)
    expect((await world.gateway.admin('DELETE', `/grants/${String(gid)}`)).status).toBeLessThan(300)
    expect(await world.call('files', token, 'get_thing')).toBe(401)
    const again = await world.ask({ ...post, resource: world.resource('files') })
    expect(decodeJwt(String(again.body['access_token']))['gid']).not.toBe(gid)
    expect(await world.call('files', String(again.body['access_token']), 'get_thing')).toBe(200)
  })

  it('gives tokens that can do no more than the configuration says now', async () => {
    const { body } = await world.ask({ ...post, resource: world.resource('files') })
    const token = String(body['access_token'])
    expect(await world.call('files', token, 'write_thing')).toBe(200)
    const active = async () => {
      const answer = await fetch(`${world.origin}/oauth/introspect`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic('files-server', SECRET) },
        body: new URLSearchParams({ token }).toString(),
      })
      const { active: isActive, scope } = (await answer.json()) as { active: boolean; scope?: string }
      return isActive ? scope : 'inactive'
    }
    expect(await active()).toBe('files:write')
    await world.gateway.reconfigure(
      world.configuration({ clients: { ...clients, post: { ...clients.post, scopes: ['files:read'] } } }),
    )
    expect(await world.call('files', token, 'write_thing')).toBe(403)
    expect(await world.call('files', token, 'get_thing')).toBe(200)
    expect(await active()).toBe('')
    const { post: _, ...others } = clients
    await world.gateway.reconfigure(world.configuration({ clients: others }))
    expect(await world.call('files', token, 'get_thing')).toBe(401)
    expect(await active()).toBe('inactive')
    await world.gateway.reconfigure(world.configuration())
  })
})
