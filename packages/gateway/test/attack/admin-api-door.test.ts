import { createHash, randomBytes } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { logIn, type Person } from '../e2e/support/authorize.ts'
import { formsOf, ScriptedBrowser } from '../e2e/support/browser.ts'
import { type DpopKey, dpopKey } from '../support/dpop-key.ts'
import { initialize, REDIRECT_URI, registerClient, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

let upstream: ScriptedUpstream
let world: WholeGateway
let origin: string
let api: string
let clientId: string
const people = new Map<string, Person>()

beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  world = await startWholeGateway((port) =>
    [
      'version: 1',
      `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
      'registration: { perAddressPerHour: 1000 }',
      'roles:',
      '  operator: { admin: operator, allow: { "*": [read, write] } }',
      '  auditor: { admin: auditor, allow: { "*": [read] } }',
      '  user: { admin: user, allow: { "*": [read] } }',
      // Every tool of every server, and nothing of the gateway.
      '  maker: { allow: { "*": [read, write, send, destructive, execute, financial, admin] } }',
      'servers:',
      `  files: { http: { url: '${upstream.url}', network: loopback } }`,
      '',
    ].join('\n'),
  )
  origin = `http://127.0.0.1:${world.port}`
  api = `${origin}/api/v1`
  clientId = await registerClient(fetch, `${origin}/oauth/register`)
})
afterAll(async () => {
  await world.close()
  await upstream.close()
})
/** Whatever was tried, nothing of it reached the server. */
afterEach(() => expect(upstream.seen).toEqual([]))

async function person(role: string): Promise<Person> {
  const known = people.get(role)
  if (known !== undefined) return known
  const added = await world.addUser(`the-${role}`, [role])
  people.set(role, added)
  return added
}

/** Scopes to post, whatever the page offers; those ticked when left out. */
type Post = readonly string[] | undefined

/** The consent page that a person sees in a fresh browser, with what it offers, and a way to post any scopes to it. */
async function consentPage(who: Person, parameters: Readonly<Record<string, string | null>>) {
  const verifier = randomBytes(32).toString('base64url')
  const wanted: Record<string, string | null> = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT_URI,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: api,
    ...parameters,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(wanted)) if (value !== null) query.set(name, value)
  const browser = new ScriptedBrowser(origin)
  const page = await logIn(browser, await browser.open(`${origin}/oauth/authorize?${query.toString()}`), who)
  const form = formsOf(page.html).find(({ buttons }) => buttons.some(({ value }) => value === 'deny'))
  if (form === undefined) throw new Error(`no consent page: ${page.status} ${page.url}`)
  const boxes = form.fields.filter(({ name }) => name === 'scope')
  return {
    verifier,
    html: page.html,
    offered: boxes.map(({ value }) => value),
    ticked: boxes.filter(({ isChecked }) => isChecked).map(({ value }) => value),
    /** The status of the page that follows, or the client's redirect URI. */
    allow: async (scopes: readonly string[]): Promise<number | URL> => {
      const kept = form.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value] as const)
      const ticks = scopes.map((scope) => ['scope', scope] as const)
      const next = await browser.submit(page, form, [...kept, ...ticks, ['decision', 'allow']])
      const link = /href="([^"]*\/oauth\/authorize\/[^"]+)"/.exec(next.html)?.[1]
      const last = link === undefined ? next : await browser.open(new URL(link.replaceAll('&amp;', '&'), next.url).href)
      return last.status === 0 ? new URL(last.url) : last.status
    },
  }
}

async function codeFor(who: Person, parameters: Readonly<Record<string, string>>, post?: Post) {
  const page = await consentPage(who, parameters)
  const end = await page.allow(post ?? page.ticked)
  const code = typeof end === 'number' ? null : end.searchParams.get('code')
  if (code === null) throw new Error(`no code: ${String(end)}`)
  return { grant_type: 'authorization_code', code, code_verifier: page.verifier, redirect_uri: REDIRECT_URI }
}

const askToken = async (form: Readonly<Record<string, string>>) => {
  const response = await requestToken(fetch, `${origin}/oauth/token`, { client_id: clientId, ...form })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function tokensFor(who: Person, parameters: Readonly<Record<string, string>>, post?: Post) {
  const { status, body } = await askToken(await codeFor(who, parameters, post))
  if (status !== 200) throw new Error(`no token: ${status} ${JSON.stringify(body)}`)
  return {
    access_token: String(body['access_token']),
    refresh_token: typeof body['refresh_token'] === 'string' ? body['refresh_token'] : null,
    expires_in: body['expires_in'],
  }
}

const ask = (token: string, path: string, init: RequestInit = {}) =>
  fetch(`${api}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } })
const grants = async () =>
  (JSON.parse((await world.admin('GET', '/grants?limit=200')).text) as { items: Record<string, string>[] }).items
/** Why the answer's request was refused, as the log tells it. */
const reasonsOf = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { requestId: string } }
  const { text } = await world.admin('GET', `/log/requests/${error.requestId}`)
  return (JSON.parse(text) as { records: { reason: string }[] }).records.map(({ reason }) => reason)
}

describe('a token that is bound to a key', () => {
  it('administers nothing without it, and everything that its holder may with it', async () => {
    const key = await dpopKey()
    const tokenUrl = `${origin}/oauth/token`
    const form = await codeFor(await person('operator'), { scope: 'api:read' })
    const redeem = async (nonce?: string) => {
      const dpop = await key.proof({ htu: tokenUrl, ...(nonce === undefined ? {} : { nonce }) })
      const body = new URLSearchParams({ client_id: clientId, ...form }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded', dpop }
      return await fetch(tokenUrl, { method: 'POST', headers, body })
    }
    const nonce = (await redeem()).headers.get('dpop-nonce') ?? ''
    const { access_token: token } = (await (await redeem(nonce)).json()) as { access_token: string }
    const stolen = await ask(token, '/users')
    expect([stolen.status, stolen.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
    expect(await reasonsOf(stolen)).toEqual(['boundTokenAsBearer'])
    const show = async (by: DpopKey, claims: Record<string, unknown> = {}) => {
      const dpop = await by.proof({ htm: 'GET', htu: `${api}/users`, token, nonce, ...claims })
      return await fetch(`${api}/users`, { headers: { authorization: `DPoP ${token}`, dpop } })
    }
    const thief = await show(await dpopKey())
    expect([thief.status, thief.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringMatching(/^DPoP .*error="invalid_dpop_proof".*algs=/),
    ])
    const elsewhere = await show(key, { htu: `${api}/grants` })
    expect(elsewhere.status).toBe(401)
    const stale = await show(key, { nonce: 'A'.repeat(43) })
    expect([stale.status, stale.headers.get('dpop-nonce')]).toEqual([401, nonce])
    expect((await show(key)).status).toBe(200)
  })
})

describe('a token for one door at the other', () => {
  it('an MCP token does not open the admin API, however much its owner may', async () => {
    const { access_token } = await tokensFor(await person('operator'), {
      resource: `${origin}/mcp/files`,
      scope: 'files:read files:write api:read api:write',
    })
    expect(decodeJwt(access_token)).toMatchObject({ aud: `${origin}/mcp/files`, scope: 'files:read files:write' })
    const answer = await ask(access_token, '/users')
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="${api}", error="invalid_token", error_description="The access token is expired, revoked or not valid here", ` +
        `resource_metadata="${origin}/.well-known/oauth-protected-resource/api/v1", scope="api:read"`,
    )
    expect(await reasonsOf(answer)).toEqual(['tokenInvalid'])
  })

  it('a token of the admin API does not open an MCP server', async () => {
    const { access_token } = await tokensFor(await person('operator'), { scope: 'api:write files:read' })
    expect(decodeJwt(access_token)).toMatchObject({ aud: api, scope: 'api:write' })
    const answer = await initialize(fetch, `${origin}/mcp/files`, access_token)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"')
  })

  it('a code for a server is not redeemed for the admin API, nor the other way round', async () => {
    const operator = await person('operator')
    const ofServer = await codeFor(operator, { resource: `${origin}/mcp/files`, scope: 'files:read' })
    const ofApi = await codeFor(operator, { scope: 'api:read' })
    for (const form of [
      { ...ofServer, resource: api },
      { ...ofServer, resource: `${api}/` },
      { ...ofApi, resource: `${origin}/mcp/files` },
    ])
      expect(await askToken(form)).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })

  it('a refresh token of a server gives none for the admin API', async () => {
    const { refresh_token } = await tokensFor(await person('operator'), { resource: `${origin}/mcp/files` })
    const form = { grant_type: 'refresh_token', refresh_token: refresh_token ?? '' }
    expect(await askToken({ ...form, resource: api })).toMatchObject({
      status: 400,
      body: { error: 'invalid_target' },
    })
    expect(await askToken({ ...form, scope: 'api:read' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    })
  })
})

describe('an authorization that does not name the admin API', () => {
  it('never gets it by scopes: the only server is meant', async () => {
    const { offered, ticked } = await consentPage(await person('operator'), { resource: null, scope: 'api:write' })
    expect([ticked, offered]).toEqual([['files:read'], ['files:read', 'files:write']])
  })
})

describe('a person without an admin role', () => {
  it.each([['api:read'], ['api:write'], ['api:admin'], ['files:admin']])(
    'is offered nothing, and opens no grant by posting %s',
    async (scope) => {
      const before = (await grants()).length
      const page = await consentPage(await person('maker'), { scope: 'api:read api:write' })
      expect(page.offered).toEqual([])
      expect(await page.allow([scope])).toBe(403)
      expect((await grants()).length).toBe(before)
    },
  )
})

describe('a scope beyond the role', () => {
  it('an auditor is offered api:read alone, and gets no more by posting it', async () => {
    const before = (await grants()).length
    const page = await consentPage(await person('auditor'), { scope: 'api:read api:write' })
    expect(page.offered).toEqual(['api:read'])
    expect(await page.allow(['api:read', 'api:write'])).toBe(403)
    expect((await grants()).length).toBe(before)
    const [refusal] = await world.log('&activity=consent&reason=scopeBeyondRole')
    expect(refusal).toMatchObject({ outcome: 'refused', server: 'api' })
  })

  it.each(['api:admin', 'api:destructive', 'api:tool:users.create', 'api:*'])(
    '%s is no scope, for operators neither',
    async (scope) => {
      const before = (await grants()).length
      const page = await consentPage(await person('operator'), { scope })
      expect([page.ticked, page.offered]).toEqual([['api:read'], ['api:read', 'api:write']])
      expect(await page.allow([scope])).toBe(403)
      expect((await grants()).length).toBe(before)
    },
  )

  it('a token that reads changes nothing, and hears what it would take', async () => {
    const { access_token } = await tokensFor(await person('operator'), { scope: 'api:read' })
    expect((await ask(access_token, '/users')).status).toBe(200)
    const answer = await ask(access_token, '/users/the-operator/disable', { method: 'POST' })
    expect(answer.status).toBe(403)
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="${api}", error="insufficient_scope", error_description="This call needs more scopes than the access token has", ` +
        `resource_metadata="${origin}/.well-known/oauth-protected-resource/api/v1", scope="api:read api:write"`,
    )
    expect(await reasonsOf(answer)).toEqual(['scopeInsufficient'])
    expect(JSON.parse((await world.admin('GET', '/users/the-operator')).text)).toMatchObject({ status: 'active' })
  })

  it('a token that writes does what its role may, and no more', async () => {
    const { access_token } = await tokensFor(await person('user'), { scope: 'api:write' })
    const answer = await ask(access_token, '/users', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'sneaked-in', roles: ['operator'] }),
    })
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([403, null])
    expect((await world.admin('GET', '/users/sneaked-in')).status).toBe(404)
    expect((await ask(access_token, '/users')).status).toBe(403)
  })
})

describe('lifetimes', () => {
  it('a token that writes lives five minutes and has no successor', async () => {
    const tokens = await tokensFor(await person('operator'), { scope: 'api:read api:write' })
    const { exp = 0, iat = 0, gid } = decodeJwt(tokens.access_token)
    expect([tokens.expires_in, exp - iat, tokens.refresh_token]).toEqual([300, 300, null])
    const grant = (await grants()).find(({ grantId }) => grantId === gid)
    expect(grant).toMatchObject({ server: 'api', scopes: ['api:read', 'api:write'] })
    // Five minutes, and the time that redeeming the code may take.
    expect(Date.parse(grant?.['expiresAt'] ?? '') - Date.parse(grant?.['createdAt'] ?? '')).toBe(420_000)
  })

  it('a token that reads lives five minutes too, and is refreshed, never to api:write', async () => {
    const tokens = await tokensFor(await person('operator'), { scope: 'api:read' })
    expect(tokens.expires_in).toBe(300)
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' }
    expect(await askToken({ ...form, scope: 'api:read api:write' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    })
    expect(await askToken(form)).toMatchObject({ status: 200, body: { expires_in: 300, scope: 'api:read' } })
  })
})

describe('authority that ends', () => {
  it('with the role, at once', async () => {
    const who = await world.addUser('demoted', ['operator'])
    const { access_token } = await tokensFor(who, { scope: 'api:write' })
    expect((await ask(access_token, '/users')).status).toBe(200)
    await world.admin('PUT', '/users/demoted/roles', { roles: ['maker'] })
    const answer = await ask(access_token, '/users')
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([403, null])
    expect(await reasonsOf(answer)).toEqual(['adminRoleForbids'])
    // Another admin role gives what that role may, not what was consented to.
    await world.admin('PUT', '/users/demoted/roles', { roles: ['auditor'] })
    expect((await ask(access_token, '/users')).status).toBe(200)
    expect((await ask(access_token, '/users/the-user/disable', { method: 'POST' })).status).toBe(403)
  })

  it('while the consent page is open', async () => {
    const who = await world.addUser('shrinking', ['operator'])
    const before = (await grants()).length
    const page = await consentPage(who, { scope: 'api:read api:write' })
    expect(page.offered).toEqual(['api:read', 'api:write'])
    await world.admin('PUT', '/users/shrinking/roles', { roles: ['maker'] })
    expect(await page.allow(page.offered)).toBe(403)
    expect((await grants()).length).toBe(before)
  })

  it('with the account, at once, and no refresh brings it back', async () => {
    const who = await world.addUser('leaver', ['auditor'])
    const { access_token, refresh_token } = await tokensFor(who, { scope: 'api:read' })
    expect((await ask(access_token, '/users')).status).toBe(200)
    await world.admin('POST', '/users/leaver/disable')
    expect((await ask(access_token, '/users')).status).toBe(401)
    const again = await askToken({ grant_type: 'refresh_token', refresh_token: refresh_token ?? '' })
    expect(again).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })
})

describe('a token in the wrong place', () => {
  it('is refused in the query, beside a good header too', async () => {
    const { access_token } = await tokensFor(await person('operator'), { scope: 'api:read' })
    const alone = await fetch(`${api}/users?access_token=${access_token}`)
    expect(alone.status).toBe(401)
    expect(await reasonsOf(alone)).toEqual(['tokenInQuery'])
    expect((await ask(access_token, `/users?access_token=${access_token}`)).status).toBe(401)
  })

  it('no page of another origin uses it', async () => {
    const { access_token } = await tokensFor(await person('operator'), { scope: 'api:read' })
    const answer = await ask(access_token, '/users', { headers: { origin: 'https://evil.example' } })
    expect(answer.status).toBe(403)
    expect(answer.headers.has('access-control-allow-origin')).toBe(false)
  })
})
