import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type HandMadeProvider, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { initialize, logInScripted, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/**
 * A server believes an authorization server elsewhere, and somebody brings what that one did not give out for this: forged, borrowed, meant for
 * another door, or good there and too much here. Expected: 401 or 403, nothing reaches the server behind, one record says why.
 */
let upstream: ScriptedUpstream
let corp: HandMadeProvider
let evil: HandMadeProvider
let whole: WholeGateway
let origin: string
let answering: Server
let answer: { status: number; body: unknown } = { status: 200, body: { active: false } }
const questions: string[] = []
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  corp = await startHandMadeProvider()
  evil = await startHandMadeProvider()
  answering = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += String(chunk)
    })
    request.on('end', () => {
      questions.push(`${request.headers.authorization} ${text}`)
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((resolve) => answering.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(answering.address() as AddressInfo).port}/introspect`
  const scopes = 'scopes: { notes.read: [read], notes.all: [read, write, destructive] }'
  whole = await startWholeGateway(
    (port) =>
      [
        'version: 1',
        `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
        "roles: { reader: { allow: { '*': [read] } }, user: { allow: { '*': [read, write] } } }",
        'externalIssuers:',
        `  corp: { issuer: '${corp.issuer}', network: loopback, jwksUri: '${corp.issuer}/jwks', accounts: opened, roles: { map: { staff: [user] }, always: [reader] }, ${scopes} }`,
        `  evil: { issuer: '${evil.issuer}', network: loopback, jwksUri: '${evil.issuer}/jwks', accounts: opened, ${scopes} }`,
        `  asked: { issuer: 'http://127.0.0.1:1', network: loopback, introspection: { endpoint: '${endpoint}', clientId: 'gate way', secret: '\${file:rs.secret}' }, accounts: opened, roles: { always: [user] }, ${scopes} }`,
        'servers:',
        `  notes: { authorization: { issuer: corp, audience: 'api://notes' }, http: { url: '${upstream.url}', network: loopback } }`,
        `  other: { authorization: { issuer: evil }, http: { url: '${upstream.url}', network: loopback } }`,
        `  asking: { authorization: { issuer: asked }, http: { url: '${upstream.url}', network: loopback } }`,
        `  ours: { http: { url: '${upstream.url}', network: loopback } }`,
        '',
      ].join('\n'),
    { files: { 'rs.secret': 'a+secret of%20ours' } },
  )
  origin = `http://127.0.0.1:${whole.port}`
})
afterAll(async () => {
  await whole.close()
  await corp.close()
  await evil.close()
  await upstream.close()
  answering.close()
})
let reached = 0
beforeEach(() => {
  reached = upstream.seen.length
})

let number = 0
const now = () => Math.floor(Date.now() / 1000)
const claims = (changes: JWTPayload = {}): JWTPayload => {
  number += 1
  return {
    iss: corp.issuer,
    aud: 'api://notes',
    sub: 'corp-ada',
    client_id: 'agent',
    scope: 'notes.all',
    groups: ['staff'],
    iat: now(),
    exp: now() + 600,
    jti: `token-${number}`,
    ...changes,
  }
}
const without = (name: string): JWTPayload =>
  Object.fromEntries(Object.entries(claims()).filter(([claim]) => claim !== name))
const typ = { typ: 'at+jwt' }
const good = (changes: JWTPayload = {}) => corp.sign(claims(changes), typ)
const knock = async (token: string, server = 'notes') => {
  const response = await initialize(fetch, `${origin}/mcp/${server}`, token)
  await response.text()
  return response
}
const call = async (token: string, method: string, params: object, server = 'notes') => {
  const opened = await knock(token, server)
  const response = await fetch(`${origin}/mcp/${server}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
      'mcp-protocol-version': '2025-11-25',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  await response.text()
  return response
}
const reasons = async () => (await whole.log()).map(({ reason }) => reason)

describe('the issuer’s own token', () => {
  it('opens its server, by our scopes and roles, and is nobody’s secret behind it', async () => {
    const token = await good()
    expect((await knock(token)).status).toBe(200)
    expect((await call(token, 'tools/call', { name: 'write_thing', arguments: {} })).status).toBe(200)
    expect(JSON.stringify(upstream.seen)).not.toContain(token.slice(0, 60))
  })

  it.each([
    ['whose scopes give less', { scope: 'notes.read' }, 'insufficient_scope'],
    ['whose scopes nobody knows', { scope: 'notes:write notes:read admin *' }, 'insufficient_scope'],
  ])('%s writes nothing', async (_how, changes, error) => {
    const token = await good({ ...changes, scope: `${changes.scope} notes.read` })
    const refused = await call(token, 'tools/call', { name: 'write_thing', arguments: {} })
    expect([refused.status, refused.headers.get('www-authenticate')?.includes(error)]).toEqual([403, true])
    expect(refused.headers.get('www-authenticate')).toContain('scope="notes.read notes.all"')
    expect(upstream.of('tools/call').filter((body) => JSON.stringify(body).includes('write_thing')).length).toBe(1)
  })

  it('of somebody whose role gives less does no more, and follows what the issuer says of groups now', async () => {
    const token = await good({ sub: 'corp-eve', groups: [] })
    expect((await call(token, 'tools/call', { name: 'write_thing', arguments: {} })).status).toBe(403)
    const promoted = await good({ sub: 'corp-eve', groups: ['staff'] })
    expect((await call(promoted, 'tools/call', { name: 'write_thing', arguments: {} })).status).toBe(200)
  })

  it('is nothing once its person is disabled here, or its grant revoked; one from before stays so, a later one does not', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const [before, other] = [await good({ sub: 'corp-bob' }), await good({ sub: 'corp-bob' })]
      expect((await knock(before)).status).toBe(200)
      const { items } = JSON.parse((await whole.admin('GET', '/grants')).text) as {
        items: { grantId: string; subject: string; server: string }[]
      }
      const [grant] = items
      expect((await whole.admin('DELETE', `/grants/${grant?.grantId}`)).status).toBe(200)
      expect([(await knock(before)).status, (await knock(other)).status]).toEqual([401, 401])
      vi.setSystemTime(Date.now() + 5_000)
      const later = await good({ sub: 'corp-bob' })
      expect((await knock(later)).status).toBe(200)
      expect((await whole.admin('POST', `/users/${grant?.subject}/disable`)).status).toBe(200)
      vi.setSystemTime(Date.now() + 5_000)
      expect([(await knock(later)).status, (await knock(await good({ sub: 'corp-bob' }))).status]).toEqual([401, 401])
      expect(await reasons()).toContain('tokenInvalid: accountNotActive')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('what the issuer did not give out for this door', () => {
  const stranger = generateKeyPair('ES256')
  const forged = async (header: object) =>
    new SignJWT(claims())
      .setProtectedHeader({ alg: 'ES256', kid: 'corp-1', ...typ, ...header })
      .sign((await stranger).privateKey)
  it.each<[string, () => Promise<string>, string]>([
    ['signed by a stranger', () => forged({}), 'signatureInvalid'],
    ['with a key that came along', () => forged({ jwk: { kty: 'EC', crv: 'P-256' } }), 'signatureInvalid'],
    ['with the address of a key', () => forged({ jku: 'http://127.0.0.1:1/jwks' }), 'signatureInvalid'],
    ['with a key nobody knows', () => forged({ kid: 'corp-2' }), 'keyUnknown'],
    ['with a path for a key', () => forged({ kid: '../../../dev/null' }), 'keyUnknown'],
    ['unsigned', async () => new UnsecuredJWT(claims()).encode(), 'tokenMalformed'],
    [
      'signed with HMAC',
      () =>
        new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'corp-1', ...typ }).sign(Buffer.alloc(32, 'k')),
      'signatureInvalid',
    ],
    ['of another issuer', () => evil.sign(claims({ iss: evil.issuer }), typ), 'issuerMismatch'],
    ['of another issuer, as this one', () => evil.sign(claims(), typ), 'signatureInvalid'],
    ['for another audience', () => good({ aud: 'api://mail' }), 'audienceMismatch'],
    [
      'for our resource identifier, where the issuer calls it otherwise',
      () => good({ aud: `${origin}/mcp/notes` }),
      'audienceMismatch',
    ],
    ['for two audiences', () => good({ aud: ['api://notes', 'api://mail'] }), 'audienceMismatch'],
    ['for nobody', () => corp.sign(without('aud'), typ), 'audienceMismatch'],
    ['that has expired', () => good({ iat: now() - 900, exp: now() - 1 }), 'expired'],
    ['that lives for a day', () => good({ exp: now() + 86_400 }), 'livesTooLong'],
    ['that never ends', () => corp.sign(without('exp'), typ), 'claimMissing'],
    ['from the future', () => good({ iat: now() + 300 }), 'issuedInFuture'],
    ['for later', () => good({ nbf: now() + 300 }), 'notYetValid'],
    ['without a time', () => corp.sign(without('iat'), typ), 'claimMissing'],
    ['about nobody', () => corp.sign(without('sub'), typ), 'claimMissing'],
    ['of no client', () => corp.sign(without('client_id'), typ), 'claimMissing'],
    ['that is an ID token', () => corp.sign(claims({ nonce: 'n' }), typ), 'idTokenAsAccessToken'],
    ['that is an ID token of a code flow', () => corp.sign(claims({ at_hash: 'x' }), typ), 'idTokenAsAccessToken'],
    ['of no type', () => corp.sign(claims()), 'typeForbidden'],
    ['of the type of any JWT', () => corp.sign(claims(), { typ: 'JWT' }), 'typeForbidden'],
    ['of the type of a logout', () => corp.sign(claims(), { typ: 'logout+jwt' }), 'typeForbidden'],
    ['bound in a way nobody knows', () => good({ cnf: { kid: 'x' } }), 'confirmationUnknown'],
    ['by which somebody acts for another', () => good({ act: { sub: 'x' } }), 'delegationUnknown'],
    [
      'with groups left out for length',
      () => good({ groups: undefined, _claim_names: { groups: 'src' } } as never),
      'groupsUnknown',
    ],
    ['that is no token', async () => 'x.y.z', 'tokenMalformed'],
  ])('%s: 401, and nothing happens', async (_how, make, reason) => {
    const response = await knock(await make())
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
    expect(upstream.seen).toHaveLength(reached)
    expect(await reasons()).toContain(`tokenInvalid: ${reason}`)
  })

  it('a bound token without its key', async () => {
    expect((await knock(await good({ cnf: { jkt: 'A'.repeat(43) } }))).status).toBe(401)
    expect(upstream.seen).toHaveLength(reached)
  })

  it('a good token of one at the server of another, at ours, and at the admin API', async () => {
    const token = await good()
    for (const server of ['other', 'ours', 'asking']) expect((await knock(token, server)).status).toBe(401)
    const admin = await fetch(`${origin}/api/v1/users`, { headers: { authorization: `Bearer ${token}` } })
    expect(admin.status).toBe(401)
    expect(upstream.seen).toHaveLength(reached)
  })

  it('our own tokens and API keys at its server; our authorization server gives none out for it', async () => {
    const person = await whole.addUser('maria', ['user'])
    const endpoint = (name: string) => `${origin}/oauth/${name}`
    const endpoints = { authorize: endpoint('authorize'), token: endpoint('token'), register: endpoint('register') }
    const tokens = await logInScripted(fetch, endpoints, person, { resource: `${origin}/mcp/ours`, scope: 'ours:read' })
    expect((await knock(tokens.access_token, 'ours')).status).toBe(200)
    expect((await knock(tokens.access_token)).status).toBe(401)
    await expect(
      logInScripted(fetch, endpoints, person, { resource: `${origin}/mcp/notes`, scope: 'notes:read' }),
    ).rejects.toThrow()
    const key = await whole.admin('POST', '/keys', {
      user: 'maria',
      name: 'nightly',
      servers: [{ server: 'notes', scopes: ['notes:read'] }],
      expiresInSeconds: 3600,
    })
    expect(key.status).toBe(400)
    for (const path of [
      '/mcp/notes/.well-known/oauth-authorization-server',
      '/.well-known/oauth-authorization-server/mcp/notes',
    ])
      expect((await fetch(`${origin}${path}`)).status).toBe(404)
    const exchanged = await requestToken(fetch, endpoint('token'), {
      grant_type: 'client_credentials',
      client_id: 'x',
      resource: `${origin}/mcp/notes`,
    })
    expect(exchanged.status).toBe(401)
  })
})

describe('an issuer that has to be asked', () => {
  const active = (changes: object = {}) => ({
    active: true,
    aud: `${origin}/mcp/asking`,
    sub: 'asked-ada',
    client_id: 'agent',
    scope: 'notes.read',
    exp: now() + 600,
    iat: now(),
    ...changes,
  })
  const ask = async (body: unknown, status = 200) => {
    number += 1
    answer = { status, body }
    return await knock(`opaque-token-${number}`, 'asking')
  }

  it('is asked with our credential, once for ten seconds', async () => {
    questions.length = 0
    answer = { status: 200, body: active() }
    for (let round = 0; round < 5; round += 1) expect((await knock('opaque-of-ada', 'asking')).status).toBe(200)
    const pair = `${encodeURIComponent('gate way')}:${encodeURIComponent('a+secret of%20ours')}`
    expect(questions).toEqual([
      `Basic ${Buffer.from(pair).toString('base64')} token=opaque-of-ada&token_type_hint=access_token`,
    ])
  })

  it.each<[string, () => object]>([
    ['no', () => ({ active: false })],
    ['yes in another type', () => active({ active: 'true' })],
    ['yes to another audience', () => active({ aud: `${origin}/mcp/notes` })],
    ['yes to several', () => active({ aud: [`${origin}/mcp/asking`, 'x'] })],
    ['yes to none', () => active({ aud: undefined })],
    ['yes of another issuer', () => active({ iss: corp.issuer })],
    ['yes to what has expired', () => active({ exp: now() - 1 })],
    ['yes for good', () => active({ exp: undefined })],
    ['yes for a day', () => active({ exp: now() + 86_400 })],
    ['yes about nobody', () => active({ sub: undefined })],
  ])('says %s: 401', async (_how, body) => {
    expect((await ask(body())).status).toBe(401)
    expect(upstream.seen).toHaveLength(reached)
  })

  it.each<[string, unknown, number]>([
    ['breaks down', {}, 500],
    ['does not know us', { error: 'invalid_client' }, 401],
    ['redirects', {}, 302],
    ['answers something else', 'yes', 200],
    ['answers too much', { active: true, more: 'x'.repeat(100_000) }, 200],
  ])('%s: nothing is known, which is 503 and no challenge', async (_how, body, status) => {
    const response = await ask(body, status)
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([503, null])
    expect(response.headers.get('retry-after')).not.toBeNull()
    expect(upstream.seen).toHaveLength(reached)
  })
})
