import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Person } from '../e2e/support/authorize.ts'
import { type GrantsGateway, SECRET, startGrantsGateway } from '../support/grants-gateway.ts'
import { type Answer, postForm, send } from '../support/oauth-browser.ts'
import { personToken } from '../support/person-token.ts'
import { REDIRECT_URI } from '../support/scripted-client.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const program = (grantTypes: readonly string[]) => ({
  name: 'Program',
  grantTypes,
  authMethod: 'client_secret_post',
  secret: '${file:secret}',
  scopes: ['files:read'],
})
const HOSTILE = [
  ' ',
  '\u0000',
  '\r\nSet-Cookie: a=b',
  '\u202e',
  '\ufffd',
  '__proto__',
  'constructor',
  '<script>alert(1)</script>',
  "'; drop table grants; --",
  '[]',
  '{"a":1}',
  'x'.repeat(20_000),
]
/** RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 8628 §3.5, RFC 8693 §2.2.2, RFC 8707 §2, RFC 9101 §6. */
const ERRORS =
  /^(invalid_(request|client|grant|scope|target|token|request_object|request_uri)|unauthorized_client|unsupported_(grant_type|token_type|response_type)|slow_down|expired_token|access_denied)$/

interface World extends GrantsGateway {
  readonly accessToken: string
  readonly refreshToken: string
}
interface Endpoint {
  readonly path: string
  /** A request in order, with what the world has. */
  readonly fields: (world: World) => Promise<Record<string, string>> | Record<string, string>
  /** Without one of these it is none. */
  readonly needed: readonly string[]
  /** What it answers when nothing is wrong; asked last, to see that nothing was used up. */
  readonly good: number
}

const CODE_FREE = ['code_challenge', 'code_verifier', 'client_assertion', 'client_assertion_type', 'actor_token']
const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  'a refresh': {
    path: '/oauth/token',
    fields: ({ refreshToken }) => ({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: 'desk',
    }),
    needed: ['grant_type', 'refresh_token', 'client_id'],
    good: 200,
  },
  'a service': {
    path: '/oauth/token',
    fields: ({ resource }) => ({
      grant_type: 'client_credentials',
      client_id: 'service',
      client_secret: SECRET,
      resource: resource('files'),
    }),
    needed: ['grant_type', 'client_id', 'client_secret'],
    good: 200,
  },
  'a device that polls': {
    path: '/oauth/token',
    fields: async ({ origin }) => {
      const begun = await postForm(`${origin}/oauth/device_authorization`, { client_id: 'tv', scope: 'files:read' })
      return {
        grant_type: DEVICE,
        device_code: String((JSON.parse(begun.text) as { device_code: string }).device_code),
        client_id: 'tv',
      }
    },
    needed: ['grant_type', 'device_code', 'client_id'],
    // Nobody has confirmed it.
    good: 400,
  },
  'an exchange': {
    path: '/oauth/token',
    fields: ({ accessToken }) => ({
      grant_type: EXCHANGE,
      subject_token: accessToken,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      client_id: 'agent',
      client_secret: SECRET,
    }),
    needed: ['grant_type', 'subject_token', 'subject_token_type', 'client_id', 'client_secret'],
    good: 200,
  },
  'a workload': {
    path: '/oauth/token',
    fields: async ({ origin, assertion }) => ({
      grant_type: BEARER,
      assertion: await assertion('https://ci.example', { sub: 'build', aud: origin }),
      resource: `${origin}/mcp/files`,
    }),
    needed: ['grant_type', 'assertion'],
    good: 200,
  },
  'a revocation': {
    path: '/oauth/revoke',
    fields: ({ accessToken }) => ({ token: accessToken, token_type_hint: 'access_token', client_id: 'desk' }),
    needed: ['token', 'client_id'],
    good: 200,
  },
  'a question about a token': {
    path: '/oauth/introspect',
    fields: ({ accessToken }) => ({ token: accessToken, client_id: 'reports', client_secret: SECRET }),
    needed: ['token'],
    good: 200,
  },
  'a pushed request': {
    path: '/oauth/par',
    fields: ({ resource }) => ({
      response_type: 'code',
      client_id: 'desk',
      redirect_uri: REDIRECT_URI,
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      resource: resource('files'),
      state: 'state',
    }),
    needed: ['response_type', 'client_id', 'code_challenge'],
    good: 201,
  },
  'a device that begins': {
    path: '/oauth/device_authorization',
    fields: ({ resource }) => ({ client_id: 'tv', scope: 'files:read', resource: resource('files') }),
    needed: ['client_id'],
    good: 200,
  },
}

/** Every parameter of every endpoint that takes a form, in every way that a form can be wrong. */
describe.each(Object.keys(ENDPOINTS))('%s', (name) => {
  const { path, fields, needed, good } = ENDPOINTS[name] as Endpoint
  let world: World
  let ada: Person
  let base: Record<string, string>
  let grants: number
  beforeAll(async () => {
    const begun = await startGrantsGateway(({ jwk }) => ({
      clients: {
        desk: { name: 'Desk', redirectUris: [REDIRECT_URI] },
        tv: { name: 'TV', grantTypes: [DEVICE, 'refresh_token'] },
        service: program(['client_credentials']),
        agent: program([EXCHANGE]),
      },
      introspection: { reports: { servers: ['files'], secret: '${file:secret}' } },
      trustedIssuers: {
        ci: {
          issuer: 'https://ci.example',
          jwks: [jwk],
          workloads: { build: { claims: { sub: 'build' }, scopes: ['files:read'] } },
        },
      },
    }))
    ada = await begun.gateway.addUser('ada')
    const person = { clientId: 'desk', server: 'files', scope: 'files:read' }
    const tokens = await personToken(begun, ada, person)
    world = { ...begun, accessToken: tokens.access_token, refreshToken: String(tokens.refresh_token) }
    base = await fields(world)
    grants = await countGrants()
  })
  afterAll(async () => {
    try {
      expect(await countGrants()).toBe(grants)
      // Nothing of it used anything up, or ended anything.
      expect((await post(base)).status).toBe(good)
    } finally {
      await world.close()
    }
  })

  const post = (form: Record<string, string> | URLSearchParams) => postForm(`${world.origin}${path}`, form)
  const countGrants = async () =>
    (JSON.parse((await world.gateway.admin('GET', '/grants')).text) as { items: unknown[] }).items.length

  /** An error in the RFC's words, kept by nobody, repeating nothing. */
  function expectRefused({ status, headers, text }: Answer, statuses = [400, 401, 413, 415]): string {
    expect(statuses, text).toContain(status)
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['content-type']).toMatch(/^application\/json(; charset=utf-8)?$/)
    expect(text).not.toMatch(/access_token"|refresh_token"|request_uri"|<script>|drop table|Set-Cookie/)
    const { error } = JSON.parse(text) as { error: string }
    expect(error).toMatch(ERRORS)
    return error
  }

  it('with a parameter that comes twice is refused', async () => {
    for (const field of [...Object.keys(base), ...CODE_FREE, 'unheard_of']) {
      for (const values of [
        ['a', 'b'],
        ['', ''],
        [base[field] ?? 'a', base[field] ?? 'a'],
      ]) {
        const form = new URLSearchParams(base)
        form.delete(field)
        for (const value of values) form.append(field, value)
        expect([field, expectRefused(await post(form), [400])]).toEqual([field, 'invalid_request'])
      }
    }
  })

  it.each(needed)('without %s, or with nothing in it, is refused', async (field) => {
    const { [field]: _, ...rest } = base
    expectRefused(await post(rest))
    expectRefused(await post({ ...rest, [field]: '' }))
  })

  it.each(needed)('with something else in %s is refused', async (field) => {
    for (const value of HOSTILE) {
      const answer = await post({ ...base, [field]: value })
      // RFC 7009 §2.2 and RFC 7662 §2.2: a token that is none is no error.
      if (field === 'token') expect([200, 400]).toContain(answer.status)
      else expectRefused(answer)
      expect(answer.text).not.toMatch(/"active":true/)
    }
  })

  it('in another encoding, form, method or size is refused', async () => {
    const url = `${world.origin}${path}`
    const body = new URLSearchParams(base).toString()
    const form = 'application/x-www-form-urlencoded'
    const as = (type: string | null, content: string | Buffer, more: Record<string, string> = {}) =>
      send(url, {
        method: 'POST',
        headers: { ...(type === null ? {} : { 'content-type': type }), ...more },
        body: content,
      })
    expectRefused(await as('application/json', JSON.stringify(base)), [415])
    expectRefused(await as('multipart/form-data; boundary=x', `--x\r\n\r\n${body}\r\n--x--`), [415])
    expectRefused(await as('text/plain', body), [415])
    expectRefused(await as(null, body), [415])
    expectRefused(await as(form, body, { 'content-encoding': 'gzip' }), [415])
    expectRefused(await as(form, Buffer.concat([Buffer.from(`${body}&x=`), Buffer.from([0xff, 0xfe])])), [400])
    expectRefused(await as(form, `${body}&x=${'y'.repeat(70_000)}`), [413])
    expectRefused(await as(form, `${body}${Array.from({ length: 300 }, (_, i) => `&x${i}=`).join('')}`), [400])
    expectRefused(await as(form, ''))
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH'])
      expect((await send(`${url}?${body}`, { method })).status).toBe(405)
  })

  it('with everything in the query is refused', async () => {
    expectRefused(
      await send(`${world.origin}${path}?${new URLSearchParams(base).toString()}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
    )
  })
})
