import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { asClientId, asRequestId, DEFAULT_TENANT } from '#core/ids.ts'
import { ok, refused } from '#core/result.ts'
import type { StatementIssuer } from '#core/snapshot.ts'
import { openTestRegistry, type TestRegistry, type TestRegistryOptions } from '../support/client-registry.ts'

/**
 * Whoever can have a software statement accepted is a client without anybody's approval. The attacker forges one, borrows one, or sends
 * other things that the issuer signs; expected is the error of RFC 7591 §3.2.2, no row, and one record.
 */
const ISSUER = 'https://vendor.example'
const P = 'https://gateway.example'

let privateKey: CryptoKey
let publicJwk: JWK
let other: CryptoKey
beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true })
  privateKey = pair.privateKey
  publicJwk = { ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }
  other = (await generateKeyPair('ES256')).privateKey
})

const opened: TestRegistry[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((item) => item.close()))
})

const pinned = (): StatementIssuer => ({
  issuer: ISSUER,
  keys: { kind: 'jwks', jwks: [publicJwk as Record<string, unknown>] },
  clientsMax: 3,
})
const published: StatementIssuer = {
  issuer: ISSUER,
  keys: { kind: 'jwksUri', jwksUri: 'https://vendor.example/keys', network: 'public' },
  clientsMax: 3,
}

async function open(
  issuer: StatementIssuer = pinned(),
  more: Partial<TestRegistryOptions['policy']> = {},
  fetch?: TestRegistryOptions['fetch'],
): Promise<TestRegistry> {
  const policy = { mode: 'statement' as const, statements: [issuer], ...more }
  const t = await openTestRegistry({ policy, ...(fetch === undefined ? {} : { fetch }) })
  opened.push(t)
  return t
}

function statementOf(
  t: TestRegistry,
  claims: Record<string, unknown> = {},
  { key = privateKey, header = {} }: { key?: CryptoKey; header?: Record<string, unknown> } = {},
): Promise<string> {
  const now = t.clock.nowSeconds()
  const payload = {
    iss: ISSUER,
    iat: now,
    exp: now + 3600,
    software_id: 'desk',
    client_name: 'Vendor Desk',
    redirect_uris: ['https://desk.vendor.example/callback'],
    ...claims,
  }
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header }).sign(key)
}

const BODY = {
  client_name: 'Anything',
  redirect_uris: ['https://evil.example/callback'],
  token_endpoint_auth_method: 'none',
}
const register = (t: TestRegistry, statement: unknown, more: Record<string, unknown> = {}) =>
  t.registry.register(
    { ...BODY, ...more, ...(statement === undefined ? {} : { software_statement: statement }) },
    { address: '198.51.100.1', requestId: asRequestId('r') },
  )
const rows = async (t: TestRegistry) =>
  (await t.store.clients.list(DEFAULT_TENANT, {}, { cursor: null, limit: 200 })).items

async function expectRefused(
  t: TestRegistry,
  statement: unknown,
  reason: string,
  error = 'invalid_software_statement',
): Promise<void> {
  const answer = await register(t, statement)
  expect([answer.status, answer.body['error']]).toEqual([400, error])
  expect(answer.headers?.['cache-control']).toBe('no-store')
  expect(await rows(t)).toEqual([])
  const records = await t.records()
  expect(records.map((record) => record['status_code'])).toContain(reason)
  if (typeof statement === 'string' && statement.length > 40)
    expect(JSON.stringify([answer, records])).not.toContain(statement.slice(-40))
}

describe('a software statement', () => {
  it('of a trusted issuer lets its client in, and its word outweighs what stands beside it (RFC 7591 §2.3)', async () => {
    const t = await open()
    const statement = await statementOf(t)
    const answer = await register(t, statement)
    expect(answer).toMatchObject({
      status: 201,
      body: {
        client_name: 'Vendor Desk',
        redirect_uris: ['https://desk.vendor.example/callback'],
        token_endpoint_auth_method: 'none',
        software_id: 'desk',
        // RFC 7591 §3.2.1: unmodified.
        software_statement: statement,
      },
    })
    const [row] = await rows(t)
    expect(row).toMatchObject({ status: 'active', admittedBy: `statement:${ISSUER}`, approvedAt: null })
    expect(row?.metadata).not.toContain('evil.example')
    expect(row?.metadata).not.toContain(statement)
    expect(await t.registry.resolve(asClientId(String(answer.body['client_id'])), null)).toMatchObject({
      kind: 'active',
    })
  })

  it('lets in where others wait, and nobody where registration is closed', async () => {
    const t = await open(pinned(), { mode: 'approval' })
    expect((await register(t, await statementOf(t))).status).toBe(201)
    expect((await register(t, undefined)).status).toBe(201)
    expect((await rows(t)).map(({ status }) => status).toSorted()).toEqual(['active', 'pending'])
    t.set({ mode: 'closed' })
    expect((await register(t, await statementOf(t))).status).toBe(403)
    expect(await rows(t)).toHaveLength(2)
  })

  it('is needed in this mode: without one nobody is let in, nor waits', async () => {
    const t = await open()
    await expectRefused(t, undefined, 'statementNeeded')
    await expectRefused(t, null, 'statementNeeded')
    const document = await t.registry.resolve(asClientId('https://app.example/client.json'), null)
    expect(document.kind).toBe('documentInvalid')
    expect(await rows(t)).toEqual([])
  })

  it.each([
    ['a number', 7],
    ['an object', { iss: ISSUER }],
    ['a list', ['a.b.c']],
    ['empty', ''],
    ['two parts', 'e30.e30'],
    ['five parts', 'a.b.c.d.e'],
    ['not base64url', 'e30=.e30.c2ln'],
    ['with spaces', ' e30.e30.c2ln'],
    ['no JSON', 'eA.eA.eA'],
    ['huge', `e30.${'A'.repeat(20_000)}.e30`],
  ])('that is %s is refused', async (_what, statement) => {
    await expectRefused(await open(), statement, 'statementInvalid: malformed')
  })

  it('signed by somebody else, or by nobody, is refused', async () => {
    const t = await open()
    await expectRefused(t, await statementOf(t, {}, { key: other }), 'statementInvalid: signature')
    await expectRefused(
      t,
      await statementOf(t, {}, { key: other, header: { kid: 'k9' } }),
      'statementInvalid: signature',
    )
    const [, payload] = (await statementOf(t)).split('.')
    const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url')
    await expectRefused(t, `${none}.${payload}.AAAA`, 'statementInvalid: signature')
    const hmac = await new SignJWT({ iss: ISSUER, software_id: 'x' })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(new TextEncoder().encode(JSON.stringify(publicJwk)))
    await expectRefused(t, hmac, 'statementInvalid: signature')
  })

  it('by an algorithm that is none of ours is refused, though the key could do it', async () => {
    const rsa = await generateKeyPair('RS256', { extractable: true })
    const { alg: _alg, ...jwk } = await exportJWK(rsa.publicKey)
    const t = await open({ ...pinned(), keys: { kind: 'jwks', jwks: [{ ...jwk, kid: 'k1' }] } })
    const signed = async (alg: string) => {
      const key = await importJWK(await exportJWK(rsa.privateKey), alg)
      return statementOf(t, {}, { key: key as CryptoKey, header: { alg } })
    }
    await expectRefused(t, await signed('RS512'), 'statementInvalid: signature')
    expect((await register(t, await signed('RS256'))).status).toBe(201)
  })

  it('that brings its own key is refused: keys come from the configuration alone', async () => {
    const t = await open()
    const own = await generateKeyPair('ES256', { extractable: true })
    const jwk = await exportJWK(own.publicKey)
    for (const header of [{ jwk }, { jku: 'https://evil.example/keys' }, { x5u: 'https://evil.example/cert' }])
      await expectRefused(t, await statementOf(t, {}, { key: own.privateKey, header }), 'statementInvalid: signature')
  })

  it('of another issuer, or one that only looks like ours, is not approved', async () => {
    const t = await open()
    for (const iss of ['https://other.example', `${ISSUER}/`, ISSUER.toUpperCase(), undefined, [ISSUER], ''])
      await expectRefused(t, await statementOf(t, { iss }), 'statementUnapproved', 'unapproved_software_statement')
  })

  it.each([
    ['expired', { exp: 1 }, 'expired'],
    ['not valid yet', { nbf: 4_000_000_000 }, 'signature'],
    ['for another gateway', { aud: 'https://other.example' }, 'audience'],
    ['for several others', { aud: ['https://a.example', 'https://b.example'] }, 'audience'],
    ['an ID token of the issuer', { software_id: undefined, sub: 'ada', aud: P }, 'softwareIdMissing'],
    ['without a software that it is about', { software_id: '' }, 'softwareIdMissing'],
    ['about a software that is no text', { software_id: 5 }, 'softwareIdMissing'],
  ])('that is %s is refused', async (_what, claims, reason) => {
    const t = await open()
    await expectRefused(t, await statementOf(t, claims), `statementInvalid: ${reason}`)
  })

  it('that says it is an access token is refused', async () => {
    const t = await open()
    for (const typ of ['at+jwt', 'logout+jwt', 'secevent+jwt'])
      await expectRefused(t, await statementOf(t, {}, { header: { typ } }), 'statementInvalid: type')
  })

  it('for this gateway, among others, is accepted', async () => {
    const t = await open()
    expect((await register(t, await statementOf(t, { aud: P }))).status).toBe(201)
    expect((await register(t, await statementOf(t, { aud: ['https://x.example', P] }))).status).toBe(201)
  })

  it('is held to the rules that every client is held to', async () => {
    const t = await open()
    for (const [claims, error] of [
      [{ redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
      [{ redirect_uris: [`${P}/oauth/callback`] }, 'invalid_redirect_uri'],
      [{ token_endpoint_auth_method: 'private_key_jwt' }, 'invalid_client_metadata'],
      [{ redirect_uris: 'https://desk.vendor.example/' }, 'invalid_redirect_uri'],
    ] as const)
      await expectRefused(t, await statementOf(t, claims), error, error)
  })

  it('lets in no more clients at a time than its issuer may, also at once', async () => {
    const t = await open()
    const statement = await statementOf(t)
    const answers = await Promise.all(Array.from({ length: 8 }, () => register(t, statement)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 201, 503, 503, 503, 503, 503])
    expect(await rows(t)).toHaveLength(3)
  })

  it('is ignored where no issuer is known, like any member that is not understood', async () => {
    const t = await open(pinned(), { mode: 'approval', statements: [] })
    expect(await register(t, 'whatever')).toMatchObject({ status: 201, body: { client_name: 'Anything' } })
    expect((await rows(t))[0]).toMatchObject({ status: 'pending', admittedBy: null })
  })
})

describe('keys that an issuer publishes', () => {
  function vendor() {
    const state = { asked: [] as [string, string][], keys: [publicJwk] as unknown, status: 200, isGone: false }
    const fetch: NonNullable<TestRegistryOptions['fetch']> = async (url, { network }) => {
      state.asked.push([url, network])
      if (state.isGone) return refused({ reason: 'unreachable' })
      const body = new TextEncoder().encode(JSON.stringify({ keys: state.keys }))
      return ok({ status: state.status, headers: { 'content-type': 'application/json' }, body })
    }
    return { state, fetch }
  }

  it('are fetched by the guarded way out, once for many', async () => {
    const { state, fetch } = vendor()
    const t = await open({ ...published, clientsMax: 100 }, {}, fetch)
    const statement = await statementOf(t)
    await Promise.all(Array.from({ length: 8 }, () => register(t, statement)))
    await register(t, statement)
    expect(state.asked).toEqual([['https://vendor.example/keys', 'public']])
    t.clock.advance(600)
    expect((await register(t, statement)).status).toBe(201)
    expect(state.asked).toHaveLength(2)
  })

  it('that rotated are looked for again, and statements with made-up keys do not make us ask more often', async () => {
    const { state, fetch } = vendor()
    const t = await open(published, {}, fetch)
    expect((await register(t, await statementOf(t))).status).toBe(201)
    const next = await generateKeyPair('ES256', { extractable: true })
    state.keys = [publicJwk, { ...(await exportJWK(next.publicKey)), kid: 'k2', alg: 'ES256' }]
    const signed = await statementOf(t, {}, { key: next.privateKey, header: { kid: 'k2' } })
    // Asked a moment ago.
    expect((await register(t, signed)).status).toBe(400)
    expect(state.asked).toHaveLength(1)
    t.clock.advance(60)
    expect((await register(t, signed)).status).toBe(201)
    for (let index = 0; index < 20; index += 1)
      expect((await register(t, await statementOf(t, {}, { header: { kid: `made up ${index}` } }))).status).toBe(400)
    expect(state.asked).toHaveLength(2)
  })

  it('that cannot be had are 503 with Retry-After: nobody is let in, and nothing is concluded', async () => {
    const { state, fetch } = vendor()
    const t = await open(published, {}, fetch)
    const statement = await statementOf(t)
    state.isGone = true
    const answer = await register(t, statement)
    expect([answer.status, answer.body['error'], Number(answer.headers?.['retry-after'])]).toEqual([
      503,
      'temporarily_unavailable',
      60,
    ])
    state.isGone = false
    for (const change of [
      { status: 404 },
      { status: 200, keys: 'none' },
      { keys: Array.from({ length: 51 }, () => publicJwk) },
    ]) {
      Object.assign(state, { status: 200, keys: [publicJwk] }, change)
      t.clock.advance(60)
      expect((await register(t, statement)).status).toBe(503)
    }
    expect(await rows(t)).toEqual([])
    Object.assign(state, { status: 200, keys: [publicJwk] })
    t.clock.advance(60)
    expect((await register(t, statement)).status).toBe(201)
  })
})
