import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeAsPerson, type Person } from '../e2e/support/authorize.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

const REDIRECT = 'http://127.0.0.1:61234/callback'
const STATE = 'state-of-the-client'
const insecure = { [oauth.allowInsecureRequests]: true }

let world: WholeGateway
let origin: string
let ada: Person

beforeAll(async () => {
  world = await startWholeGateway((port) =>
    [
      'version: 1',
      `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
      'servers: { files: { stdio: { command: node } } }',
      '',
    ].join('\n'),
  )
  origin = `http://127.0.0.1:${world.port}`
  ada = await world.addUser('ada', ['operator'])
})
afterAll(() => world.close())

interface StrictClient {
  readonly server: oauth.AuthorizationServer
  readonly client: oauth.Client
  /** Sends with the token, and throws what the answer challenges. */
  ask(method: string, path: string): Promise<Response>
  readonly tokens: oauth.TokenEndpointResponse
}

/** Knows only the address of the API: everything else comes from what the gateway says, and is checked by the library. */
async function connect(api: URL, scope: string): Promise<StrictClient> {
  // RFC 9728 §5: the challenge names the metadata.
  const challenged = await fetch(`${api.href}/grants`)
  expect(challenged.status).toBe(401)
  const named = /resource_metadata="([^"]+)"/.exec(challenged.headers.get('www-authenticate') ?? '')?.[1]
  expect(named).toBe(`${origin}/.well-known/oauth-protected-resource/api/v1`)
  const resource = await oauth.processResourceDiscoveryResponse(
    api,
    await oauth.resourceDiscoveryRequest(api, insecure),
  )
  expect(resource.scopes_supported).toEqual(['api:read'])
  const issuer = new URL(resource.authorization_servers?.[0] ?? '')
  const discovered = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
  const server = await oauth.processDiscoveryResponse(issuer, discovered)

  const metadata = {
    client_name: 'Operator’s console',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  }
  const registration = await oauth.dynamicClientRegistrationRequest(server, metadata, insecure)
  const client = await oauth.processDynamicClientRegistrationResponse(registration)

  const verifier = oauth.generateRandomCodeVerifier()
  const url = new URL(server.authorization_endpoint ?? '')
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    scope,
    state: STATE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    resource: resource.resource,
  }).toString()
  const callback = oauth.validateAuthResponse(server, client, await authorizeAsPerson(url.href, ada), STATE)
  const answer = await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), callback, REDIRECT, verifier, {
    ...insecure,
    additionalParameters: { resource: resource.resource },
  })
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer)
  return {
    server,
    client,
    tokens,
    ask: (method, path) =>
      oauth.protectedResourceRequest(
        tokens.access_token,
        method,
        new URL(`${api.href}${path}`),
        undefined,
        undefined,
        insecure,
      ),
  }
}

const grantsOf = async (client: StrictClient) =>
  ((await (await client.ask('GET', '/grants')).json()) as { items: { grantId: string; server: string }[] }).items

describe('a strict OAuth client administers the gateway over the network', () => {
  it('reads with api:read, steps up, lists the grants, revokes one, and loses what it revoked', async () => {
    const reader = await connect(new URL(`${origin}/api/v1`), 'api:read')
    expect(reader.tokens).toMatchObject({ scope: 'api:read', expires_in: 300, token_type: 'bearer' })
    expect(typeof reader.tokens.refresh_token).toBe('string')
    const [own, ...others] = await grantsOf(reader)
    expect(own).toMatchObject({
      username: 'ada',
      clientName: 'Operator’s console',
      server: 'api',
      scopes: ['api:read'],
      status: 'live',
    })
    expect(others).toEqual([])

    const refused = await reader.ask('DELETE', `/grants/${own?.grantId ?? ''}`).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(oauth.WWWAuthenticateChallengeError)
    const [challenge] = (refused as oauth.WWWAuthenticateChallengeError).cause
    expect(challenge).toMatchObject({
      scheme: 'bearer',
      parameters: {
        error: 'insufficient_scope',
        scope: 'api:read api:write',
        resource_metadata: `${origin}/.well-known/oauth-protected-resource/api/v1`,
      },
    })

    const writer = await connect(new URL(`${origin}/api/v1`), challenge?.parameters.scope ?? '')
    expect(writer.tokens).toMatchObject({ scope: 'api:read api:write', expires_in: 300 })
    expect(writer.tokens.refresh_token).toBeUndefined()
    expect((await grantsOf(writer)).map(({ server }) => server)).toEqual(['api', 'api'])
    const revoked = await writer.ask('DELETE', `/grants/${own?.grantId ?? ''}`)
    expect(await revoked.json()).toEqual({ revoked: [own?.grantId] })
    await expect(reader.ask('GET', '/grants')).rejects.toThrow(oauth.WWWAuthenticateChallengeError)
    expect((await grantsOf(writer)).map(({ grantId }) => grantId)).not.toContain(own?.grantId)

    const records = await world.log('&server=api')
    expect(records.map(({ activity, outcome }) => `${activity} ${outcome}`)).toEqual(
      expect.arrayContaining(['consent success', 'token.issue success']),
    )
    expect(await world.log('&activity=grant.revoke')).toMatchObject([
      { outcome: 'success', clientId: writer.client.client_id },
    ])
  })

  it('may end its own access when it is done', async () => {
    const writer = await connect(new URL(`${origin}/api/v1`), 'api:write')
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(writer.server, writer.client, oauth.None(), writer.tokens.access_token, insecure),
    )
    await expect(writer.ask('GET', '/grants')).rejects.toThrow(oauth.WWWAuthenticateChallengeError)
  })
})
