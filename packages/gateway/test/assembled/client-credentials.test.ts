import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GrantsGateway, INSECURE, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'

/** A strict client that knows RFC 6749 §4.4 and nothing of us. */
describe('a service gets tokens with its own credential', () => {
  let world: GrantsGateway
  let server: oauth.AuthorizationServer
  beforeAll(async () => {
    const service = { name: 'Service', grantTypes: ['client_credentials'], scopes: ['files:write', 'notes:read'] }
    const withSecret = { ...service, secret: '${file:secret}' }
    world = await startGrantsGateway(({ jwk }) => ({
      clients: {
        basic: { ...withSecret, authMethod: 'client_secret_basic' },
        post: { ...withSecret, authMethod: 'client_secret_post' },
        signer: { ...service, authMethod: 'private_key_jwt', jwks: [jwk] },
        one: { ...withSecret, authMethod: 'client_secret_post', scopes: ['files:tool:get_thing'] },
      },
    }))
    server = await world.discover()
  })
  afterAll(() => world.close())

  const authentications = {
    basic: () => oauth.ClientSecretBasic(SECRET),
    post: () => oauth.ClientSecretPost(SECRET),
    signer: () => oauth.PrivateKeyJwt({ key: world.key, kid: 'k' }),
  } as const

  async function ask(
    clientId: string,
    authentication: oauth.ClientAuth,
    parameters: Record<string, string>,
    options: oauth.ClientCredentialsGrantRequestOptions = {},
  ) {
    const client = { client_id: clientId }
    const answer = await oauth.clientCredentialsGrantRequest(server, client, authentication, parameters, {
      ...INSECURE,
      ...options,
    })
    return oauth.processClientCredentialsResponse(server, client, answer)
  }

  it('is told so by the metadata', () => {
    expect(server.grant_types_supported).toContain('client_credentials')
    expect(server.token_endpoint_auth_methods_supported).toEqual(
      expect.arrayContaining(['client_secret_basic', 'client_secret_post', 'private_key_jwt']),
    )
  })

  it.each(['basic', 'post', 'signer'] as const)('by %s, for one server and what it holds there', async (clientId) => {
    const answer = await ask(clientId, authentications[clientId](), { resource: world.resource('files') })
    expect(answer).toMatchObject({ token_type: 'bearer', scope: 'files:write', expires_in: 900 })
    expect(answer.refresh_token).toBeUndefined()
    const claims = decodeJwt(answer.access_token)
    expect(claims).toMatchObject({ aud: world.resource('files'), client_id: clientId, iss: world.origin })
    expect(claims.sub).toMatch(/^svc_[0-9a-f]{40}$/)
    expect(claims['acr']).toBeUndefined()
    expect(await world.call('files', answer.access_token, 'write_thing')).toBe(200)
    expect(await world.call('files', answer.access_token, 'delete_thing')).toBe(403)
    expect(await world.call('notes', answer.access_token, 'get_thing')).toBe(401)
  })

  it('asks for less, and without a resource for what its scopes name', async () => {
    const less = await ask('post', authentications.post(), { resource: world.resource('files'), scope: 'files:read' })
    expect(less.scope).toBe('files:read')
    expect(await world.call('files', less.access_token, 'write_thing')).toBe(403)
    const named = await ask('post', authentications.post(), { scope: 'notes:read' })
    expect(decodeJwt(named.access_token).aud).toBe(world.resource('notes'))
  })

  it('holds the scope of one tool, sees that tool and calls no other', async () => {
    const { access_token: token } = await ask('one', oauth.ClientSecretPost(SECRET), {})
    expect(await world.call('files', token, 'get_thing')).toBe(200)
    expect(await world.call('files', token, 'write_thing')).toBe(403)
  })

  it('gets tokens that are bound to its key', async () => {
    const pair = await oauth.generateKeyPair('ES256')
    const DPoP = oauth.DPoP({}, pair)
    const bound = async () => ask('basic', authentications.basic(), { resource: world.resource('files') }, { DPoP })
    const answer = await bound().catch((error: unknown) => {
      if (!oauth.isDPoPNonceError(error)) throw error
      return bound()
    })
    expect(answer.token_type).toBe('dpop')
    expect(decodeJwt(answer.access_token)['cnf']).toEqual({ jkt: expect.any(String) })
    expect(await world.call('files', answer.access_token, 'get_thing')).toBe(401)
  })

  it('has one grant at a server however many tokens it takes, and each token is recorded', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 5 }, () => ask('signer', authentications.signer(), { resource: world.resource('notes') })),
    )
    const later = await ask('signer', authentications.signer(), { resource: world.resource('notes') })
    const grants = new Set(tokens.map(({ access_token }) => decodeJwt(access_token)['gid']))
    expect(grants).toContain(decodeJwt(later.access_token)['gid'])
    const records = (await world.gateway.log()).filter(({ activity }) => activity === 'token.issue')
    expect(records.filter(({ clientId, server: at }) => clientId === 'signer' && at === 'notes')).toHaveLength(6)
  })
})
