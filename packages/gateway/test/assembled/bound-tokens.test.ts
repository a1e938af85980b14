import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeAsPerson, type Person } from '../e2e/support/authorize.ts'
import { ScriptedBrowser } from '../e2e/support/browser.ts'
import { type DpopKey, dpopKey } from '../support/dpop-key.ts'
import { portOf, type Replicas, startReplicas } from '../support/replicas.ts'
import { fetchThrough, REDIRECT_URI } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/** A strict client that knows DPoP and nothing of us, against the gateway as `serve` puts it together, on both engines. */

const STATE = 'state-of-the-client'
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'strict', version: '1' } },
})
const MCP_HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

interface World {
  readonly origin: string
  readonly upstream: ScriptedUpstream
  readonly gateways: readonly WholeGateway[]
  /** To any of the gateways, in turn. */
  readonly send: typeof fetch
  /** To this one. */
  readonly sendTo: (index: number) => typeof fetch
  close(): Promise<void>
}

const serversYaml = (upstream: ScriptedUpstream) =>
  `servers:\n  notes: { senderConstraint: dpop, http: { url: '${upstream.url}', network: loopback } }\n`

async function onSqlite(): Promise<World> {
  const upstream = await startScriptedUpstream(() => false)
  const gateway = await startWholeGateway(
    (port) => `version: 1\ngateway: { publicUrl: 'http://127.0.0.1:${port}' }\n${serversYaml(upstream)}`,
  )
  return {
    origin: `http://127.0.0.1:${gateway.port}`,
    upstream,
    gateways: [gateway],
    send: fetch,
    sendTo: () => fetch,
    close: async () => {
      await gateway.close()
      await upstream.close()
    },
  }
}

async function onPostgres(): Promise<World> {
  const upstream = await startScriptedUpstream(() => false)
  const replicas: Replicas = await startReplicas(2, serversYaml(upstream))
  const sendTo = (index: number) => {
    const gateway = replicas.all[index]
    if (gateway === undefined) throw new Error('no such replica')
    return fetchThrough({ port: portOf(replicas, gateway), ca: null })
  }
  let turn = 0
  return {
    origin: replicas.origin,
    upstream,
    gateways: replicas.all,
    send: (input, init) => {
      turn += 1
      return sendTo(turn % 2)(input, init)
    },
    sendTo,
    close: async () => {
      await replicas.close()
      await upstream.close()
    },
  }
}

describe.each([
  ['SQLite', onSqlite],
  ['two gateways on PostgreSQL', onPostgres],
])('tokens bound to a key, on %s', (_, open) => {
  let world: World
  let person: Person
  let options: {
    [oauth.allowInsecureRequests]: boolean
    [oauth.customFetch]: (url: string, init: object) => Promise<Response>
  }
  beforeAll(async () => {
    world = await open()
    const [gateway] = world.gateways
    if (gateway === undefined) throw new Error('no gateway')
    person = await gateway.addUser('ada')
    options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: (url, init) => world.send(url, init) }
  })
  afterAll(() => world.close())

  /** As the library asks its users to: once more where the server wants another nonce. */
  async function withNonce<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      if (!oauth.isDPoPNonceError(error)) throw error
      return await ask()
    }
  }

  async function connect() {
    const endpoint = new URL(`${world.origin}/mcp/notes`)
    const resource = await oauth.processResourceDiscoveryResponse(
      endpoint,
      await oauth.resourceDiscoveryRequest(endpoint, options),
    )
    expect(resource.dpop_bound_access_tokens_required).toBe(true)
    expect(resource.dpop_signing_alg_values_supported).toContain('ES256')
    const issuer = new URL(resource.authorization_servers?.[0] ?? '')
    const server = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' }),
    )
    expect(server.dpop_signing_alg_values_supported).toContain('ES256')
    const metadata = {
      client_name: 'Strict client',
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      dpop_bound_access_tokens: true,
    }
    const client = await oauth.processDynamicClientRegistrationResponse(
      await oauth.dynamicClientRegistrationRequest(server, metadata, options),
    )
    expect(client['dpop_bound_access_tokens']).toBe(true)

    const keys = await oauth.generateKeyPair('ES256', { extractable: true })
    const DPoP = oauth.DPoP({}, keys)
    const verifier = oauth.generateRandomCodeVerifier()
    const url = new URL(server.authorization_endpoint ?? '')
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: REDIRECT_URI,
      scope: 'notes:read notes:write',
      state: STATE,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      resource: resource.resource,
      dpop_jkt: await DPoP.calculateThumbprint(),
    }).toString()
    const browser = new ScriptedBrowser(world.origin, world.send)
    const callback = oauth.validateAuthResponse(
      server,
      client,
      await authorizeAsPerson(url.href, person, { browser }),
      STATE,
    )
    const tokens = await withNonce(async () =>
      oauth.processAuthorizationCodeResponse(
        server,
        client,
        await oauth.authorizationCodeGrantRequest(server, client, oauth.None(), callback, REDIRECT_URI, verifier, {
          ...options,
          DPoP,
          additionalParameters: { resource: resource.resource },
        }),
      ),
    )
    const call = (token: string) =>
      withNonce(() =>
        oauth.protectedResourceRequest(token, 'POST', endpoint, new Headers(MCP_HEADERS), INITIALIZE, {
          ...options,
          DPoP,
        }),
      )
    const refresh = (refreshToken: string, by = DPoP) =>
      withNonce(async () =>
        oauth.processRefreshTokenResponse(
          server,
          client,
          await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refreshToken, { ...options, DPoP: by }),
        ),
      )
    const key = await dpopKey('ES256', keys)
    return { key, tokens: { ...tokens, clientId: client.client_id }, call, refresh, endpoint }
  }

  it('are given for a code and a refresh token, and let their holder in', async () => {
    const { tokens, call, refresh } = await connect()
    expect(tokens.token_type).toBe('dpop')
    expect((await call(tokens.access_token)).status).toBe(200)
    const next = await refresh(tokens.refresh_token ?? '')
    expect(next.token_type).toBe('dpop')
    expect((await call(next.access_token)).status).toBe(200)
  })

  it('one nonce serves the token endpoint and the servers, at every gateway', async () => {
    const { tokens, key, endpoint } = await connect()
    const tokenUrl = `${world.origin}/oauth/token`
    const askToken = async (send: typeof fetch, nonce?: string) =>
      await send(tokenUrl, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          dpop: await key.proof({ htu: tokenUrl, ...(nonce === undefined ? {} : { nonce }) }),
        },
        body: `grant_type=refresh_token&refresh_token=none&client_id=${tokens.clientId}`,
      })
    const last = world.gateways.length - 1
    const wanted = await askToken(world.sendTo(0))
    expect(await wanted.json()).toMatchObject({ error: 'use_dpop_nonce' })
    const nonce = wanted.headers.get('dpop-nonce') ?? ''
    expect((await show(world.sendTo(last), endpoint, tokens.access_token, key, { nonce })).status).toBe(200)
    const again = await show(world.sendTo(last), endpoint, tokens.access_token, key, {})
    const second = again.headers.get('dpop-nonce') ?? ''
    expect([again.status, second]).toEqual([401, expect.stringMatching(/^[\w-]{43}$/)])
    expect(await (await askToken(world.sendTo(0), second)).json()).toMatchObject({ error: 'invalid_grant' })
  })

  it('are worth nothing to a thief: as bearer tokens, with another key, or refreshed with another', async () => {
    const { tokens, refresh, endpoint } = await connect()
    const before = world.upstream.seen.length
    const bearer = await world.send(endpoint, {
      method: 'POST',
      headers: { ...MCP_HEADERS, authorization: `Bearer ${tokens.access_token}` },
      body: INITIALIZE,
    })
    expect([bearer.status, bearer.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^DPoP /)])
    const thief = oauth.DPoP({}, await oauth.generateKeyPair('ES256'))
    await expect(
      oauth.protectedResourceRequest(tokens.access_token, 'POST', endpoint, new Headers(MCP_HEADERS), INITIALIZE, {
        ...options,
        DPoP: thief,
      }),
    ).rejects.toThrow(oauth.WWWAuthenticateChallengeError)
    await expect(refresh(tokens.refresh_token ?? '', thief)).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(world.upstream.seen).toHaveLength(before)
    expect((await refresh(tokens.refresh_token ?? '')).token_type).toBe('dpop')
  })

  it('a proof that was seen is used once, also when all gateways are shown it at once', async () => {
    const { tokens, key, endpoint } = await connect()
    const first = await show(world.send, endpoint, tokens.access_token, key, {})
    const nonce = first.headers.get('dpop-nonce') ?? ''
    const before = world.upstream.of('initialize').length
    const proof = await key.proof({ htu: endpoint.href, token: tokens.access_token, nonce })
    const answers = await Promise.all(
      Array.from({ length: 8 }, (__, index) =>
        show(world.sendTo(index % world.gateways.length), endpoint, tokens.access_token, key, proof),
      ),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401, 401, 401, 401, 401, 401, 401])
    expect(world.upstream.of('initialize').length - before).toBe(1)
    const [gateway] = world.gateways
    const reasons = (await gateway?.log('&activity=authenticate'))?.map(({ reason }) => reason)
    expect(reasons).toContain('proofInvalid: proofReplayed')
  })
})

/** One request as a client makes it, with this proof or one of these claims. */
async function show(
  send: typeof fetch,
  endpoint: URL,
  token: string,
  key: DpopKey,
  proof: string | Record<string, unknown>,
): Promise<Response> {
  const dpop = typeof proof === 'string' ? proof : await key.proof({ htu: endpoint.href, token, ...proof })
  const answer = await send(endpoint, {
    method: 'POST',
    headers: { ...MCP_HEADERS, authorization: `DPoP ${token}`, dpop },
    body: INITIALIZE,
  })
  await answer.text()
  return answer
}
