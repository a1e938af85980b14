import { exportPKCS8, generateKeyPair, jwtVerify } from 'jose'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ScriptedBrowser } from '../e2e/support/browser.ts'
import { formsOf } from '../e2e/support/browser.ts'
import {
  type HandMadeProvider,
  PROVIDER_CLIENT,
  type ProviderScript,
  startHandMadeProvider,
} from '../support/hand-made-provider.ts'
import { isConsent, type ProviderWorld, startProviderWorld, visitProvider } from '../support/provider-login.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/**
 * Each provider as it is recorded to behave (authorization-server facts §6, parts §5), played on loopback: what it refuses, leaves out, calls
 * otherwise or says of others. Expected: people come in with their roles, and what is not known refuses.
 */
let upstream: ScriptedUpstream
let corp: HandMadeProvider | undefined
let world: ProviderWorld | undefined
let serviceKey: { pem: string; publicKey: Awaited<ReturnType<typeof generateKeyPair>>['publicKey'] }
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  serviceKey = { pem: await exportPKCS8(privateKey), publicKey }
  return () => upstream.close()
})
afterEach(async () => {
  await world?.whole.close()
  await corp?.close()
  world = undefined
  corp = undefined
})

async function start(
  script: Partial<ProviderScript>,
  section: (issuer: string) => string,
  options: { readonly path?: string; readonly yaml?: string; readonly more?: string } = {},
) {
  corp = await startHandMadeProvider(options.path)
  Object.assign(corp.script, script)
  const more = options.more ?? 'accounts: opened, emailDomains: [corp.example]'
  world = await startProviderWorld(
    `  corp: { issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, secret: '\${file:corp.secret}', network: loopback, ${more}, ${section(corp.issuer)} }`,
    upstream.url,
    {
      files: { 'corp.secret': 'a secret at corp', 'service.key': serviceKey.pem },
      ...(options.yaml ? { yaml: options.yaml } : {}),
    },
  )
  return { corp, world }
}
async function logIn(): Promise<{
  readonly status: number
  readonly isIn: boolean
  readonly browser: ScriptedBrowser
}> {
  if (world === undefined) throw new Error('nothing was started')
  const browser = world.newBrowser()
  const page = await browser.open(await visitProvider(browser, await world.beginAuthorization(browser), 'corp'))
  return { status: page.status, isIn: isConsent(page), browser }
}
const users = async () =>
  (
    JSON.parse((await world?.whole.admin('GET', '/users'))?.text ?? '{}') as {
      items: { username: string; roles: string[] }[]
    }
  ).items
const reasons = async () => ((await world?.whole.log()) ?? []).map(({ reason }) => reason)
const asked = () => corp?.authorizations.at(-1) ?? new URLSearchParams()
const MAIL = { email: 'ada@corp.example', email_verified: true }

describe('entra', () => {
  const TENANT = '8b0f1c2d-0000-4000-8000-1234567890ab'
  const path = `/${TENANT}/v2.0`
  const claims = {
    sub: 'pairwise-ada',
    oid: 'oid-ada',
    tid: TENANT,
    email: 'ada@corp.example',
    preferred_username: 'ada@corp.example',
  }
  const roles = 'profile: entra, roles: { map: { g-1: [user], g-2: [operator] } }'

  it('is asked for nothing that is the client’s, and believed about addresses only with the owner’s mark', async () => {
    await start({ claims: { ...claims, groups: ['g-1'], email_verified: true } }, () => roles, { path })
    expect((await logIn()).isIn).toBe(true)
    expect([asked().get('resource'), asked().get('scope')]).toEqual([null, 'openid profile email'])
    expect((await users())[0]).toMatchObject({ username: expect.not.stringContaining('@'), roles: ['user'] })
    if (corp !== undefined) corp.script.claims = { ...claims, sub: 'pairwise-eve', groups: ['g-1'], xms_edov: true }
    expect((await logIn()).isIn).toBe(true)
    expect((await users()).map(({ username }) => username)).toContain('ada@corp.example')
  })

  it('of another tenant lets nobody in, though the signature is right', async () => {
    await start({ claims: { ...claims, tid: 'another-tenant', groups: ['g-1'] } }, () => roles, { path })
    expect((await logIn()).isIn).toBe(false)
    expect(await reasons()).toContain('tenantMismatch')
    expect(await users()).toEqual([])
  })

  it.each<[string, Record<string, unknown>]>([
    [
      '_claim_names',
      { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.example' } } },
    ],
    ['hasgroups', { hasgroups: true }],
  ])('that leaves groups out (%s) is asked at Graph, as the application', async (_how, overage) => {
    const questions: { path: string; body: string; authorization: string | undefined }[] = []
    const script: Partial<ProviderScript> = {
      claims: { ...claims, ...overage },
      beside: ({ url, body, headers }) => {
        questions.push({ path: url.pathname, body, authorization: headers.authorization })
        if (url.pathname === `/${TENANT}/oauth2/v2.0/token`)
          return { access_token: 'graph-token', token_type: 'Bearer' }
        return url.pathname === '/v1.0/users/oid-ada/getMemberObjects' ? { value: ['g-0', 'g-2'] } : null
      },
    }
    await start(
      script,
      (issuer) =>
        `profile: entra, roles: { map: { g-1: [user], g-2: [operator] }, lookup: { endpoint: '${new URL(issuer).origin}' } }`,
      { path },
    )
    expect((await logIn()).isIn).toBe(true)
    expect((await users())[0]?.roles).toEqual(['operator'])
    expect(new URLSearchParams(questions[0]?.body).get('grant_type')).toBe('client_credentials')
    expect(questions[1]).toEqual({
      path: '/v1.0/users/oid-ada/getMemberObjects',
      body: '{"securityEnabledOnly":false}',
      authorization: 'Bearer graph-token',
    })
  })

  it.each<[string, ProviderScript['beside']]>([
    ['does not answer', () => null],
    ['answers something else', () => ({ access_token: 'graph-token', value: 'all' })],
    ['answers numbers', () => ({ access_token: 'graph-token', value: [1] })],
  ])('whose Graph %s: groups are unknown, which is never none', async (_how, beside) => {
    await start(
      { claims: { ...claims, hasgroups: true }, ...(beside ? { beside } : {}) },
      (issuer) => `profile: entra, roles: { always: [user], lookup: { endpoint: '${new URL(issuer).origin}' } }`,
      { path },
    )
    expect((await logIn()).isIn).toBe(false)
    expect(await reasons()).toContain('groupsUnknown')
  })
})

describe('google', () => {
  const claims = { sub: '108', ...MAIL, hd: 'corp.example', name: 'Ada' }
  const refusesOffline: Partial<ProviderScript> = {
    authorizationError: (query) => (query.get('scope')?.includes('offline_access') ? 'invalid_scope' : null),
    givesRefreshToken: (query) => query.get('access_type') === 'offline' && query.get('prompt') === 'consent',
    refresh: 'takes',
  }

  it('gives a refresh token for its own parameters, and never sees offline_access or an age', async () => {
    await start(
      { claims, ...refusesOffline },
      () => 'profile: google, scopes: [openid, email, offline_access], recheck: {}, roles: { always: [user] }',
    )
    expect((await logIn()).isIn).toBe(true)
    expect(Object.fromEntries(asked())).toMatchObject({
      access_type: 'offline',
      prompt: 'consent',
      scope: 'openid email',
    })
    expect(asked().get('max_age')).toBeNull()
  })

  it.each<[string, Record<string, unknown>]>([
    ['of a consumer', { hd: undefined }],
    ['of another company', { hd: 'other.example' }],
    ['that it has not checked', { email_verified: false }],
  ])('an account %s is nobody by its address', async (_how, change) => {
    const { world: started } = await start({ claims: { ...claims, ...change } }, () => 'profile: google', {
      more: 'emailDomains: [corp.example]',
    })
    await started.whole.addUser('ada@corp.example', ['user'])
    expect((await logIn()).isIn).toBe(false)
    expect(await reasons()).toContain('notLinked')
  })

  const lookup = (issuer: string) =>
    `profile: google, roles: { map: { staff@corp.example: [user], ops@corp.example: [operator] }, lookup: { endpoint: '${issuer}', serviceAccount: { email: 'svc@corp.example', key: '\${file:service.key}', actsFor: 'admin@corp.example', tokenEndpoint: '${issuer}/service-token' } } }`

  it('is asked for groups at its directory, by the service account, page by page', async () => {
    const assertions: string[] = []
    const beside: ProviderScript['beside'] = ({ url, body }) => {
      if (url.pathname === '/service-token') {
        assertions.push(new URLSearchParams(body).get('assertion') ?? '')
        return { access_token: 'directory-token' }
      }
      if (url.searchParams.get('userKey') !== '108') return null
      return url.searchParams.get('pageToken') === null
        ? { groups: [{ email: 'staff@corp.example' }], nextPageToken: 'p2' }
        : { groups: [{ email: 'ops@corp.example' }] }
    }
    const started = await start({ claims, beside }, lookup)
    expect((await logIn()).isIn).toBe(true)
    expect((await users())[0]?.roles.toSorted()).toEqual(['operator', 'user'])
    const { payload } = await jwtVerify(assertions[0] ?? '', serviceKey.publicKey, {
      audience: `${started.corp.issuer}/service-token`,
    })
    expect(payload).toMatchObject({
      iss: 'svc@corp.example',
      sub: 'admin@corp.example',
      scope: 'https://www.googleapis.com/auth/admin.directory.group.readonly',
    })
  })

  it.each<[string, ProviderScript['beside']]>([
    ['is away', () => null],
    ['never ends', () => ({ access_token: 't', groups: [{ email: 'staff@corp.example' }], nextPageToken: 'more' })],
    ['answers something else', () => ({ access_token: 't', groups: 'all' })],
  ])('whose directory %s: groups are unknown', async (_how, beside) => {
    await start({ claims, ...(beside ? { beside } : {}) }, lookup)
    expect((await logIn()).isIn).toBe(false)
    expect(await reasons()).toContain('groupsUnknown')
  })
})

describe('cognito', () => {
  const claims = {
    sub: 'c-1',
    token_use: 'id',
    email: 'ada@corp.example',
    email_verified: 'true',
    'cognito:groups': ['staff'],
  }
  const section = () => 'profile: cognito, roles: { map: { staff: [user] } }'
  it('says true in its own way, and calls groups its own', async () => {
    await start({ claims }, section)
    expect((await logIn()).isIn).toBe(true)
    expect(await users()).toMatchObject([{ username: 'ada@corp.example', roles: ['user'] }])
  })
  it('’s access token, which the same key signs, is no ID token', async () => {
    await start({ claims: { ...claims, token_use: 'access' } }, section)
    expect((await logIn()).isIn).toBe(false)
    expect(await reasons()).toContain('idTokenInvalid')
  })
})

it.each<[string, Record<string, unknown>, string]>([
  ['keycloak', { realm_access: { roles: ['staff'] } }, 'map: { staff: [user] }'],
  ['okta', { groups: ['staff'] }, 'map: { staff: [user] }'],
  ['auth0', { 'https://corp.example/roles': ['staff'] }, "claim: 'https://corp.example/roles', map: { staff: [user] }"],
  ['workos', { role: 'member', org_id: 'org_1' }, 'map: { member: [user] }'],
  ['clerk', { org_role: 'org:member' }, "map: { 'org:member': [user] }"],
  ['generic', { groups: 'staff' }, 'map: { staff: [user] }'],
])('%s: roles are where it has them, and nowhere else', async (profile, has, rules) => {
  const { corp: provider } = await start(
    { claims: { sub: 'x-1', ...MAIL, ...has } },
    () => `profile: ${profile}, roles: { ${rules} }`,
  )
  expect((await logIn()).isIn).toBe(true)
  expect((await users())[0]?.roles).toEqual(['user'])
  provider.script.claims = { sub: 'x-2', realm_access: 'staff', roles: ['staff'], 'realm_access.other': ['staff'] }
  await logIn()
  expect((await users()).find(({ username }) => username !== 'ada@corp.example')?.roles).toEqual([])
})

it.each([
  [25, true],
  [-25, true],
  [300, false],
])('a clock that is %i seconds off lets somebody in: %s', async (seconds, isIn) => {
  await start({ claims: { sub: 'x-1' } }, () => 'roles: { always: [user] }')
  const off = Math.floor(Date.now() / 1000) + seconds
  if (corp !== undefined)
    corp.script.idToken = (honest, sign) => sign({ ...honest, iat: off, nbf: off, exp: seconds < 0 ? off : off + 300 })
  expect((await logIn()).isIn).toBe(isIn)
})

it('a provider that takes the secret in the form alone gets it there', async () => {
  const started = await start(
    { claims: { sub: 'x-1' }, metadata: { token_endpoint_auth_methods_supported: ['client_secret_post'] } },
    () => 'roles: { always: [user] }',
  )
  expect((await logIn()).isIn).toBe(true)
  expect(started.corp.tokenRequests[0]?.authorization).toBeUndefined()
  expect(started.corp.tokenRequests[0]?.form.get('client_secret')).toBe('a secret at corp')
})

describe('github', () => {
  const github = (answers: Record<string, unknown> = {}): Partial<ProviderScript> => ({
    beside: ({ url, body, headers }) => {
      if (url.pathname === '/login/oauth/access_token') {
        const form = new URLSearchParams(body)
        const isRight =
          form.get('code') === 'gh-code' &&
          form.get('client_secret') === 'a secret at corp' &&
          (form.get('code_verifier')?.length ?? 0) >= 43
        return isRight ? { access_token: 'gho_1', token_type: 'bearer' } : { error: 'bad_verification_code' }
      }
      if (headers.authorization !== 'Bearer gho_1') return null
      const all: Record<string, unknown> = {
        '/user': { id: 4711, login: 'ada', name: 'Ada L', email: 'public@evil.example' },
        '/user/emails': [
          { email: 'old@corp.example', primary: false, verified: true },
          { email: 'ada@corp.example', primary: true, verified: true },
        ],
        '/user/teams': [{ slug: 'ops', organization: { login: 'corp' } }],
        ...answers,
      }
      return all[url.pathname] ?? null
    },
  })
  const section = (issuer: string) =>
    `profile: github, apiUrl: '${issuer}', scopes: ['user:email', 'read:org'], roles: { map: { corp/ops: [user] } }`
  const visit = async (query: Record<string, string> = { code: 'gh-code' }) => {
    if (world === undefined) throw new Error('nothing was started')
    const browser = world.newBrowser()
    const page = await world.beginAuthorization(browser)
    const link = /href="([^"]*\/with\/corp)"/.exec(page.html)?.[1] ?? ''
    const there = new URL((await browser.open(new URL(link, page.url).href)).url)
    const back = new URL(there.searchParams.get('redirect_uri') ?? '')
    back.search = new URLSearchParams({ state: there.searchParams.get('state') ?? '', ...query }).toString()
    return { there, page: await browser.open(back.href) }
  }

  it('is OAuth alone: PKCE and state bind it, the number is who somebody is, teams are groups', async () => {
    const started = await start(github(), section)
    const { there, page } = await visit()
    expect(isConsent(page)).toBe(true)
    expect(`${there.origin}${there.pathname}`).toBe(`${started.corp.issuer}/login/oauth/authorize`)
    const parameters = Object.fromEntries(there.searchParams)
    expect(parameters).toMatchObject({
      scope: 'user:email read:org',
      code_challenge_method: 'S256',
      client_id: PROVIDER_CLIENT,
    })
    expect(Object.keys(parameters)).not.toContain('nonce')
    expect(await users()).toMatchObject([{ username: 'ada@corp.example', roles: ['user'] }])
  })

  it.each<[string, Record<string, unknown>, Record<string, string>, string]>([
    ['another code', {}, { code: 'other' }, 'providerRefused'],
    ['no code', {}, {}, 'providerRefused'],
    ['an error', {}, { error: 'access_denied' }, 'providerRefused'],
    ['nobody', { '/user': { login: 'ada' } }, { code: 'gh-code' }, 'providerRefused'],
    ['an API that is away', { '/user': null }, { code: 'gh-code' }, 'providerUnreachable'],
    [
      'teams that nobody could read to the end',
      { '/user/teams': Array.from({ length: 100 }, () => ({ slug: 'x', organization: { login: 'y' } })) },
      { code: 'gh-code' },
      'groupsUnknown',
    ],
  ])('%s lets nobody in', async (_how, answers, query, reason) => {
    await start(github(answers), section)
    expect(isConsent((await visit(query)).page)).toBe(false)
    expect(await reasons()).toContain(reason)
    expect(await users()).toEqual([])
  })

  it('an address that is not the primary one, or not checked, is nobody’s', async () => {
    await start(github({ '/user/emails': [{ email: 'ada@corp.example', primary: true, verified: false }] }), section, {
      more: 'emailDomains: [corp.example]',
    })
    await world?.whole.addUser('ada@corp.example', ['user'])
    expect(isConsent((await visit()).page)).toBe(false)
    expect(await reasons()).toContain('notLinked')
  })
})

describe('home realm discovery', () => {
  const yaml = 'login: { discovery: address }'
  const where = async (address: string) => {
    if (world === undefined) throw new Error('nothing was started')
    const browser = world.newBrowser()
    const page = await world.beginAuthorization(browser)
    const [form] = formsOf(page.html)
    if (form === undefined) throw new Error('no form')
    const hidden = form.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value] as const)
    return { first: page, next: await browser.submit(page, form, [...hidden, ['address', address]]) }
  }

  it('asks for the address, and its domain alone decides; the address goes nowhere', async () => {
    const started = await start({ claims: { sub: 'x-1' } }, () => 'title: Corp SSO, roles: { always: [user] }', {
      yaml,
    })
    const known = await where('Anybody@CORP.example')
    expect(known.first.html).not.toContain('Corp SSO')
    expect(known.next.status).toBe(0)
    const left = new URL(known.next.url)
    expect(left.origin).toBe(new URL(started.corp.issuer).origin)
    expect(left.href.toLowerCase()).not.toContain('anybody')
    const other = await where('maria@elsewhere.example')
    expect([
      other.next.status,
      other.next.html.includes('name="password"'),
      other.next.html.includes('Corp SSO'),
    ]).toEqual([200, true, false])
    expect(other.next.html).toContain('maria@elsewhere.example')
    expect((await where('')).next.status).toBe(422)
  })

  it('says so where nobody of that domain logs in', async () => {
    await start({ claims: { sub: 'x-1' } }, () => 'roles: { always: [user] }', {
      yaml: 'login: { discovery: address, passwords: false }',
    })
    const { next } = await where('maria@elsewhere.example')
    expect([next.status, next.html.includes('Nobody with an address of this domain')]).toEqual([404, true])
  })
})
