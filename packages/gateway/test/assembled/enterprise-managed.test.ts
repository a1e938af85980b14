import { decodeJwt, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { expect, it } from 'vitest'
import { INSECURE, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const IDP = 'https://idp.example'

it('a strict client brings an ID-JAG of the company’s identity provider; nobody logs in or consents here', async () => {
  const world = await startGrantsGateway(({ jwk }) => ({
    clients: {
      agent: {
        name: 'Agent',
        grantTypes: [GRANT],
        authMethod: 'client_secret_basic',
        secret: '${file:secret}',
        scopes: ['files:read'],
      },
    },
    trustedIssuers: { corp: { issuer: IDP, jwks: [jwk], identityAssertions: {} } },
  }))
  try {
    const server = await world.discover()
    expect(server.grant_types_supported).toContain(GRANT)
    expect(server['authorization_grant_profiles_supported']).toEqual(['urn:ietf:params:oauth:grant-profile:id-jag'])
    await world.gateway.addUser('ada')
    await world.gateway.admin('POST', '/users/ada/links', { issuer: IDP, subject: '00u1' })
    const now = Math.floor(Date.now() / 1000)
    const assertion = await new SignJWT({
      iss: IDP,
      sub: '00u1',
      aud: server.issuer,
      client_id: 'agent',
      jti: 'one',
      iat: now,
      exp: now + 300,
      resource: world.resource('files'),
      scope: 'files:read',
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'oauth-id-jag+jwt' })
      .sign(world.key)
    const client = { client_id: 'agent' }
    const authentication = oauth.ClientSecretBasic(SECRET)
    const parameters = { assertion, scope: 'files:read', resource: world.resource('files') }
    const answer = await oauth.processGenericTokenEndpointResponse(
      server,
      client,
      await oauth.genericTokenEndpointRequest(server, client, authentication, GRANT, parameters, INSECURE),
    )
    expect(answer).toMatchObject({ token_type: 'bearer', scope: 'files:read' })
    expect(answer.refresh_token).toBeUndefined()
    expect(decodeJwt(answer.access_token)).toMatchObject({ aud: world.resource('files'), client_id: 'agent' })
    expect(await world.call('files', answer.access_token, 'get_thing')).toBe(200)
  } finally {
    await world.close()
  }
})
