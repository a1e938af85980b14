import { decodeJwt, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { dpopKey } from '../support/dpop-key.ts'
import { type GrantsGateway, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'
import { personToken } from '../support/person-token.ts'
import { REDIRECT_URI, requestToken } from '../support/scripted-client.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const actor = (scopes: readonly string[]) => ({
  name: 'Actor',
  grantTypes: [GRANT],
  authMethod: 'client_secret_post',
  secret: '${file:secret}',
  scopes,
})
const FILES = ['files:read', 'files:write']
const clients = {
  desk: { name: 'Desk', redirectUris: [REDIRECT_URI] },
  agent: actor(FILES),
  second: actor(FILES),
  third: actor(FILES),
  fourth: actor(FILES),
  reader: actor(['files:read']),
  deleter: actor(['files:destructive']),
  elsewhere: actor(['notes:read']),
  service: { ...actor(FILES), grantTypes: ['client_credentials'] },
}

/** RFC 8693 against whoever wants more of a token than it is: longer, wider, elsewhere, or for somebody else. */
describe('a token that is exchanged', () => {
  let world: GrantsGateway
  let ada: Person
  beforeAll(async () => {
    world = await startGrantsGateway(() => ({ clients }))
    ada = await world.gateway.addUser('ada')
  })
  afterAll(() => world.close())

  const given = (scope = 'files:read files:write') =>
    personToken(world, ada, { clientId: 'desk', server: 'files', scope }).then(({ access_token }) => access_token)
  const exchange = (
    subjectToken: string,
    clientId = 'agent',
    change: Record<string, string> = {},
    headers: Record<string, string> = {},
  ) =>
    world.ask(
      {
        grant_type: GRANT,
        client_id: clientId,
        client_secret: SECRET,
        subject_token: subjectToken,
        subject_token_type: ACCESS_TOKEN,
        ...change,
      },
      headers,
    )
  const tokenOf = ({ body }: { readonly body: Record<string, unknown> }) => String(body['access_token'])

  async function refusesEach(answers: readonly (readonly [string, ReturnType<typeof exchange>, string])[]) {
    for (const [what, answer, error] of answers) {
      const { status, headers, body } = await answer
      expect([what, status, body['error']]).toEqual([what, 400, error])
      expect(headers.get('cache-control')).toBe('no-store')
      expect(body['access_token']).toBeUndefined()
    }
  }

  it('keeps subject, server, authorization and login, and names who acts', async () => {
    const token = await given()
    const before = decodeJwt(token)
    const answer = await exchange(token, 'agent', { scope: 'files:read' })
    expect(answer.body).toMatchObject({ issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', scope: 'files:read' })
    expect(answer.body['refresh_token']).toBeUndefined()
    const after = decodeJwt(tokenOf(answer))
    for (const claim of ['sub', 'aud', 'gid', 'acr', 'auth_time', 'iss'] as const)
      expect(after[claim]).toEqual(before[claim])
    expect(after).toMatchObject({ client_id: 'agent', act: { sub: 'agent' } })
    expect(after.exp).toBeLessThanOrEqual(before.exp ?? 0)
    expect(await world.call('files', tokenOf(answer), 'get_thing')).toBe(200)
    expect(await world.call('files', tokenOf(answer), 'write_thing')).toBe(403)
    expect(await world.call('notes', tokenOf(answer), 'get_thing')).toBe(401)
    const lines = (await world.gateway.exportLog()).split('\n')
    expect(lines.some((line) => line.includes('actsFor\\":\\"desk') && line.includes('token-exchange'))).toBe(true)
  })

  it('does not get wider, whoever asks, and narrows by what a class contains', async () => {
    const read = await given('files:read')
    const write = await given('files:write')
    await refusesEach([
      ['more than the token', exchange(read, 'agent', { scope: 'files:write' }), 'invalid_scope'],
      ['more than the actor', exchange(write, 'reader', { scope: 'files:write' }), 'invalid_scope'],
      ['a class that holds it', exchange(write, 'deleter', { scope: 'files:destructive' }), 'invalid_scope'],
      ['another server', exchange(read, 'agent', { scope: 'notes:read' }), 'invalid_scope'],
      ['nothing in common', exchange(read, 'elsewhere'), 'invalid_scope'],
    ])
    const narrowed = await exchange(write, 'reader')
    expect(narrowed.body['scope']).toBe('files:read')
    expect(await world.call('files', tokenOf(narrowed), 'get_thing')).toBe(200)
    expect(await world.call('files', tokenOf(narrowed), 'write_thing')).toBe(403)
    // What was narrowed stays so, also for who holds more.
    await refusesEach([['back', exchange(tokenOf(narrowed), 'agent', { scope: 'files:write' }), 'invalid_scope']])
  })

  it('is for no other server than it was', async () => {
    const token = await given()
    await refusesEach([
      ['resource', exchange(token, 'agent', { resource: world.resource('notes') }), 'invalid_target'],
      ['audience', exchange(token, 'agent', { audience: world.resource('notes') }), 'invalid_target'],
      ['the admin API', exchange(token, 'agent', { resource: `${world.origin}/api/v1` }), 'invalid_target'],
      ['somewhere else', exchange(token, 'agent', { audience: 'https://evil.example/' }), 'invalid_target'],
    ])
    const { status } = await exchange(token, 'agent', { resource: world.resource('files') })
    expect(status).toBe(200)
  })

  it('has to be a token of ours, good, and not in bad company', async () => {
    const token = await given()
    const { privateKey } = await generateKeyPair('ES256')
    const forged = await new SignJWT(decodeJwt(token))
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
      .sign(privateKey)
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${token.split('.')[1]}.`
    const key = JSON.parse(
      (
        await world.gateway.admin('POST', '/keys', {
          username: 'ada',
          name: 'k',
          scopes: ['files:read'],
          expiresInDays: 1,
        })
      ).text,
    ) as { key?: string }
    await refusesEach([
      ['forged', exchange(forged), 'invalid_request'],
      ['unsigned', exchange(unsigned), 'invalid_request'],
      ['cut', exchange(token.slice(0, -4)), 'invalid_request'],
      ['nothing', exchange(''), 'invalid_request'],
      ['an API key', exchange(key.key ?? 'spk_x'), 'invalid_request'],
      ['huge', exchange('x'.repeat(20_000)), 'invalid_request'],
      [
        'another type',
        exchange(token, 'agent', { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }),
        'invalid_request',
      ],
      ['no type', exchange(token, 'agent', { subject_token_type: '' }), 'invalid_request'],
      [
        'asking for a refresh token',
        exchange(token, 'agent', { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
        'invalid_request',
      ],
      [
        'an actor token beside it',
        exchange(token, 'agent', { actor_token: token, actor_token_type: ACCESS_TOKEN }),
        'invalid_request',
      ],
      ['a client that serves itself', exchange(token, 'service'), 'unauthorized_client'],
    ])
    const publicClient = await requestToken(fetch, world.token, {
      grant_type: GRANT,
      client_id: 'desk',
      subject_token: token,
      subject_token_type: ACCESS_TOKEN,
    })
    expect([publicClient.status, ((await publicClient.json()) as Record<string, string>)['error']]).toEqual([
      400,
      'unauthorized_client',
    ])
    const wrong = await exchange(token, 'agent', { client_secret: `${SECRET}x` })
    expect([wrong.status, wrong.body['error']]).toEqual([401, 'invalid_client'])
  })

  it.each([
    'subject_token',
    'subject_token_type',
    'scope',
    'resource',
    'audience',
    'requested_token_type',
    'client_secret',
  ])('is not given where %s comes twice', async (name) => {
    const fields = new URLSearchParams({
      grant_type: GRANT,
      client_id: 'agent',
      client_secret: SECRET,
      subject_token: 'x',
      subject_token_type: ACCESS_TOKEN,
      [name]: 'first',
    })
    fields.append(name, 'second')
    const answer = await fetch(world.token, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: fields.toString(),
    })
    expect([answer.status, ((await answer.json()) as Record<string, string>)['error']]).toEqual([
      400,
      'invalid_request',
    ])
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  it('is handed on three times, by nobody twice', async () => {
    let token = await given()
    for (const clientId of ['agent', 'second', 'third']) token = tokenOf(await exchange(token, clientId))
    expect(decodeJwt(token)['act']).toEqual({ sub: 'third', act: { sub: 'second', act: { sub: 'agent' } } })
    expect(await world.call('files', token, 'get_thing')).toBe(200)
    await refusesEach([
      ['a fourth time', exchange(token, 'fourth'), 'invalid_request'],
      ['by itself', exchange(tokenOf(await exchange(await given())), 'agent'), 'invalid_request'],
    ])
  })

  it('is no use to whoever has a copy of a bound one', async () => {
    const key = await dpopKey()
    const headers = async (nonce: string | null) => ({
      dpop: await key.proof({ htu: world.token, ...(nonce === null ? {} : { nonce }) }),
    })
    const bound = await personToken(world, ada, { clientId: 'desk', server: 'files', scope: 'files:read', headers })
    const thief = await dpopKey()
    await refusesEach([
      ['without a proof', exchange(bound.access_token), 'invalid_request'],
      [
        'with another key',
        exchange(bound.access_token, 'agent', {}, { dpop: await thief.proof({ htu: world.token }) }),
        'invalid_request',
      ],
    ])
    const asked = await exchange(bound.access_token, 'agent', {}, await headers(null))
    expect(asked.body['error']).toBe('use_dpop_nonce')
    const own = await exchange(bound.access_token, 'agent', {}, await headers(asked.headers.get('dpop-nonce')))
    expect(own.body).toMatchObject({ token_type: 'DPoP' })
    expect(decodeJwt(tokenOf(own))['cnf']).toEqual({ jkt: key.jkt })
  })

  it('ends with the token, the authorization and the clients that it came from', async () => {
    const ends: [string, (token: string) => Promise<unknown>][] = [
      ['grant', (token) => world.gateway.admin('DELETE', `/grants/${String(decodeJwt(token)['gid'])}`)],
      [
        'token',
        (token) =>
          fetch(`${world.origin}/oauth/revoke`, {
            method: 'POST',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams({ token, client_id: 'desk' }).toString(),
          }),
      ],
      ['client before', () => world.gateway.admin('POST', '/grants/revoke', { clientId: 'desk' })],
      ['client between', () => world.gateway.admin('POST', '/grants/revoke', { clientId: 'agent' })],
    ]
    for (const [what, end] of ends) {
      const first = await given()
      const second = tokenOf(await exchange(first))
      const third = tokenOf(await exchange(second, 'second'))
      expect([what, await world.call('files', third, 'get_thing')]).toEqual([what, 200])
      await end(first)
      expect([what, await world.call('files', third, 'get_thing')]).toEqual([what, 401])
      const again = await exchange(second, 'third')
      expect([what, again.status, again.body['error']]).toEqual([what, 400, 'invalid_request'])
    }
  })
})
