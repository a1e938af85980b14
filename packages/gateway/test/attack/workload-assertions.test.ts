import { createServer, type Server } from 'node:http'
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dpopKey } from '../support/dpop-key.ts'
import { type GrantsGateway, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const CI = 'https://ci.example'
const CLUSTER = 'https://cluster.example'

/** Workloads that show their platform's word (RFC 7523), against everybody else at the platform, and everybody who has a copy. */
describe('an assertion of a workload', () => {
  let world: GrantsGateway
  let published: { keys: Record<string, unknown>[]; status: number; asked: number }
  let keyServer: Server
  let audience: string
  beforeAll(async () => {
    published = { keys: [], status: 200, asked: 0 }
    keyServer = createServer((_, response) => {
      published.asked += 1
      response.writeHead(published.status, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ keys: published.keys }))
    })
    await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve))
    const address = keyServer.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    world = await startGrantsGateway(({ jwk }) => ({
      clients: {
        service: {
          name: 'Service',
          grantTypes: ['client_credentials', GRANT],
          authMethod: 'client_secret_post',
          secret: '${file:secret}',
          scopes: ['notes:read'],
        },
      },
      trustedIssuers: {
        ci: {
          issuer: CI,
          jwks: [jwk],
          workloads: {
            release: {
              claims: { repository: 'acme/app', ref: ['refs/heads/main', 'refs/heads/next'] },
              scopes: ['files:write'],
            },
            nightly: { claims: { repository: 'acme/app', event: 'schedule' }, scopes: ['files:read'] },
          },
        },
        // Answers nobody: where its keys are there is nothing.
        down: {
          issuer: 'https://down.example',
          jwksUri: 'http://127.0.0.1:1/keys',
          network: 'loopback',
          identityAssertions: {},
          workloads: { agent: { claims: { sub: 'agent' }, scopes: ['files:read'] } },
        },
        cluster: {
          issuer: CLUSTER,
          jwksUri: `http://127.0.0.1:${port}/keys`,
          network: 'loopback',
          workloads: {
            agent: {
              audience: 'mcp',
              claims: { sub: 'system:serviceaccount:agents:one' },
              scopes: ['notes:read'],
              repeatable: true,
            },
          },
        },
      },
    }))
    audience = world.origin
  })
  afterAll(async () => {
    await world.close()
    await new Promise((resolve) => keyServer.close(resolve))
  })

  const good = { iss: CI, repository: 'acme/app', ref: 'refs/heads/main' }
  const assertion = (claims: Record<string, unknown> = {}) =>
    world.assertion('repo:acme/app', { ...good, aud: audience, ...claims })
  const bring = (text: string, change: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    world.ask({ grant_type: GRANT, assertion: text, resource: world.resource('files'), ...change }, headers)
  const now = () => Math.floor(Date.now() / 1000)

  it('gives what the configuration gives that workload, once', async () => {
    const text = await assertion()
    const answer = await bring(text)
    expect(answer.body).toMatchObject({ token_type: 'Bearer', scope: 'files:write', expires_in: 900 })
    expect(answer.body['refresh_token']).toBeUndefined()
    const token = String(answer.body['access_token'])
    expect(decodeJwt(token)).toMatchObject({ client_id: 'workload:ci:release', sub: expect.stringMatching(/^svc_/) })
    expect(await world.call('files', token, 'write_thing')).toBe(200)
    expect(await world.call('files', token, 'delete_thing')).toBe(403)
    const again = await bring(text)
    expect([again.status, again.body['error']]).toEqual([400, 'invalid_grant'])
    expect((await world.gateway.log()).map(({ reason }) => reason)).toContain('assertionReplayed')
  })

  it('sent eight times at once gives one token', async () => {
    const text = await assertion()
    const answers = await Promise.all(Array.from({ length: 8 }, () => bring(text)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body['error']))).toEqual(new Set([undefined, 'invalid_grant']))
  })

  it('is not used up by a request that was refused for something else', async () => {
    const text = await assertion()
    expect((await bring(text, { scope: 'files:admin' })).body['error']).toBe('invalid_scope')
    expect((await bring(text, { resource: world.resource('notes') })).body['error']).toBe('invalid_target')
    const key = await dpopKey()
    const asked = await bring(text, {}, { dpop: await key.proof({ htu: world.token }) })
    expect(asked.body['error']).toBe('use_dpop_nonce')
    const nonce = asked.headers.get('dpop-nonce') ?? ''
    const bound = await bring(text, {}, { dpop: await key.proof({ htu: world.token, nonce }) })
    expect([bound.status, bound.body['token_type']]).toEqual([200, 'DPoP'])
  })

  it.each<[string, () => Record<string, unknown>, string]>([
    ['another repository', () => ({ repository: 'evil/app' }), 'workloadUnknown'],
    ['another branch', () => ({ ref: 'refs/heads/evil' }), 'workloadUnknown'],
    ['a branch that begins alike', () => ({ ref: 'refs/heads/main2' }), 'workloadUnknown'],
    ['a list of branches', () => ({ ref: ['refs/heads/main'] }), 'workloadUnknown'],
    ['a claim that is missing', () => ({ ref: undefined }), 'workloadUnknown'],
    ['two workloads at once', () => ({ event: 'schedule' }), 'workloadAmbiguous'],
    ['another audience', () => ({ aud: 'https://other.example' }), 'assertionForOthers'],
    ['the audience of another workload', () => ({ aud: 'mcp' }), 'assertionForOthers'],
    ['no audience', () => ({ aud: undefined }), 'assertionForOthers'],
    ['an issuer nobody trusts', () => ({ iss: 'https://evil.example' }), 'assertionIssuerUnknown'],
    ['an issuer spelled otherwise', () => ({ iss: `${CI}/` }), 'assertionIssuerUnknown'],
    ['another trusted issuer', () => ({ iss: CLUSTER, aud: 'mcp', sub: 'system:serviceaccount:agents:one' }), ''],
    ['the past', () => ({ exp: now() - 1 }), 'assertionExpired'],
    ['the future', () => ({ iat: now() + 120, exp: now() + 180 }), 'assertionFromFuture'],
    ['not yet', () => ({ nbf: now() + 120 }), 'assertionNotYetValid'],
    ['two hours', () => ({ exp: now() + 7_200 }), 'assertionLivesTooLong'],
    ['no end', () => ({ exp: undefined }), 'assertionClaimMissing'],
    ['no beginning', () => ({ iat: undefined }), 'assertionClaimMissing'],
    ['no name', () => ({ jti: undefined }), 'assertionClaimMissing'],
    ['no subject', () => ({ sub: undefined }), 'assertionClaimMissing'],
    ['times that are text', () => ({ exp: `${now() + 60}` }), 'assertionClaimMissing'],
  ])('of %s gives nothing', async (_, claims, reason) => {
    const answer = await bring(await assertion(claims()))
    // Keys that cannot be had are the one thing that may be tried again.
    if (reason === '') return expect([400, 503]).toContain(answer.status)
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_grant'])
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect((await world.gateway.log()).map((record) => record.reason)).toContain(reason)
  })

  it('is signed by its issuer, with an algorithm and a key that are known', async () => {
    const stranger = await generateKeyPair('ES256')
    const claims = { ...good, sub: 's', aud: audience, iat: now(), exp: now() + 60 }
    const signed = (header: Record<string, unknown>, key: Parameters<SignJWT['sign']>[0]) =>
      new SignJWT({ ...claims, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256', kid: 'k', ...header })
        .sign(key)
    const jwk = await exportJWK(stranger.publicKey)
    const text = await assertion()
    const [head = '', body = '', signature = ''] = text.split('.')
    const other = Buffer.from(JSON.stringify({ ...claims, jti: 'j', ref: 'refs/heads/main' })).toString('base64url')
    const twice = Buffer.from(`{"iss":"${CI}","iss":"${CI}"}`).toString('base64url')
    const attempts = [
      await signed({}, stranger.privateKey),
      await signed({ jwk }, stranger.privateKey),
      await signed({ jku: 'https://evil.example/keys', kid: 'evil' }, stranger.privateKey),
      await signed({ alg: 'HS256' }, new TextEncoder().encode(JSON.stringify(world.jwk))),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.${signature}`,
      `${head}.${other}.${signature}`,
      `${head}.${twice}.${signature}`,
      `${text}=`,
      `${text}.x`,
      `${head}..${signature}`,
      'x'.repeat(20_000),
      'not a token',
    ]
    for (const attempt of attempts) {
      const answer = await bring(attempt)
      expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_grant'])
    }
  })

  it('whose issuer’s keys cannot be had is answered 503, about programs and people alike: nothing is known about it', async () => {
    const claims = { iss: 'https://down.example', sub: 'agent', aud: audience, iat: now(), exp: now() + 60, jti: 'j' }
    const sign = (typ?: string) =>
      new SignJWT({ ...claims, client_id: 'service' })
        .setProtectedHeader({ alg: 'ES256', kid: 'k', ...(typ === undefined ? {} : { typ }) })
        .sign(world.key)
    const service = { client_id: 'service', client_secret: SECRET }
    for (const answer of [await bring(await sign()), await bring(await sign('oauth-id-jag+jwt'), service)]) {
      expect([answer.status, answer.body['error']]).toEqual([503, 'temporarily_unavailable'])
      expect(answer.headers.get('retry-after')).not.toBeNull()
      expect(answer.body['access_token']).toBeUndefined()
    }
  })

  it('helps nobody to be a workload by its name, and no client to be another', async () => {
    const text = await assertion()
    for (const change of [
      { client_id: 'workload:ci:release' },
      { client_id: 'workload:ci:nightly' },
      { client_id: 'service', client_secret: SECRET },
    ]) {
      const answer = await bring(text, change)
      expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_grant'])
    }
    for (const grant_type of ['client_credentials', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code']) {
      const answer = await world.ask({
        grant_type,
        client_id: 'workload:ci:release',
        refresh_token: 'x',
        device_code: 'x',
      })
      expect([answer.status, answer.body['error']]).toEqual([400, 'unauthorized_client'])
    }
    const page = await fetch(`${world.origin}/oauth/authorize?client_id=workload%3Aci%3Arelease&response_type=code`, {
      redirect: 'manual',
    })
    expect([page.status, page.headers.get('location')]).toEqual([400, null])
    expect((await bring(text)).status).toBe(200)
  })

  it('that names unknown keys has its issuer asked for them once a minute, however many come', async () => {
    const stranger = await generateKeyPair('ES256')
    const claims = { iss: CLUSTER, sub: 'system:serviceaccount:agents:one', aud: 'mcp', iat: now(), exp: now() + 60 }
    for (let count = 0; count < 20; count += 1) {
      const header = { alg: 'ES256', kid: `key-${count}` }
      const answer = await bring(await new SignJWT(claims).setProtectedHeader(header).sign(stranger.privateKey))
      expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_grant'])
    }
    expect(published.asked).toBeLessThanOrEqual(2)
  })

  it('stops giving anything when the configuration no longer names it', async () => {
    const { body } = await bring(await assertion())
    const token = String(body['access_token'])
    expect(await world.call('files', token, 'get_thing')).toBe(200)
    await world.gateway.reconfigure(world.configuration({ trustedIssuers: {} }))
    expect(await world.call('files', token, 'get_thing')).toBe(401)
    expect((await bring(await assertion())).body['error']).toBe('invalid_grant')
    await world.gateway.reconfigure(world.configuration())
  })

  it.each(['assertion', 'grant_type', 'scope', 'resource'])(
    'is not taken where %s is missing or comes twice',
    async (name) => {
      const fields = new URLSearchParams({
        grant_type: GRANT,
        assertion: await assertion(),
        scope: 'files:read',
        resource: world.resource('files'),
      })
      fields.append(name, 'second')
      const ask = (form: URLSearchParams) =>
        fetch(world.token, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: form.toString(),
        })
      const twice = await ask(fields)
      expect([twice.status, ((await twice.json()) as Record<string, string>)['error']]).toEqual([
        400,
        'invalid_request',
      ])
      if (name === 'scope' || name === 'resource') return
      fields.delete(name)
      const missing = await ask(fields)
      expect([missing.status, ((await missing.json()) as Record<string, string>)['error']]).toEqual([
        400,
        'invalid_request',
      ])
    },
  )
})
