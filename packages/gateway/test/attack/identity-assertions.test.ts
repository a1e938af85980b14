import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { dpopKey } from '../support/dpop-key.ts'
import { type GrantsGateway, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const IDP = 'https://idp.example'
const OTHER_IDP = 'https://other-idp.example'
const agent = {
  name: 'Agent',
  grantTypes: [GRANT],
  authMethod: 'client_secret_post',
  secret: '${file:secret}',
  scopes: ['files:write', 'notes:read'],
}

/** ID-JAG (enterprise-managed authorization): every MUST, each broken alone, and nothing given for it. */
describe('an assertion about a person', () => {
  let world: GrantsGateway
  let sections: Record<string, unknown>
  let person: string
  let count = 0
  beforeAll(async () => {
    const other = await generateKeyPair('ES256', { extractable: true })
    const otherJwk = { ...(await exportJWK(other.publicKey)), kid: 'k', alg: 'ES256' }
    world = await startGrantsGateway(({ jwk }) => {
      sections = {
        clients: {
          agent,
          second: agent,
          narrow: { ...agent, scopes: ['notes:read'] },
          service: { ...agent, grantTypes: ['client_credentials'] },
        },
        trustedIssuers: {
          corp: {
            issuer: IDP,
            jwks: [jwk],
            identityAssertions: { emailDomains: ['example.com'] },
            workloads: { build: { claims: { sub: 'build' }, scopes: ['files:read'] } },
          },
          // Signs with a key of its own, and lets nobody in.
          other: { issuer: OTHER_IDP, jwks: [otherJwk] },
        },
      }
      return sections
    })
  })
  afterAll(() => world.close())
  beforeEach(async () => {
    count += 1
    person = `person-${count}`
    await add(person)
    await link(person, `ext-${count}`)
  })

  const admin = async (method: string, path: string, body: unknown, status: number) => {
    const answer = await world.gateway.admin(method, path, body)
    if (answer.status !== status) throw new Error(`${answer.status} ${answer.text}`)
    return answer
  }
  const add = (username: string) => admin('POST', '/users', { username }, 201)
  const link = (username: string, subject: string, issuer = IDP) =>
    admin('POST', `/users/${username}/links`, { issuer, subject }, 201)
  const now = () => Math.floor(Date.now() / 1000)
  const assertion = (
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    key: Parameters<SignJWT['sign']>[0] = world.key,
  ) =>
    new SignJWT({
      iss: IDP,
      sub: `ext-${count}`,
      aud: world.origin,
      client_id: 'agent',
      jti: crypto.randomUUID(),
      iat: now(),
      exp: now() + 300,
      resource: world.resource('files'),
      scope: 'files:read files:write',
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'oauth-id-jag+jwt', ...header })
      .sign(key)
  const bring = (text: string, change: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    world.ask({ grant_type: GRANT, client_id: 'agent', client_secret: SECRET, assertion: text, ...change }, headers)
  const outcome = async (answer: ReturnType<typeof bring>) => {
    const { status, body, headers } = await answer
    expect(headers.get('cache-control')).toBe('no-store')
    if (status !== 200) expect(body['access_token']).toBeUndefined()
    return status === 200 ? String(body['scope']) : String(body['error'])
  }
  const reasons = async () => (await world.gateway.log()).map(({ reason }) => reason)

  it('gives the person a short token for that server, with no refresh token, and is recorded without itself', async () => {
    const text = await assertion({ auth_time: now() - 30, amr: ['pwd', 'otp'] })
    const answer = await bring(text)
    expect(answer.body).toMatchObject({ token_type: 'Bearer', scope: 'files:read files:write' })
    expect(answer.body['refresh_token']).toBeUndefined()
    const token = String(answer.body['access_token'])
    const { subject } = JSON.parse((await world.gateway.admin('GET', `/users/${person}`)).text) as { subject: string }
    const claims = decodeJwt(token)
    expect(claims).toMatchObject({
      sub: subject,
      client_id: 'agent',
      aud: world.resource('files'),
      acr: 'urn:sallyport:acr:multi-factor',
      auth_time: expect.any(Number),
    })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBeLessThanOrEqual(1_800)
    expect(await world.call('files', token, 'write_thing')).toBe(200)
    expect(await world.call('files', token, 'delete_thing')).toBe(403)
    expect(await world.call('notes', token, 'get_thing')).toBe(401)
    const log = await world.gateway.exportLog()
    for (const secret of [text, text.split('.')[2] ?? text]) expect(log).not.toContain(secret)
  })

  it('is good once, also when it comes eight times at the same moment', async () => {
    const text = await assertion()
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcome(bring(text))))
    expect(outcomes.toSorted()).toEqual(['files:read files:write', ...Array.from({ length: 7 }, () => 'invalid_grant')])
    expect(await outcome(bring(text))).toBe('invalid_grant')
    expect(await reasons()).toContain('assertionReplayed')
    // One of another issuer by the same name would be another; one that was refused for a nonce is still good.
    const fresh = await assertion()
    const key = await dpopKey()
    const asked = await bring(fresh, {}, { dpop: await key.proof({ htu: world.token }) })
    expect(asked.body['error']).toBe('use_dpop_nonce')
    const nonce = asked.headers.get('dpop-nonce') ?? ''
    const bound = await bring(fresh, {}, { dpop: await key.proof({ htu: world.token, nonce }) })
    expect([bound.status, bound.body['token_type']]).toEqual([200, 'DPoP'])
  })

  it('and another at the same moment share the grant of the day; revoking it ends what it gave', async () => {
    const texts = await Promise.all(Array.from({ length: 6 }, () => assertion()))
    const answers = await Promise.all(texts.map((text) => bring(text)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 200))
    const tokens = answers.map(({ body }) => String(body['access_token']))
    const [gid, ...others] = [...new Set(tokens.map((token) => decodeJwt(token)['gid']))]
    expect(others).toEqual([])
    await admin('DELETE', `/grants/${String(gid)}`, undefined, 200)
    for (const token of tokens) expect(await world.call('files', token, 'get_thing')).toBe(401)
    const next = await bring(await assertion())
    expect(decodeJwt(String(next.body['access_token']))['gid']).not.toBe(gid)
    expect(await world.call('files', String(next.body['access_token']), 'get_thing')).toBe(200)
  })

  it.each<[string, () => Record<string, unknown>, string]>([
    ['another audience', () => ({ aud: 'https://other.example' }), 'assertionForOthers'],
    ['the token endpoint as audience', () => ({ aud: world.token }), 'assertionForOthers'],
    ['two audiences', () => ({ aud: [world.origin, 'https://other.example'] }), 'assertionForOthers'],
    ['an audience with a slash', () => ({ aud: `${world.origin}/` }), 'assertionForOthers'],
    ['no audience', () => ({ aud: undefined }), 'assertionForOthers'],
    ['another client', () => ({ client_id: 'second' }), 'assertionForOtherClient'],
    ['no client', () => ({ client_id: undefined }), 'assertionForOtherClient'],
    ['an unknown issuer', () => ({ iss: 'https://evil.example' }), 'assertionIssuerUnknown'],
    ['an issuer that lets nobody in', () => ({ iss: OTHER_IDP }), 'assertionNotTaken'],
    ['no subject', () => ({ sub: undefined }), 'assertionClaimMissing'],
    ['an empty subject', () => ({ sub: '' }), 'assertionClaimMissing'],
    ['no name', () => ({ jti: undefined }), 'assertionClaimMissing'],
    ['no beginning', () => ({ iat: undefined }), 'assertionClaimMissing'],
    ['no end', () => ({ exp: undefined }), 'assertionClaimMissing'],
    ['the past', () => ({ iat: now() - 300, exp: now() - 1 }), 'assertionExpired'],
    ['the future', () => ({ iat: now() + 120, exp: now() + 240 }), 'assertionFromFuture'],
    ['an hour', () => ({ exp: now() + 3_600 }), 'assertionLivesTooLong'],
    ['a foreign resource', () => ({ resource: 'https://evil.example/mcp' }), 'assertionForOtherResource'],
    ['the admin API', () => ({ resource: `${world.origin}/api/v1`, scope: 'api:write' }), 'assertionForAdminApi'],
    ['a resource that is none', () => ({ resource: { x: 1 } }), 'assertionClaimMalformed'],
    ['scopes that are a list', () => ({ scope: ['files:read'] }), 'assertionClaimMalformed'],
    ['somebody unknown', () => ({ sub: 'nobody-here' }), 'subjectNotLinked'],
    ['somebody spelled otherwise', () => ({ sub: `EXT-${count}` }), 'subjectNotLinked'],
  ])('of %s gives nothing', async (_, claims, reason) => {
    expect(await outcome(bring(await assertion(claims())))).toBe('invalid_grant')
    expect(await reasons()).toContain(reason)
  })

  it('is of the right type, signed by the issuer with a known algorithm and key', async () => {
    const stranger = await generateKeyPair('ES256')
    const attempts = [
      await assertion({}, { typ: 'JWT' }),
      await assertion({}, { typ: undefined }),
      await assertion({}, { typ: 'at+jwt' }),
      await assertion({}, { typ: 'application/oauth-id-jag+jwt' }),
      await assertion({}, {}, stranger.privateKey),
      await assertion({}, { jwk: await exportJWK(stranger.publicKey) }, stranger.privateKey),
      await assertion({}, { alg: 'HS256' }, new TextEncoder().encode(JSON.stringify(world.jwk))),
      (await assertion()).replace(
        /^[^.]+/,
        Buffer.from('{"alg":"none","typ":"oauth-id-jag+jwt"}').toString('base64url'),
      ),
      `${await assertion()}x`,
      'x'.repeat(20_000),
    ]
    for (const attempt of attempts) expect(await outcome(bring(attempt))).toBe('invalid_grant')
  })

  it('is brought by the client that it names, which proves who it is', async () => {
    const text = await assertion()
    const second = await assertion({ client_id: 'second' })
    const asked = (fields: Record<string, string>) =>
      outcome(world.ask({ grant_type: GRANT, assertion: text, ...fields }))
    expect(await asked({ client_id: 'agent' })).toBe('invalid_client')
    expect(await asked({ client_id: 'agent', client_secret: 'x' })).toBe('invalid_client')
    expect(await asked({})).toBe('invalid_request')
    expect(await asked({ client_id: 'workload:corp:build' })).toBe('invalid_grant')
    expect(await asked({ client_id: 'service', client_secret: SECRET })).toBe('unauthorized_client')
    expect(await asked({ client_id: 'second', client_secret: SECRET })).toBe('invalid_grant')
    expect(await outcome(bring(second))).toBe('invalid_grant')
    // Anybody can say what a workload is called; that proves nothing, also where an assertion names it.
    const named = await assertion({ client_id: 'workload:corp:build' })
    expect(await asked({ client_id: 'workload:corp:build', assertion: named })).toBe('invalid_grant')
    // None of it used the assertion up.
    expect(await outcome(bring(text))).toBe('files:read files:write')
  })

  it('gives what assertion, request, roles and client all allow', async () => {
    const files = { resource: world.resource('files') }
    const cases: [Record<string, unknown>, Record<string, string>, string][] = [
      [{}, { scope: 'files:read' }, 'files:read'],
      [{ scope: 'files:read' }, { scope: 'files:read files:write' }, 'files:read'],
      [{ scope: 'files:write' }, { scope: 'files:read' }, 'files:read'],
      [{ scope: 'files:read' }, { scope: 'files:write' }, 'invalid_scope'],
      [{ scope: 'files:admin files:read' }, {}, 'files:read'],
      [{ scope: 'files:destructive' }, {}, 'invalid_scope'],
      [{ scope: 'notes:read' }, {}, 'invalid_scope'],
      [{ scope: '' }, {}, 'invalid_scope'],
      [{ scope: undefined }, {}, 'files:read'],
      [{ scope: undefined }, { scope: 'files:write' }, 'invalid_scope'],
      [{}, files, 'files:read files:write'],
      [{}, { resource: world.resource('notes') }, 'invalid_target'],
      [{ resource: undefined }, files, 'files:read files:write'],
      [{ resource: undefined, scope: undefined }, {}, 'invalid_target'],
      [{ resource: [world.resource('files'), world.resource('notes')] }, {}, 'invalid_target'],
      [{ resource: [world.resource('files'), world.resource('notes')] }, files, 'files:read files:write'],
    ]
    for (const [claims, request, expected] of cases)
      expect([claims, request, await outcome(bring(await assertion(claims), request))]).toEqual([
        claims,
        request,
        expected,
      ])
    const narrow = { client_id: 'narrow', client_secret: SECRET }
    expect(await outcome(bring(await assertion({ client_id: 'narrow' }), narrow))).toBe('invalid_scope')
    await admin('PUT', `/users/${person}/roles`, { roles: ['auditor'] }, 200)
    expect(await outcome(bring(await assertion()))).toBe('invalid_scope')
  })

  it('links by a checked address of a trusted domain, once: whoever has the address later is somebody else', async () => {
    const address = `someone-${count}@example.com`
    for (const domain of ['example.com', 'evil.example', 'sub.example.com']) await add(`someone-${count}@${domain}`)
    const claims = { sub: `new-${count}`, email: address.toUpperCase() }
    expect(await outcome(bring(await assertion({ ...claims, email_verified: false })))).toBe('invalid_grant')
    expect(await outcome(bring(await assertion({ ...claims, email: `someone-${count}@evil.example` })))).toBe(
      'invalid_grant',
    )
    expect(await outcome(bring(await assertion({ ...claims, email: `someone-${count}@sub.example.com` })))).toBe(
      'invalid_grant',
    )
    expect(await outcome(bring(await assertion(claims)))).toBe('files:read files:write')
    const links = JSON.parse((await world.gateway.admin('GET', `/users/${address}/links`)).text) as { items: unknown[] }
    expect(links.items).toMatchObject([{ issuer: IDP, subject: `new-${count}`, linkedBy: 'email' }])
    expect(await outcome(bring(await assertion({ ...claims, sub: `later-${count}` })))).toBe('invalid_grant')
    // The link stays, whatever the address becomes.
    expect(await outcome(bring(await assertion({ sub: `new-${count}`, email: 'x@evil.example' })))).toBe(
      'files:read files:write',
    )
    // An account without an address is nobody’s by its name.
    expect(await outcome(bring(await assertion({ sub: `third-${count}`, email: `${person}@example.com` })))).toBe(
      'invalid_grant',
    )
  })

  it('gives nothing to who is disabled, unlinked, or whose provider is no longer named; tokens end as ever', async () => {
    const token = String((await bring(await assertion())).body['access_token'])
    await admin('POST', `/users/${person}/disable`, undefined, 200)
    expect(await world.call('files', token, 'get_thing')).toBe(401)
    expect(await outcome(bring(await assertion()))).toBe('invalid_grant')
    await admin('POST', `/users/${person}/enable`, undefined, 200)
    expect(await outcome(bring(await assertion()))).toBe('files:read files:write')
    await admin('POST', `/users/${person}/links/remove`, { issuer: IDP, subject: `ext-${count}` }, 200)
    expect(await outcome(bring(await assertion()))).toBe('invalid_grant')
    await link(person, `ext-${count}`)
    await world.gateway.reconfigure(world.configuration({ trustedIssuers: {} }))
    expect(await outcome(bring(await assertion()))).toBe('invalid_grant')
    await world.gateway.reconfigure(world.configuration())
  })

  it('one identity is one account: a second is refused, and nobody but operators says so', async () => {
    await add(`other-${count}`)
    const answer = await world.gateway.admin('POST', `/users/other-${count}/links`, {
      issuer: IDP,
      subject: `ext-${count}`,
    })
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([409, { error: { code: 'linkTaken' } }])
  })
})
