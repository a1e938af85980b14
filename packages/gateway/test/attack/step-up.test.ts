import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { formsOf } from '../e2e/support/browser.ts'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { authorizationOf, isConsent, type ProviderWorld, startProviderWorld } from '../support/provider-login.ts'
import { logInAtProvider, throughProvider } from '../support/provider-token.ts'
import { type IssuedTokens, initialize, post, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/**
 * Somebody with a weak, old or borrowed login wants what needs a strong or recent one: by an old session, an old token, an API key, or a
 * provider that says less than was asked. Expected: a new login where a person can be asked, RFC 9470's challenge where not, no call.
 */
const MULTI = 'urn:sallyport:acr:multi-factor'
let upstream: ScriptedUpstream
let corp: HandMadeProvider
let world: ProviderWorld
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  upstream = await startScriptedUpstream(({ body, json }) => {
    const id = body['id']
    if (body['method'] === 'tools/list') {
      json({
        jsonrpc: '2.0',
        id,
        result: { tools: ['wipe', 'pay', 'look'].map((name) => ({ name, inputSchema: { type: 'object' } })) },
      })
      return true
    }
    if (body['method'] !== 'tools/call') return false
    json({ jsonrpc: '2.0', id, result: { content: [] } })
    return true
  })
  corp = await startHandMadeProvider()
  const section = `issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened, multiFactorAcr: ['loa:2', 'loa:3'], roles: { always: [owner] }`
  world = await startProviderWorld(`  corp: { ${section} }`, upstream.url, {
    yaml: [
      'login: { tiers: { sensitive: { multiFactor: true }, privileged: { multiFactor: true, maxAgeSeconds: 600 } } }',
      "roles: { owner: { allow: { '*': [destructive, financial, send] } } }",
    ].join('\n'),
    server: 'tools: { wipe: { class: destructive }, pay: { class: financial }, look: { class: read } }',
  })
})
afterAll(async () => {
  await world.whole.close()
  await corp.close()
  await upstream.close()
  vi.useRealTimers()
})
beforeEach(() => {
  corp.script.claims = { sub: 'corp-ada', auth_time: now(), acr: 'loa:2' }
})
afterEach(() => vi.setSystemTime(vi.getRealSystemTime()))

const now = () => Math.floor(Date.now() / 1000)
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const ALL = 'notes:read notes:financial notes:destructive'
const logIn = (scope: string, browser = world.newBrowser()) =>
  logInAtProvider({ origin: world.origin, provider: 'corp', scope, browser })
const url = () => `${world.origin}/mcp/notes`
async function call({ access_token }: IssuedTokens, tool: string) {
  const opened = await initialize(fetch, url(), access_token)
  await opened.text()
  const answer = await post(
    fetch,
    url(),
    access_token,
    { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool, arguments: {} } },
    { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' },
  )
  const text = await answer.text()
  return { status: answer.status, challenge: answer.headers.get('www-authenticate') ?? '', text }
}
const refresh = async ({ refresh_token, clientId }: IssuedTokens): Promise<IssuedTokens> => {
  const form = { grant_type: 'refresh_token', refresh_token: refresh_token ?? '', client_id: clientId }
  const answer = await requestToken(fetch, `${world.origin}/oauth/token`, form)
  expect(answer.status).toBe(200)
  return { clientId, ...((await answer.json()) as Omit<IssuedTokens, 'clientId'>) }
}
const reached = () => upstream.of('tools/call').length
const reasons = async () => (await world.whole.log()).map(({ reason }) => reason)

describe('a strong login', () => {
  it('is asked for at the provider where the scopes need it, and opens everything', async () => {
    const tokens = await logIn(ALL)
    expect(corp.authorizations.at(-1)?.get('acr_values')).toBe('loa:2 loa:3')
    expect(corp.authorizations.at(-1)?.get('max_age')).toBe('300')
    for (const tool of ['look', 'pay', 'wipe']) expect((await call(tokens, tool)).status).toBe(200)
  })

  it('is not asked for where they do not', async () => {
    corp.script.claims = { sub: 'corp-ada' }
    const tokens = await logIn('notes:read')
    expect(corp.authorizations.at(-1)?.get('acr_values')).toBeNull()
    expect((await call(tokens, 'look')).status).toBe(200)
  })
})

describe('a weak login', () => {
  it.each<[string, Record<string, unknown>]>([
    ['says nothing', {}],
    ['says a lower level', { acr: 'loa:1' }],
    ['says one method', { amr: ['pwd'] }],
    ['says its level in another type', { acr: ['loa:2'] }],
    ['speaks our words', { acr: MULTI }],
  ])('at a provider that %s: no page to consent on', async (_how, claims) => {
    corp.script.claims = { sub: 'corp-ada', auth_time: now(), ...claims }
    await expect(logIn(ALL)).rejects.toThrow('no consent')
    expect(await reasons()).toContain('oneFactorOnly')
  })

  it.each([[['pwd', 'otp']], [['mfa']]])('does not count as one where it says %s', async (amr) => {
    corp.script.claims = { sub: 'corp-ada', auth_time: now(), amr }
    expect((await call(await logIn(ALL), 'wipe')).status).toBe(200)
  })

  it('of an old session is not enough for the next app: the person is asked anew', async () => {
    corp.script.claims = { sub: 'corp-ada', auth_time: now() }
    const browser = world.newBrowser()
    await logIn('notes:read', browser)
    const asked = corp.authorizations.length
    await expect(logIn('notes:financial', browser)).rejects.toThrow('no consent')
    expect(corp.authorizations.length).toBe(asked + 1)
    corp.script.claims = { sub: 'corp-ada', auth_time: now(), acr: 'loa:3' }
    expect((await call(await logIn('notes:financial', browser), 'pay')).status).toBe(200)
  })

  it('is offered nothing on the consent page that it is not enough for, and given nothing by a form that says so', async () => {
    corp.script.claims = { sub: 'corp-ada', auth_time: now() }
    const browser = world.newBrowser()
    const page = await throughProvider(browser, await world.beginAuthorization(browser), 'corp')
    expect(isConsent(page)).toBe(true)
    expect(page.html).toContain('value="notes:send"')
    for (const scope of ['notes:financial', 'notes:destructive']) expect(page.html).not.toContain(`value="${scope}"`)
    const form = formsOf(page.html).find(({ buttons }) => buttons.some(({ value }) => value === 'allow'))
    if (form === undefined) throw new Error('no form')
    const hidden = form.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value] as const)
    const forged = await browser.submit(page, form, [...hidden, ['scope', 'notes:destructive'], ['decision', 'allow']])
    expect([forged.status, forged.html.includes('name="scope"')]).toEqual([403, true])
  })
})

describe('an old login', () => {
  it('of a session is asked for anew; where it is said to be old still, nobody comes in', async () => {
    const browser = world.newBrowser()
    await logIn('notes:read', browser)
    later(301)
    const asked = corp.authorizations.length
    await expect(logIn('notes:destructive', browser)).rejects.toThrow()
    expect(corp.authorizations.length).toBe(asked + 1)
    corp.script.claims = { sub: 'corp-ada', auth_time: now(), acr: 'loa:2' }
    expect((await call(await logIn('notes:destructive', browser), 'wipe')).status).toBe(200)
  })

  it('that its provider does not date is not recent', async () => {
    corp.script.claims = { sub: 'corp-ada', acr: 'loa:2' }
    await expect(logIn('notes:destructive')).rejects.toThrow('no consent')
    expect(await reasons()).toContain('tooLongAgo')
    // Nor later, when the session that it made is taken for one.
    const browser = world.newBrowser()
    await logIn('notes:financial', browser)
    await expect(logIn('notes:destructive', browser)).rejects.toThrow('no consent')
  })

  it('takes far-reaching scopes away at a refresh, so that the client learns to ask; an old token is challenged', async () => {
    const first = await logIn(ALL)
    expect(first.expires_in).toBeLessThanOrEqual(300)
    later(250)
    const before = reached()
    const tokens = await refresh(first)
    expect(tokens.scope?.split(' ').toSorted()).toEqual(['notes:financial', 'notes:read'])
    const refused = await call(tokens, 'wipe')
    expect(refused.status).toBe(403)
    expect(refused.challenge).toContain('error="insufficient_scope"')
    expect(refused.challenge).toContain('notes:destructive')
    expect(reached()).toBe(before)
  })
})

describe('what nobody logged in for', () => {
  it('an API key reads, and is challenged where a login is demanded; the call goes nowhere', async () => {
    await logIn('notes:read')
    const [ada] = (JSON.parse((await world.whole.admin('GET', '/users')).text) as { items: { username: string }[] })
      .items
    const made = await world.whole.admin('POST', '/keys', {
      user: ada?.username,
      name: 'nightly',
      servers: [{ server: 'notes', scopes: ALL.split(' ') }],
      expiresInSeconds: 3600,
    })
    expect(made.status, made.text).toBe(201)
    const key = { clientId: '', access_token: (JSON.parse(made.text) as { key: string }).key }
    expect((await call(key, 'look')).status).toBe(200)
    const before = reached()
    const refused = await call(key, 'wipe')
    expect(refused.status).toBe(401)
    for (const part of ['error="insufficient_user_authentication"', `acr_values="${MULTI}"`, 'max_age="600"'])
      expect(refused.challenge).toContain(part)
    expect(reached()).toBe(before)
    expect(await reasons()).toContain('oneFactorOnly')
  })

  it('a client’s own max_age and acr_values are heeded (RFC 9470 §4)', async () => {
    const browser = world.newBrowser()
    await logIn('notes:read', browser)
    const again = async (query: string) => {
      const page = await browser.open(`${await authorizationOf(world)}&${query}`)
      return isConsent(page)
    }
    expect(await again('max_age=600')).toBe(true)
    later(400)
    expect(await again('max_age=300')).toBe(false)
    expect(await again('max_age=0')).toBe(false)
    expect(await again(`acr_values=${MULTI}`)).toBe(true)
    corp.script.claims = { sub: 'corp-ada', auth_time: now() }
    const weak = world.newBrowser()
    await logIn('notes:read', weak)
    expect(isConsent(await weak.open(`${await authorizationOf(world)}&acr_values=${MULTI}`))).toBe(false)
  })
})
