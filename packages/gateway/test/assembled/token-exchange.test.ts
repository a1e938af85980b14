import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { expect, it } from 'vitest'
import { INSECURE, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'
import { personToken } from '../support/person-token.ts'
import { REDIRECT_URI } from '../support/scripted-client.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

it('a strict client exchanges a token that it was handed for one of its own (RFC 8693)', async () => {
  const world = await startGrantsGateway(() => ({
    introspection: { 'files-server': { servers: ['files'], secret: '${file:secret}' } },
    clients: {
      desk: { name: 'Desk', redirectUris: [REDIRECT_URI] },
      agent: {
        name: 'Agent',
        grantTypes: [GRANT],
        authMethod: 'client_secret_basic',
        secret: '${file:secret}',
        scopes: ['files:read'],
      },
    },
  }))
  try {
    const ada = await world.gateway.addUser('ada')
    const server = await world.discover()
    expect(server.grant_types_supported).toContain(GRANT)
    const { access_token: subjectToken } = await personToken(world, ada, {
      clientId: 'desk',
      server: 'files',
      scope: 'files:read files:write',
    })
    const client = { client_id: 'agent' }
    const request = { subject_token: subjectToken, subject_token_type: ACCESS_TOKEN, resource: world.resource('files') }
    const authentication = oauth.ClientSecretBasic(SECRET)
    const answer = await oauth.processGenericTokenEndpointResponse(
      server,
      client,
      await oauth.genericTokenEndpointRequest(server, client, authentication, GRANT, request, INSECURE),
    )
    expect(answer).toMatchObject({ token_type: 'bearer', scope: 'files:read', issued_token_type: ACCESS_TOKEN })
    expect(decodeJwt(answer.access_token)).toMatchObject({ client_id: 'agent', act: { sub: 'agent' } })
    expect(await world.call('files', answer.access_token, 'get_thing')).toBe(200)
    const asked = await fetch(`${world.origin}/oauth/introspect`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${btoa(`files-server:${SECRET}`)}`,
      },
      body: new URLSearchParams({ token: answer.access_token }).toString(),
    })
    expect(await asked.json()).toMatchObject({ active: true, client_id: 'agent', act: { sub: 'agent' } })
    const first = (await world.gateway.exportLog()).split('\n').filter((line) => line.includes('actsFor\\":\\"desk'))
    expect(first.length).toBeGreaterThan(1)
  } finally {
    await world.close()
  }
})
