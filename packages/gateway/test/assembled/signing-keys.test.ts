import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { eventually } from '../support/eventually.ts'
import { type IssuedTokens, initialize, logInScripted, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let upstream: ScriptedUpstream
let whole: WholeGateway
let person: Person

const yaml = (port: number, algorithms: Readonly<Record<string, string>>) =>
  [
    'version: 1',
    `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
    'signingKeys: { publishAheadSeconds: 2 }',
    'servers:',
    ...Object.entries(algorithms).map(
      ([id, algorithm]) =>
        `  ${id}: { http: { url: '${upstream.url}', network: loopback }, tokenAlgorithm: ${algorithm} }`,
    ),
    '',
  ].join('\n')

beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
  whole = await startWholeGateway((port) => yaml(port, { notes: 'ES256', old: 'RS256', new: 'EdDSA' }))
  person = await whole.addUser('alice')
})
afterEach(async () => {
  await whole.close()
  await upstream.close()
})

const origin = () => `http://127.0.0.1:${whole.port}`
const endpoint = (name: string) => `${origin()}/oauth/${name}`
const endpoints = () => ({
  authorize: endpoint('authorize'),
  token: endpoint('token'),
  register: endpoint('register'),
})
const logIn = (server = 'notes') =>
  logInScripted(fetch, endpoints(), person, { resource: `${origin()}/mcp/${server}`, scope: `${server}:read` })
const knock = async ({ access_token: token }: { readonly access_token: string }, server = 'notes') => {
  const answer = await initialize(fetch, `${origin()}/mcp/${server}`, token)
  await answer.text()
  return answer.status
}
const kidOf = ({ access_token: token }: { readonly access_token: string }) => decodeProtectedHeader(token).kid
const published = async () => (await (await fetch(endpoint('jwks'))).json()) as JSONWebKeySet
const refresh = async ({ clientId, refresh_token: token = '' }: IssuedTokens) => {
  const form = { grant_type: 'refresh_token', refresh_token: token, client_id: clientId }
  const answer = await requestToken(fetch, endpoint('token'), form)
  expect(answer.status).toBe(200)
  return (await answer.json()) as { readonly access_token: string }
}
const rotate = (body: object = {}) => whole.admin('POST', '/signing-keys/rotate', body)
const keys = async () =>
  (
    JSON.parse((await whole.admin('GET', '/signing-keys')).text) as {
      items: { kid: string; status: string; algorithm: string }[]
    }
  ).items

describe('rotation', () => {
  it('publishes first, then signs; tokens of before go on to work', async () => {
    const before = await logIn()
    const next = (await keys()).find(({ status, algorithm }) => status === 'next' && algorithm === 'ES256')
    expect((await published()).keys.map(({ kid }) => kid)).toContain(next?.kid)
    expect((await fetch(endpoint('jwks'))).headers.get('cache-control')).toBe('public, max-age=1')
    expect((await rotate()).status).toBe(200)
    await eventually(async () => expect(kidOf(await logIn())).toBe(next?.kid))
    expect(await knock(before)).toBe(200)
    expect(kidOf(await refresh(before))).toBe(next?.kid)
    const reasons = (await whole.log('&activity=signingKey.change')).map(({ reason }) => reason)
    for (const reason of ['requested', 'activated', 'retired', 'published']) expect(reasons).toContain(reason)
  })

  it('of a key that is compromised ends its tokens at once, and no grant', async () => {
    const before = await logIn()
    expect(await knock(before)).toBe(200)
    expect((await rotate({ isCompromised: true })).status).toBe(200)
    expect(await knock(before)).toBe(401)
    expect((await published()).keys.map(({ kid }) => kid)).not.toContain(kidOf(before))
    expect(await knock(await refresh(before))).toBe(200)
    expect((await whole.log()).map(({ reason }) => reason)).toContain('tokenInvalid: keyUnknown')
  })

  it('of an algorithm that no server has is refused', async () => {
    await whole.reconfigure(yaml(whole.port, { notes: 'ES256' }))
    expect((await rotate({ algorithm: 'PS256' })).status).toBe(400)
    expect((await rotate({ isCompromised: 'yes' })).status).toBe(400)
  })
})

describe('the algorithm of a server', () => {
  it.each([
    ['notes', 'ES256'],
    ['old', 'RS256'],
    ['new', 'EdDSA'],
  ])('%s: tokens are signed by %s, verify against the published set, and open the door', async (server, algorithm) => {
    const tokens = await logIn(server)
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: algorithm, typ: 'at+jwt' })
    const { payload } = await jwtVerify(tokens.access_token, createLocalJWKSet(await published()), {
      issuer: origin(),
      audience: `${origin()}/mcp/${server}`,
    })
    expect(payload['client_id']).toBe(tokens.clientId)
    expect(await knock(tokens, server)).toBe(200)
    expect(await knock(tokens, server === 'notes' ? 'old' : 'notes')).toBe(401)
  })

  it('may change while the gateway runs: the next token is signed by it, those before go on to work', async () => {
    const before = await logIn()
    await whole.reconfigure(yaml(whole.port, { notes: 'EdDSA' }))
    const after = await refresh(before)
    expect(decodeProtectedHeader(after.access_token).alg).toBe('EdDSA')
    expect([await knock(before), await knock(after)]).toEqual([200, 200])
  })
})
