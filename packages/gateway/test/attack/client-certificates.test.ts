import { createPublicKey } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { Agent, request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { freePort } from '../e2e/support/gateway.ts'
import { rootCertificate, type TestCertificate } from '../support/certificates.ts'
import { dpopKey } from '../support/dpop-key.ts'
import { newPlace, removePlace, storeYaml } from '../support/postgres/place.ts'
import {
  authorizeClient,
  fetchThrough,
  type IssuedTokens,
  initialize,
  logInScripted,
  post,
  REDIRECT_URI,
  requestToken,
} from '../support/scripted-client.ts'
import { selfSignedCertificate } from '../support/self-signed.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/** Tokens bound to client certificates, and clients that authenticate with one (RFC 8705), against those who have other certificates. */

const P = 'https://mcp.example.com'
const M = 'https://mtls.example.com'
const DAY_MS = 86_400_000
const SPIFFE = 'spiffe://example/billing'
const SECRET = 'a-secret-of-the-proxy-that-is-long-enough-to-be-one'

const authority = rootCertificate()
const stranger = rootCertificate()
const ours = authority.issue({ commonName: 'agent one', uris: [SPIFFE] })
const another = authority.issue({ commonName: 'agent two', uris: ['spiffe://example/other'] })
const expired = authority.issue({
  uris: [SPIFFE],
  notBeforeMs: Date.now() - 2 * DAY_MS,
  notAfterMs: Date.now() - DAY_MS,
})
const unknown = stranger.issue({ commonName: 'agent one', uris: [SPIFFE] })
const forServers = authority.issue({ uris: [SPIFFE], isForServers: true })
const lonely = rootCertificate({ isAuthority: false, commonName: 'lonely' })
const NOBODYS = [unknown, expired, forServers, lonely]

let server: { readonly key: string; readonly cert: string }

interface World {
  readonly gateway: WholeGateway
  readonly upstream: ScriptedUpstream
  readonly person: Person
  /** The port that asks for certificates; null where a proxy does. */
  readonly certificatePort: number | null
  /** To P, as browsers and clients without a certificate come. */
  readonly plain: typeof fetch
  /** To M with this certificate, or with none. */
  with(certificate: TestCertificate | null): typeof fetch
  close(): Promise<void>
}

/** Our own TLS: a second listener asks for certificates. */
async function direct(): Promise<World> {
  server = selfSignedCertificate(['mcp.example.com', 'mtls.example.com'])
  const upstream = await startScriptedUpstream(() => false)
  const second = await freePort()
  const gateway = await startWholeGateway(
    (port) =>
      [
        'version: 1',
        'gateway:',
        `  publicUrl: '${P}'`,
        `  listen: { port: ${port} }`,
        '  tls: { certificateFile: cert.pem, privateKeyFile: key.pem }',
        `  mutualTls: { publicUrl: '${M}', listen: { port: ${second} }, authorityFile: clients.pem }`,
        serversYaml(upstream),
      ].join('\n'),
    { files: { 'cert.pem': server.cert, 'key.pem': server.key, 'clients.pem': authority.cert } },
  )
  return {
    gateway,
    upstream,
    person: await gateway.addUser('ada', ['user']),
    certificatePort: second,
    plain: fetchThrough({ port: gateway.port, ca: server.cert }),
    with: (certificate) =>
      fetchThrough({ port: second, ca: server.cert, ...(certificate === null ? {} : { certificate }) }),
    close: async () => {
      await gateway.close()
      await upstream.close()
    },
  }
}

/** A proxy ends TLS and hands certificates on; the store is PostgreSQL. */
async function proxied(): Promise<World> {
  const upstream = await startScriptedUpstream(() => false)
  const place = await newPlace()
  const store = storeYaml(place)
  const gateway = await startWholeGateway(
    (port) =>
      [
        'version: 1',
        'gateway:',
        `  publicUrl: '${P}'`,
        `  listen: { port: ${port} }`,
        "  trustedProxies: ['127.0.0.1']",
        '  mutualTls:',
        `    publicUrl: '${M}'`,
        '    authorityFile: clients.pem',
        "    proxy: { addresses: ['127.0.0.1'], secret: '${file:proxy-secret}' }",
        `${store.yaml}${serversYaml(upstream)}`,
      ].join('\n'),
    { files: { ...store.files, 'clients.pem': authority.cert, 'proxy-secret': SECRET } },
  )
  const through = (headers: Record<string, string>) =>
    fetchThrough({ port: gateway.port, ca: null, headers: { 'x-forwarded-for': '203.0.113.5', ...headers } })
  return {
    gateway,
    upstream,
    person: await gateway.addUser('ada', ['user']),
    certificatePort: null,
    plain: through({}),
    with: (certificate) =>
      through({
        'sallyport-proxy-secret': SECRET,
        ...(certificate === null ? {} : { 'client-cert': certificate.header }),
      }),
    close: async () => {
      await gateway.close()
      await upstream.close()
      await removePlace(place)
    },
  }
}

const serversYaml = (upstream: ScriptedUpstream) =>
  [
    'servers:',
    `  notes: { http: { url: '${upstream.url}', network: loopback } }`,
    `  vault: { senderConstraint: mtls, http: { url: '${upstream.url}', network: loopback } }`,
    '',
  ].join('\n')

const TLS_CLIENT = { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_uri: SPIFFE }

/** What clients do in the world that is there by then. */
function helpersOf(world: () => World) {
  async function register(metadata: Record<string, unknown>): Promise<{ status: number; id: string; body: string }> {
    const answer = await world().plain(`${P}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: 'Machine',
        redirect_uris: [REDIRECT_URI],
        grant_types: ['authorization_code', 'refresh_token'],
        ...metadata,
      }),
    })
    const body = await answer.text()
    const id = String((JSON.parse(body) as Record<string, unknown>)['client_id'])
    if (answer.status === 201) await world().gateway.admin('POST', `/clients/${id}/approve`)
    return { status: answer.status, id, body }
  }

  async function code(clientId: string, resource = `${P}/mcp/notes`) {
    const scope = `${resource.split('/').at(-1)}:read`
    const parameters = { resource, scope }
    const done = await authorizeClient(world().plain, `${P}/oauth/authorize`, clientId, world().person, parameters)
    return {
      grant_type: 'authorization_code',
      code: done.callback.searchParams.get('code') ?? '',
      code_verifier: done.verifier,
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      resource,
    }
  }

  async function redeem(send: typeof fetch, fields: Record<string, string>, at = M) {
    const answer = await requestToken(send, `${at}/oauth/token`, fields)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    return { status: answer.status, body: (await answer.json()) as Record<string, string> }
  }

  async function knock(send: typeof fetch, token: string, at = `${M}/mcp/notes`) {
    const answer = await initialize(send, at, token)
    await answer.text()
    return { status: answer.status, challenge: answer.headers.get('www-authenticate') ?? '' }
  }

  const reasons = async (activity: string) =>
    (await world().gateway.log(`&activity=${activity}`)).map(({ reason }) => reason)

  return { register, code, redeem, knock, reasons }
}

describe.each([
  ['by our own TLS', direct],
  ['by a proxy', proxied],
])('certificates that come %s', (_, open) => {
  let world: World
  beforeAll(async () => {
    world = await open()
  })
  afterAll(() => world.close())
  beforeEach(() => {
    world.upstream.seen.length = 0
  })

  const { register, code, redeem, knock, reasons } = helpersOf(() => world)

  it('metadata says where certificates are asked for', async () => {
    const answer = await world.plain(`${P}/.well-known/oauth-authorization-server`)
    expect(await answer.json()).toMatchObject({
      issuer: P,
      token_endpoint: `${P}/oauth/token`,
      mtls_endpoint_aliases: { token_endpoint: `${M}/oauth/token` },
      tls_client_certificate_bound_access_tokens: true,
    })
  })

  it('a client is known by its certificate, its tokens are bound to it, and the log names machine and user', async () => {
    const { id } = await register(TLS_CLIENT)
    const fields = await code(id)
    const first = await redeem(world.with(ours), fields)
    expect(first.body).toMatchObject({ token_type: 'Bearer' })
    expect(decodeJwt(first.body['access_token'] ?? '')).toMatchObject({ iss: P, cnf: { 'x5t#S256': ours.x5t } })
    expect((await knock(world.with(ours), first.body['access_token'] ?? '')).status).toBe(200)
    expect(world.upstream.of('initialize')).toHaveLength(1)
    const records = await world.gateway.exportLog()
    const accepted = records.split('\n').filter((line) => line.includes('authenticate') && line.includes(ours.x5t))
    expect(accepted.length).toBeGreaterThan(0)
    const refreshed = await redeem(world.with(ours), {
      grant_type: 'refresh_token',
      refresh_token: first.body['refresh_token'] ?? '',
      client_id: id,
    })
    expect(decodeJwt(refreshed.body['access_token'] ?? '')).toMatchObject({ cnf: { 'x5t#S256': ours.x5t } })
  })

  it('nothing of certificate, secret or token reaches the server behind', async () => {
    const { id } = await register(TLS_CLIENT)
    const { body } = await redeem(world.with(ours), await code(id))
    await knock(world.with(ours), body['access_token'] ?? '')
    const seen = JSON.stringify(world.upstream.seen)
    expect(world.upstream.seen.length).toBeGreaterThan(0)
    for (const secret of [ours.header.slice(1, 60), SECRET, ours.x5t, body['access_token']?.slice(0, 40) ?? 'none'])
      expect(seen).not.toContain(secret)
    expect(seen.toLowerCase()).not.toContain('client-cert')
    const log = await world.gateway.exportLog()
    for (const secret of [SECRET, body['access_token']?.slice(0, 40) ?? 'none']) expect(log).not.toContain(secret)
  })

  it('a token that was stolen is worth nothing without the certificate, or with another', async () => {
    const { id } = await register(TLS_CLIENT)
    const { body } = await redeem(world.with(ours), await code(id))
    const token = body['access_token'] ?? ''
    world.upstream.seen.length = 0
    const tries: [typeof fetch, string][] = [
      [world.plain, `${P}/mcp/notes`],
      [world.with(null), `${M}/mcp/notes`],
      ...[another, ...NOBODYS].map((certificate): [typeof fetch, string] => [
        world.with(certificate),
        `${M}/mcp/notes`,
      ]),
    ]
    for (const [send, at] of tries) {
      const { status, challenge } = await knock(send, token, at)
      expect([status, challenge]).toEqual([401, expect.stringMatching(/^Bearer .*error="invalid_token"/)])
    }
    // A key in its place is no certificate.
    const key = await dpopKey()
    const dpop = await key.proof({ htu: `${M}/mcp/notes`, token })
    const asDpop = await post(world.with(ours), `${M}/mcp/notes`, null, {}, { authorization: `DPoP ${token}`, dpop })
    expect(asDpop.status).toBe(401)
    expect(world.upstream.seen).toEqual([])
    expect(await reasons('authenticate')).toEqual(
      expect.arrayContaining(['senderUnproven: certificateMissing', 'senderUnproven: certificateMismatch']),
    )
    expect((await knock(world.with(ours), token)).status).toBe(200)
  })

  it('nobody else is that client: without a certificate, with another, one of nobody we know, an expired one', async () => {
    const { id } = await register(TLS_CLIENT)
    const fields = await code(id)
    for (const certificate of [null, another, ...NOBODYS]) {
      const { status, body } = await redeem(world.with(certificate), fields)
      expect([status, body['error'], body['access_token']]).toEqual([401, 'invalid_client', undefined])
    }
    expect((await redeem(world.plain, fields, P)).status).toBe(401)
    const secret = await requestToken(world.with(ours), `${M}/oauth/token`, { ...fields, client_secret: 'guess' })
    expect(secret.status).toBe(401)
    expect(await reasons('token.issue')).toEqual(
      expect.arrayContaining(['certificateMissing', 'certificateSubjectWrong', 'certificateNotVouchedFor']),
    )
    // The code was not used up by any of them.
    expect((await redeem(world.with(ours), fields)).status).toBe(200)
  })

  it('a refresh token of a public client is bound to the certificate as well', async () => {
    const { id } = await register({ token_endpoint_auth_method: 'none' })
    const first = await redeem(world.with(lonely), await code(id))
    expect(decodeJwt(first.body['access_token'] ?? '')).toMatchObject({ cnf: { 'x5t#S256': lonely.x5t } })
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: first.body['refresh_token'] ?? '',
      client_id: id,
    }
    for (const send of [world.with(null), world.with(ours)]) {
      const { status, body } = await redeem(send, refresh)
      expect([status, body['error']]).toEqual([400, 'invalid_grant'])
    }
    expect((await redeem(world.plain, refresh, P)).status).toBe(400)
    expect((await redeem(world.with(lonely), refresh)).status).toBe(200)
  })

  it('a client whose certificate is its own word is known by that one (self_signed_tls_client_auth)', async () => {
    const key = { ...jwkOf(lonely), x5c: [lonely.header.slice(1, -1)] }
    const { id, status, body } = await register({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [key] },
    })
    expect(status, body).toBe(201)
    const fields = await code(id)
    for (const certificate of [null, ours, rootCertificate({ isAuthority: false, commonName: 'lonely' })])
      expect((await redeem(world.with(certificate), fields)).status).toBe(401)
    expect((await redeem(world.with(lonely), fields)).status).toBe(200)
  })

  it('a certificate that is over is none, also where it was registered itself', async () => {
    const over = rootCertificate({ isAuthority: false, notBeforeMs: 0, notAfterMs: Date.now() - DAY_MS })
    const { id } = await register({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [{ ...jwkOf(over), x5c: [over.header.slice(1, -1)] }] },
    })
    expect((await redeem(world.with(over), await code(id))).body).toMatchObject({ error: 'invalid_client' })
    const open = await register({ token_endpoint_auth_method: 'none' })
    const { body } = await redeem(world.with(over), await code(open.id))
    expect(decodeJwt(body['access_token'] ?? '')['cnf']).toBeUndefined()
  })

  it('registration takes exactly one subject, and keys with their certificates', async () => {
    for (const metadata of [
      { token_endpoint_auth_method: 'tls_client_auth' },
      { ...TLS_CLIENT, tls_client_auth_san_dns: 'x' },
      { ...TLS_CLIENT, tls_client_auth_san_uri: 7 },
      { ...TLS_CLIENT, tls_client_auth_san_uri: 'x'.repeat(2_000) },
      { token_endpoint_auth_method: 'self_signed_tls_client_auth' },
      { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [jwkOf(lonely)] } },
    ]) {
      const { status, body } = await register(metadata)
      expect([status, JSON.parse(body)]).toEqual([400, expect.objectContaining({ error: 'invalid_client_metadata' })])
    }
  })

  it('a client that wants bound tokens only gets no others, and a server that wants them takes no others', async () => {
    const strict = await register({
      token_endpoint_auth_method: 'none',
      tls_client_certificate_bound_access_tokens: true,
    })
    const fields = await code(strict.id)
    const refused = await redeem(world.plain, fields, P)
    expect([refused.status, refused.body['error']]).toEqual([400, 'invalid_grant'])
    expect((await redeem(world.with(ours), fields)).status).toBe(200)

    const { id } = await register({ token_endpoint_auth_method: 'none' })
    const forVault = await code(id, `${P}/mcp/vault`)
    const unbound = await redeem(world.plain, forVault, P)
    expect([unbound.status, unbound.body['error']]).toEqual([400, 'invalid_request'])
    const bound = await redeem(world.with(ours), forVault)
    expect((await knock(world.with(ours), bound.body['access_token'] ?? '', `${M}/mcp/vault`)).status).toBe(200)
  })

  it('bearer token and certificate together: the log names both, also where the token is bound to neither', async () => {
    const { id } = await register({ token_endpoint_auth_method: 'none' })
    const { body } = await redeem(world.plain, await code(id), P)
    const token = body['access_token'] ?? ''
    expect((await knock(world.with(another), token)).status).toBe(200)
    // A name that nobody vouches for is nobody's.
    const nameless = rootCertificate({ isAuthority: false })
    expect((await knock(world.with(nameless), token)).status).toBe(200)
    const log = await world.gateway.exportLog()
    expect([log.includes(another.x5t), log.includes(nameless.x5t)]).toEqual([true, false])
  })

  it('the origin for certificates has no pages for people', async () => {
    for (const path of ['/login/x', '/consent/x', '/oauth/authorize?client_id=x', '/authorize', '/'])
      expect((await world.with(ours)(`${M}${path}`)).status).toBe(404)
    expect((await world.with(ours)(`${M}/oauth/jwks`)).status).toBe(200)
  })

  it('proofs at the origin for certificates name that origin', async () => {
    const { id } = await register({ token_endpoint_auth_method: 'none' })
    const fields = await code(id)
    const key = await dpopKey()
    const ask = async (htu: string, nonce?: string) =>
      world.with(ours)(`${M}/oauth/token`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          dpop: await key.proof({ htu, ...(nonce === undefined ? {} : { nonce }) }),
        },
        body: new URLSearchParams(fields).toString(),
      })
    const nonce = (await ask(`${M}/oauth/token`)).headers.get('dpop-nonce') ?? ''
    expect(await (await ask(`${P}/oauth/token`, nonce)).json()).toMatchObject({ error: 'invalid_dpop_proof' })
    const both = (await (await ask(`${M}/oauth/token`, nonce)).json()) as Record<string, string>
    const token = both['access_token'] ?? ''
    expect(decodeJwt(token)['cnf']).toEqual({ jkt: key.jkt, 'x5t#S256': ours.x5t })
    // Bound to both, it needs both.
    const show = async (send: typeof fetch, htu: string, at = `${M}/mcp/notes`) => {
      const dpop = await key.proof({ htu, token, nonce })
      return (await post(send, at, null, INITIALIZE, { authorization: `DPoP ${token}`, dpop })).status
    }
    expect(await show(world.with(another), `${M}/mcp/notes`)).toBe(401)
    expect(await show(world.with(ours), `${P}/mcp/notes`)).toBe(401)
    expect((await knock(world.with(ours), token)).status).toBe(401)
    expect(await show(world.with(ours), `${M}/mcp/notes`)).toBe(200)
  })

  it('headers of a proxy that is not one are refused, whatever they say, and nothing is done', async () => {
    const { id } = await register(TLS_CLIENT)
    const fields = await code(id)
    world.upstream.seen.length = 0
    const forged: Record<string, string>[] = [
      { 'client-cert': ours.header },
      { 'client-cert-chain': authority.header },
      { 'client-cert': '' },
      { 'client-cert': ours.header, 'sallyport-proxy-secret': 'guess' },
      { 'client-cert': ours.header, 'sallyport-proxy-secret': SECRET.toUpperCase() },
      { 'client-cert': ours.header, 'sallyport-proxy-secret': '' },
      { 'sallyport-proxy-secret': 'guess' },
    ]
    for (const headers of forged) {
      const answer = await world.plain(`${P}/oauth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams(fields).toString(),
      })
      expect([headers, answer.status]).toEqual([headers, 400])
      expect(await answer.text()).toMatch(/^A client certificate is not taken from you in a header/)
    }
    const refused = (await world.gateway.log('&activity=request.refused')).map(({ reason }) => reason)
    expect(refused).toContain('clientCertificateForged')
    expect((await redeem(world.with(ours), fields)).status).toBe(200)
  })
})

describe('our own TLS', () => {
  let world: World
  beforeAll(async () => {
    world = await direct()
  })
  afterAll(() => world.close())

  it('nobody can put another certificate into a connection: no older TLS, so no renegotiation, and no resumption', async () => {
    const url = new URL(M)
    const port = world.certificatePort ?? 0
    const old = new Promise((resolve, reject) => {
      const socket = connectTls(
        {
          host: '127.0.0.1',
          port,
          servername: url.hostname,
          ca: server.cert,
          maxVersion: 'TLSv1.2',
          ...pairOf(ours),
        },
        () => resolve(socket.getProtocol()),
      )
      socket.on('error', reject)
    })
    await expect(old).rejects.toThrow()
    const sessions: Buffer[] = []
    const socket = connectTls({ host: '127.0.0.1', port, servername: url.hostname, ca: server.cert, ...pairOf(ours) })
    socket.on('session', (session) => sessions.push(session))
    socket.resume()
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
    expect(socket.getProtocol()).toBe('TLSv1.3')
    expect(socket.renegotiate({ rejectUnauthorized: false }, () => undefined)).not.toBe(true)
    socket.write('GET /healthz HTTP/1.1\r\nHost: mtls.example.com\r\nConnection: close\r\n\r\n')
    await new Promise((resolve) => socket.once('close', resolve))
    for (const session of sessions) {
      const again = connectTls({ host: '127.0.0.1', port, servername: url.hostname, ca: server.cert, session })
      await new Promise<void>((resolve, reject) => {
        again.once('secureConnect', resolve)
        again.once('error', reject)
      })
      expect(again.isSessionReused()).toBe(false)
      again.destroy()
    }
  })

  it('the other listener asks nobody for a certificate, and P is not served at the one that does', async () => {
    expect((await fetchThrough({ port: world.certificatePort ?? 0, ca: server.cert })(`${P}/oauth/jwks`)).status).toBe(
      421,
    )
    expect((await world.plain(`${M}/oauth/jwks`)).status).toBe(421)
  })
})

describe('a proxy', () => {
  let world: World
  beforeAll(async () => {
    world = await proxied()
  })
  afterAll(() => world.close())
  const { register, code, redeem } = helpersOf(() => world)

  it('malformed and doubled headers of the proxy itself are refused', async () => {
    const base = { 'sallyport-proxy-secret': SECRET }
    for (const value of [
      ours.header.slice(1, -1),
      `${ours.header},${another.header}`,
      `${ours.header};x=1`,
      `:${ours.header.slice(1, -9)}:`,
      `:${Buffer.concat([Buffer.from(ours.header.slice(1, -1), 'base64'), Buffer.from([0])]).toString('base64')}:`,
      `:${'A'.repeat(9_000)}:`,
      '::',
      'x',
    ]) {
      const send = fetchThrough({ port: world.gateway.port, ca: null, headers: { ...base, 'client-cert': value } })
      expect((await send(`${M}/oauth/jwks`)).status).toBe(400)
    }
    const chain = { ...base, 'client-cert': ours.header, 'client-cert-chain': `${authority.header}, x` }
    expect((await fetchThrough({ port: world.gateway.port, ca: null, headers: chain })(`${M}/oauth/jwks`)).status).toBe(
      400,
    )
    const onlyChain = { ...base, 'client-cert-chain': authority.header }
    expect(
      (await fetchThrough({ port: world.gateway.port, ca: null, headers: onlyChain })(`${M}/oauth/jwks`)).status,
    ).toBe(400)
    const answer = await raw(world.gateway.port, [
      'GET /oauth/jwks HTTP/1.1',
      'Host: mtls.example.com',
      `Sallyport-Proxy-Secret: ${SECRET}`,
      `Client-Cert: ${ours.header}`,
      `Client-Cert: ${ours.header}`,
    ])
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    const twoSecrets = await raw(world.gateway.port, [
      'GET /oauth/jwks HTTP/1.1',
      'Host: mtls.example.com',
      `Sallyport-Proxy-Secret: ${SECRET}`,
      `Sallyport-Proxy-Secret: ${SECRET}`,
      `Client-Cert: ${ours.header}`,
    ])
    expect(twoSecrets).toMatch(/^HTTP\/1\.1 400 /)
    const twoChains = await raw(world.gateway.port, [
      'GET /oauth/jwks HTTP/1.1',
      'Host: mtls.example.com',
      `Sallyport-Proxy-Secret: ${SECRET}`,
      `Client-Cert: ${ours.header}`,
      `Client-Cert-Chain: ${authority.header}`,
      `Client-Cert-Chain: ${authority.header}`,
    ])
    expect(twoChains).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('the secret is worth nothing from another address', async () => {
    const lines = [
      'GET /oauth/jwks HTTP/1.1',
      'Host: mtls.example.com',
      `Sallyport-Proxy-Secret: ${SECRET}`,
      `Client-Cert: ${ours.header}`,
    ]
    expect(await raw(world.gateway.port, lines)).toMatch(/^HTTP\/1\.1 200 /)
    const elsewhere = await raw(world.gateway.port, lines, '127.0.0.2')
    expect(elsewhere).toMatch(/^HTTP\/1\.1 400 /)
    const claimed = await raw(world.gateway.port, [...lines, 'X-Forwarded-For: 127.0.0.1'], '127.0.0.2')
    expect(claimed).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('an intermediate in the chain is believed as far as it leads to an authority', async () => {
    const middle = authority.issue({ isAuthority: true, commonName: 'middle' })
    const leaf = middle.issue({ uris: [SPIFFE] })
    const { id } = await register(TLS_CLIENT)
    const fields = await code(id)
    const send = (chain: string) =>
      fetchThrough({
        port: world.gateway.port,
        ca: null,
        headers: { 'sallyport-proxy-secret': SECRET, 'client-cert': leaf.header, 'client-cert-chain': chain },
      })
    expect((await redeem(world.with(leaf), fields)).status).toBe(401)
    expect((await redeem(send(stranger.header), fields)).status).toBe(401)
    expect((await redeem(send(middle.header), fields)).status).toBe(200)
  })

  it('the origin for certificates is reached through the proxy alone', async () => {
    expect((await world.plain(`${M}/oauth/jwks`)).status).toBe(421)
  })
})

describe('P asks for certificates itself', () => {
  let gateway: WholeGateway
  let upstream: ScriptedUpstream
  const send = (certificate: TestCertificate | null) =>
    fetchThrough({ port: gateway.port, ca: server.cert, ...(certificate === null ? {} : { certificate }) })
  beforeAll(async () => {
    server = selfSignedCertificate(['mcp.example.com'])
    upstream = await startScriptedUpstream(() => false)
    gateway = await startWholeGateway(
      (port) =>
        [
          'version: 1',
          'gateway:',
          `  publicUrl: '${P}'`,
          `  listen: { port: ${port} }`,
          '  tls: { certificateFile: cert.pem, privateKeyFile: key.pem }',
          '  mutualTls: { authorityFile: clients.pem }',
          serversYaml(upstream),
        ].join('\n'),
      { files: { 'cert.pem': server.cert, 'key.pem': server.key, 'clients.pem': authority.cert } },
    )
  })
  afterAll(async () => {
    await gateway.close()
    await upstream.close()
  })

  async function tokensOf(certificate: TestCertificate): Promise<IssuedTokens> {
    const person = await gateway.addUser('ada', ['user'])
    const endpoints = { authorize: `${P}/oauth/authorize`, token: `${P}/oauth/token`, register: `${P}/oauth/register` }
    return await logInScripted(send(certificate), endpoints, person, { resource: `${P}/mcp/notes` }, (id) =>
      gateway.admin('POST', `/clients/${id}/approve`),
    )
  }

  it('whoever shows one gets tokens bound to it, everybody else goes in as before, and no other addresses are named', async () => {
    const tokens = await tokensOf(ours)
    expect(decodeJwt(tokens.access_token)).toMatchObject({ cnf: { 'x5t#S256': ours.x5t } })
    expect((await initialize(send(ours), `${P}/mcp/notes`, tokens.access_token)).status).toBe(200)
    for (const certificate of [null, another])
      expect((await initialize(send(certificate), `${P}/mcp/notes`, tokens.access_token)).status).toBe(401)
    const metadata = (await (await send(null)(`${P}/.well-known/oauth-authorization-server`)).json()) as object
    expect(metadata).toMatchObject({ tls_client_certificate_bound_access_tokens: true })
    expect(metadata).not.toHaveProperty('mtls_endpoint_aliases')
  })

  it('an authority that is taken away vouches no more, on open connections and on new ones', async () => {
    const metadata = {
      client_name: 'Machine',
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_uri: SPIFFE,
    }
    const registered = await send(null)(`${P}/oauth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(metadata),
    })
    const { client_id } = (await registered.json()) as { client_id: string }
    await gateway.admin('POST', `/clients/${client_id}/approve`)
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'none', client_id }).toString()
    const connection = (certificate: TestCertificate) =>
      new Agent({
        keepAlive: true,
        maxSockets: 1,
        ca: server.cert,
        servername: 'mcp.example.com',
        ...pairOf(certificate),
      })
    /** Whether the client was known, and over which connection it was asked. */
    const isKnown = (agent: Agent) =>
      new Promise<readonly [boolean, unknown]>((resolve, reject) => {
        const headers = { host: 'mcp.example.com', 'content-type': 'application/x-www-form-urlencoded' }
        const to = { host: '127.0.0.1', port: gateway.port, path: '/oauth/token', method: 'POST', agent, headers }
        const request = httpsRequest(to, (answer) => {
          const { socket, statusCode } = answer
          answer.resume().on('end', () => resolve([statusCode !== 401, socket]))
        })
        request.on('error', reject)
        request.end(body)
      })
    const open = connection(ours)
    const [isKnownFirst, socket] = await isKnown(open)
    expect(isKnownFirst).toBe(true)
    await writeFile(join(gateway.folder, 'clients.pem'), stranger.cert)
    await gateway.gateway.reload()
    expect(await isKnown(open)).toEqual([false, socket])
    const [fresh, strangers] = [connection(ours), connection(unknown)]
    expect((await isKnown(fresh))[0]).toBe(false)
    expect((await isKnown(strangers))[0]).toBe(true)
    for (const agent of [open, fresh, strangers]) agent.destroy()
  })
})

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'machine', version: '1' } },
}

const pairOf = ({ key, cert }: TestCertificate) => ({ key, cert })
const jwkOf = ({ key }: TestCertificate) => createPublicKey(key).export({ format: 'jwk' })

/** A request without a body, with exactly these lines. */
function raw(port: number, lines: readonly string[], localAddress = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress }, () =>
      socket.write(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`),
    )
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
