import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeAsPerson, type Person } from '../e2e/support/authorize.ts'
import { type GrantsGateway, INSECURE, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'
import { REDIRECT_URI } from '../support/scripted-client.ts'

/** A strict client that pushes its requests (RFC 9126) and knows nothing of us. */
describe('a client whose requests have to be pushed', () => {
  let world: GrantsGateway
  let server: oauth.AuthorizationServer
  let ada: Person
  const client: oauth.Client = { client_id: 'desk' }
  beforeAll(async () => {
    world = await startGrantsGateway(() => ({
      clients: {
        desk: {
          name: 'Desk',
          redirectUris: [REDIRECT_URI],
          authMethod: 'client_secret_basic',
          secret: '${file:secret}',
          requirePushedRequests: true,
        },
      },
    }))
    ada = await world.gateway.addUser('ada')
    server = await world.discover()
  })
  afterAll(() => world.close())

  it('gets its token', async () => {
    const verifier = oauth.generateRandomCodeVerifier()
    const authentication = oauth.ClientSecretBasic(SECRET)
    const pushed = await oauth.processPushedAuthorizationResponse(
      server,
      client,
      await oauth.pushedAuthorizationRequest(
        server,
        client,
        authentication,
        {
          response_type: 'code',
          redirect_uri: REDIRECT_URI,
          scope: 'files:read',
          state: 'state',
          resource: world.resource('files'),
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        },
        INSECURE,
      ),
    )
    const url = new URL(server.authorization_endpoint ?? '')
    url.search = new URLSearchParams({ client_id: 'desk', request_uri: pushed.request_uri }).toString()
    const callback = await authorizeAsPerson(url.href, ada)
    const code = oauth.validateAuthResponse(server, client, callback, 'state')
    const answer = await oauth.processAuthorizationCodeResponse(
      server,
      client,
      await oauth.authorizationCodeGrantRequest(server, client, authentication, code, REDIRECT_URI, verifier, INSECURE),
    )
    expect(decodeJwt(answer.access_token)).toMatchObject({ aud: world.resource('files'), scope: 'files:read' })
    expect(await world.call('files', answer.access_token, 'get_thing')).toBe(200)
  })

  it('may say so of itself when it registers', async () => {
    const registered = await fetch(`${world.origin}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Careful',
        redirect_uris: [REDIRECT_URI],
        token_endpoint_auth_method: 'none',
        require_pushed_authorization_requests: true,
      }),
    })
    const metadata = (await registered.json()) as Record<string, unknown>
    expect(metadata['require_pushed_authorization_requests']).toBe(true)
    const query = {
      client_id: String(metadata['client_id']),
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      resource: world.resource('files'),
    }
    const url = `${world.origin}/oauth/authorize?${new URLSearchParams(query).toString()}`
    const link = await fetch(url, { redirect: 'manual' })
    expect(link.headers.get('location')).toContain('error=invalid_request')
    const pushed = await fetch(`${world.origin}/oauth/par`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(query).toString(),
    })
    expect(pushed.status).toBe(201)
  })

  it('is not begun by a link', async () => {
    const url = new URL(server.authorization_endpoint ?? '')
    url.search = new URLSearchParams({
      client_id: 'desk',
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      resource: world.resource('files'),
    }).toString()
    const answer = await fetch(url, { redirect: 'manual' })
    expect(answer.headers.get('location')).toContain('error=invalid_request')
  })
})
