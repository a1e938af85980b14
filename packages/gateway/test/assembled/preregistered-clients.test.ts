import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { authorizeClient, initialize, REDIRECT_URI, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

const SECRET = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

let upstream: ScriptedUpstream
let world: WholeGateway
let origin: string
let ada: Person
let keys: Awaited<ReturnType<typeof generateKeyPair>>
let configuration: (clients: Readonly<Record<string, unknown>>) => string

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  keys = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256' }
  const redirectUris = [REDIRECT_URI]
  const clients = {
    desk: { name: 'Desk', redirectUris },
    basic: { name: 'Basic', redirectUris, authMethod: 'client_secret_basic', secret: '${file:secret}' },
    post: { name: 'Post', redirectUris, authMethod: 'client_secret_post', secret: '${file:secret}' },
    signer: { name: 'Signer', redirectUris, authMethod: 'private_key_jwt', jwks: [jwk] },
    service: {
      name: 'Service',
      grantTypes: ['client_credentials'],
      authMethod: 'client_secret_post',
      secret: '${file:secret}',
      scopes: ['files:read'],
    },
  }
  let publicUrl = ''
  configuration = (given) =>
    JSON.stringify({
      version: 1,
      gateway: { publicUrl },
      registration: { mode: 'closed' },
      clients: given,
      servers: { files: { http: { url: upstream.url, network: 'loopback' } } },
    })
  world = await startWholeGateway(
    (port) => {
      publicUrl = `http://127.0.0.1:${port}`
      return configuration(clients)
    },
    { files: { secret: SECRET } },
  )
  origin = `http://127.0.0.1:${world.port}`
  ada = await world.addUser('ada')
})
afterAll(async () => {
  await world.close()
  await upstream.close()
})

async function assertion(claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({
    iss: 'signer',
    sub: 'signer',
    aud: origin,
    jti: `jti-${Math.random()}`,
    iat: now,
    exp: now + 60,
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .sign(keys.privateKey)
}

async function codeOf(clientId: string) {
  const { callback, verifier } = await authorizeClient(fetch, `${origin}/oauth/authorize`, clientId, ada, {
    resource: `${origin}/mcp/files`,
    scope: 'files:read',
  })
  return { code: callback.searchParams.get('code') ?? '', code_verifier: verifier }
}

async function redeem(
  clientId: string,
  proof: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await fetch(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      ...(await codeOf(clientId)),
      redirect_uri: REDIRECT_URI,
      ...('authorization' in headers ? {} : { client_id: clientId }),
      ...proof,
    }).toString(),
  })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` })

describe('a client of the configuration, while nobody else may register', () => {
  it('gets in as configured: public, by secret in either place, by signature', async () => {
    for (const answer of [
      await redeem('desk'),
      await redeem('basic', {}, basic('basic', SECRET)),
      await redeem('post', { client_secret: SECRET }),
      await redeem('signer', { client_assertion_type: ASSERTION, client_assertion: await assertion() }),
    ]) {
      expect(answer).toMatchObject({ status: 200, body: { scope: 'files:read', refresh_token: expect.any(String) } })
      expect((await initialize(fetch, `${origin}/mcp/files`, answer.body['access_token'] ?? '')).status).toBe(200)
    }
  })

  it('does not get in by any other proof than its own', async () => {
    const refusals = [
      await redeem('basic'),
      await redeem('basic', {}, basic('basic', `${SECRET}0`)),
      await redeem('post', {}, basic('post', SECRET.toUpperCase())),
      await redeem('post'),
      await redeem('post', { client_secret: SECRET.slice(1) }),
      await redeem('signer', { client_secret: SECRET }),
      await redeem('signer', {
        client_assertion_type: ASSERTION,
        client_assertion: await assertion({ aud: 'https://x' }),
      }),
    ]
    for (const answer of refusals) {
      expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client'])
      expect(answer.body['access_token']).toBeUndefined()
    }
  })

  it('does not get grants that it was not configured for', async () => {
    const body = { client_id: 'post', client_secret: SECRET, scope: 'files:read', resource: `${origin}/mcp/files` }
    const service = await requestToken(fetch, `${origin}/oauth/token`, { ...body, grant_type: 'client_credentials' })
    expect([400, 401]).toContain(service.status)
    const page = await fetch(
      `${origin}/oauth/authorize?client_id=service&response_type=code&redirect_uri=${encodeURIComponent(REDIRECT_URI)}`,
      { redirect: 'manual' },
    )
    expect([page.status, page.headers.get('location')]).toEqual([400, null])
  })

  it('is sent nowhere but to its own addresses', async () => {
    const away = await fetch(
      `${origin}/oauth/authorize?client_id=desk&response_type=code&redirect_uri=https%3A%2F%2Fevil.example%2F&state=s`,
      { redirect: 'manual' },
    )
    expect([away.status, away.headers.get('location')]).toEqual([400, null])
  })

  it('is shown among the clients, and neither approved nor removed anywhere but in the file', async () => {
    const list = JSON.parse((await world.admin('GET', '/clients')).text) as { items: Record<string, unknown>[] }
    expect(list.items.map(({ clientId, kind, status, name }) => [clientId, kind, status, name])).toEqual([
      ['desk', 'preregistered', 'active', 'Desk'],
      ['basic', 'preregistered', 'active', 'Basic'],
      ['post', 'preregistered', 'active', 'Post'],
      ['signer', 'preregistered', 'active', 'Signer'],
      ['service', 'preregistered', 'active', 'Service'],
    ])
    expect(JSON.stringify(list)).not.toContain(SECRET)
    for (const [method, path] of [
      ['POST', '/clients/desk/approve'],
      ['DELETE', '/clients/desk'],
    ] as const) {
      const answer = await world.admin(method, path)
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
        409,
        { error: { code: 'clientInConfiguration' } },
      ])
    }
    expect((await redeem('desk')).status).toBe(200)
  })

  it('is unknown from the moment that the file no longer names it, its refresh tokens included', async () => {
    const { body } = await redeem('desk')
    await world.reconfigure(configuration({}))
    const refreshed = await requestToken(fetch, `${origin}/oauth/token`, {
      grant_type: 'refresh_token',
      refresh_token: body['refresh_token'] ?? '',
      client_id: 'desk',
    })
    expect([refreshed.status, await refreshed.json()]).toMatchObject([401, { error: 'invalid_client' }])
    const page = await fetch(`${origin}/oauth/authorize?client_id=desk&response_type=code`, { redirect: 'manual' })
    expect([page.status, (await page.text()).includes('This app is not known here')]).toEqual([400, true])
  })
})
