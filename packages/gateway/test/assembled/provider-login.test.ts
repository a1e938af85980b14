import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import {
  isConsent,
  type ProviderWorld,
  providerLink,
  startProviderWorld,
  visitProvider,
} from '../support/provider-login.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let upstream: ScriptedUpstream
let provider: HandMadeProvider
let world: ProviderWorld
beforeEach(async () => {
  upstream = await startScriptedUpstream(() => false)
  provider = await startHandMadeProvider()
})
afterEach(async () => {
  await world.whole.close()
  await provider.close()
  await upstream.close()
})

const start = async (section: string, yaml = '') => {
  world = await startProviderWorld(
    `  corp: { title: Corp, issuer: '${provider.issuer}', clientId: ${PROVIDER_CLIENT}, secret: '\${file:corp.secret}', network: loopback, ${section} }`,
    upstream.url,
    { yaml, files: { 'corp.secret': 'a secret at corp' } },
  )
}
const logIn = async () => {
  const browser = world.newBrowser()
  const page = await world.beginAuthorization(browser)
  return await browser.open(await visitProvider(browser, page, 'corp'))
}
interface ShownUser {
  readonly subject: string
  readonly username: string
  readonly displayName: string
  readonly roles: readonly string[]
}
const users = async () => (JSON.parse((await world.whole.admin('GET', '/users')).text) as { items: ShownUser[] }).items

describe('a login at the company’s identity provider', () => {
  it('lets the person decide; the provider hears nothing of what the agent asks for', async () => {
    await start('emailDomains: [corp.example]')
    await world.whole.addUser('ada@corp.example', ['user'])
    provider.script.claims = { sub: 'corp-ada', email: 'Ada@corp.example', email_verified: true }
    const page = await logIn()
    expect(isConsent(page)).toBe(true)
    expect(page.html).toContain('ada@corp.example')
    const [asked] = provider.authorizations
    expect(Object.fromEntries(asked ?? [])).toEqual({
      response_type: 'code',
      client_id: PROVIDER_CLIENT,
      redirect_uri: `${world.origin}/oidc/callback/corp`,
      scope: 'openid profile email',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
      max_age: '14400',
    })
    expect(provider.tokenRequests[0]?.authorization).toMatch(/^Basic /)
    expect((await world.whole.log()).find(({ activity }) => activity === 'login')).toMatchObject({ outcome: 'success' })
  })

  it('is not asked for a second factor of accounts here: what the provider asks for is its matter', async () => {
    await start('emailDomains: [corp.example]', 'login: { secondFactor: required }')
    await world.whole.addUser('ada@corp.example', ['user'])
    provider.script.claims = { sub: 'corp-ada', email: 'ada@corp.example', email_verified: true }
    const browser = world.newBrowser()
    const page = await world.beginAuthorization(browser)
    expect(isConsent(await browser.open(await visitProvider(browser, page, 'corp')))).toBe(true)
    expect(isConsent(await world.beginAuthorization(browser))).toBe(true)
  })

  it('links the account that is called by a verified address once; afterwards its `sub` counts, and another is nobody', async () => {
    await start('emailDomains: [corp.example]')
    await world.whole.addUser('ada@corp.example', ['user'])
    const email = { email: 'ada@corp.example', email_verified: true }
    provider.script.claims = { sub: 'corp-ada', ...email }
    expect(isConsent(await logIn())).toBe(true)
    provider.script.claims = { sub: 'corp-ada', email: 'other@corp.example', email_verified: true }
    expect(isConsent(await logIn())).toBe(true)
    provider.script.claims = { sub: 'corp-eve', ...email }
    expect((await logIn()).status).toBe(403)
  })

  it('takes the operator’s word for who somebody is', async () => {
    await start('')
    await world.whole.addUser('ada', ['user'])
    provider.script.claims = { sub: 'corp-7' }
    expect((await logIn()).status).toBe(403)
    const linked = await world.whole.admin('POST', '/users/ada/links', {
      issuer: provider.issuer,
      subject: 'corp-7',
    })
    expect(linked.status, linked.text).toBeLessThan(300)
    expect(isConsent(await logIn())).toBe(true)
  })

  it('opens accounts where it may, with the roles that the groups give, and follows the groups at each login', async () => {
    await start('accounts: opened, roles: { claim: groups, map: { mcp-users: [user], mcp-admins: [operator] } }')
    provider.script.claims = {
      sub: 'corp-ada',
      preferred_username: 'Ada',
      name: 'Ada L',
      groups: ['mcp-users', 'else'],
    }
    expect(isConsent(await logIn())).toBe(true)
    expect(await users()).toMatchObject([{ username: 'ada', displayName: 'Ada L', roles: ['user'] }])
    provider.script.claims = { sub: 'corp-ada', groups: ['mcp-users', 'mcp-admins'] }
    await logIn()
    expect((await users())[0]?.roles).toEqual(['user', 'operator'])
    provider.script.claims = { sub: 'corp-ada' }
    const page = await logIn()
    expect((await users())[0]?.roles).toEqual([])
    // Somebody without a role may allow nothing.
    expect(page.html).not.toContain('value="allow"')
    expect(await users()).toHaveLength(1)
  })

  it('lets nobody in whose account is disabled, and opens no other', async () => {
    await start('accounts: opened, roles: { always: [user] }')
    expect(isConsent(await logIn())).toBe(true)
    const [opened] = await users()
    const disabled = await world.whole.admin('POST', `/users/${opened?.subject}/disable`)
    expect(disabled.status, disabled.text).toBeLessThan(300)
    const page = await logIn()
    expect([page.status, isConsent(page)]).toEqual([403, false])
    expect(await users()).toHaveLength(1)
    expect((await world.whole.log()).map(({ reason }) => reason)).toContain('accountNotActive')
  })

  it('of two first logins at once opens one account', async () => {
    await start('accounts: opened, roles: { always: [user] }')
    const pages = await Promise.all(Array.from({ length: 4 }, () => logIn()))
    expect(pages.map(isConsent)).toEqual([true, true, true, true])
    expect(await users()).toHaveLength(1)
  })

  it('never takes over an account by its name', async () => {
    await start('accounts: opened, roles: { always: [operator] }')
    await world.whole.addUser('ada', ['operator'])
    provider.script.claims = { sub: 'corp-eve', preferred_username: 'ada' }
    expect((await logIn()).status).toBe(403)
    expect((await world.whole.log()).map(({ reason }) => reason)).toContain('usernameTaken')
  })

  it('counts from when the provider says; one that is too old to last is none', async () => {
    await start('accounts: opened, roles: { always: [user] }')
    const now = Math.floor(Date.now() / 1000)
    for (const [age, isIn] of [
      [0, true],
      [14_000, true],
      [14_400 + 120, false],
      [3 * 86_400, false],
    ] as const) {
      provider.script.claims = { sub: 'corp-ada', auth_time: now - age }
      expect([age, isConsent(await logIn())]).toEqual([age, isIn])
    }
    expect((await world.whole.log()).map(({ reason }) => reason)).toContain('authenticationTooOld')
    for (const said of ['yesterday', -1, now + 86_400, null, [now]]) {
      provider.script.claims = { sub: 'corp-ada', auth_time: said }
      expect([said, isConsent(await logIn())]).toEqual([said, false])
    }
  })

  it('may be the only way in', async () => {
    await start('accounts: opened', 'login: { passwords: false }')
    const browser = world.newBrowser()
    const page = await world.beginAuthorization(browser)
    expect(page.html).not.toContain('type="password"')
    expect(providerLink(page, 'corp')).toContain('/with/corp')
  })

  it('an account that was opened has no password', async () => {
    await start('accounts: opened, roles: { always: [user] }')
    provider.script.claims = { sub: 'corp-ada', preferred_username: 'ada' }
    await logIn()
    const browser = world.newBrowser()
    const page = await world.beginAuthorization(browser)
    const { formsOf } = await import('../e2e/support/browser.ts')
    const [form] = formsOf(page.html)
    if (form === undefined) throw new Error('no form')
    const hidden = form.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value] as const)
    for (const password of ['!', '!provider:', 'ada']) {
      const answer = await browser.submit(page, form, [...hidden, ['username', 'ada'], ['password', password]])
      expect(answer.status).toBe(403)
    }
  })
})
