import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  pkce,
  redeem,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser, send } from '../support/oauth-browser.ts'

const SESSION = '__Host-sallyport-session'

describe('the browser that logs in', () => {
  let server: AuthorizationServerUnderTest
  beforeEach(async () => {
    server = await startAuthorizationServer()
  })
  afterEach(async () => {
    await server.close()
  })

  it('gets a session cookie that only this host, over TLS or loopback, and no script can use', async () => {
    const browser = new OAuthBrowser(server.url)
    await authorize(server, { browser })
    const attributes = browser.attributesOf(SESSION)
    expect(attributes).toEqual(expect.arrayContaining(['path=/', 'secure', 'httponly', 'samesite=lax']))
    expect(attributes.some((part) => part.startsWith('domain='))).toBe(false)
  })

  it('gets interaction cookies that go to one path each', async () => {
    const browser = new OAuthBrowser(server.url)
    const answer = await browser.get(authorizeUrl(server.url, pkce().challenge))
    const login = answer.headers.location ?? ''
    expect(login).toMatch(/^\/login\/[\w-]{20,}$/)
    expect(browser.attributesOf('sallyport-interaction')).toEqual(
      expect.arrayContaining([`path=${login.toLowerCase()}`, 'secure', 'httponly', 'samesite=lax']),
    )
    expect([...browser.cookiesFor('/').keys()]).toEqual([])
  })

  it('gets a new session id at login: one that was planted before is worth nothing (session fixation)', async () => {
    const attacker = new OAuthBrowser(server.url)
    await authorize(server, { browser: attacker })
    const planted = attacker.cookiesFor('/')
    const victim = new OAuthBrowser(server.url)
    for (const [name, value] of planted) victim.setCookie(name, value)
    server.person = { subject: await server.addAccount('victor', ['member']) }
    await authorize(server, { browser: victim, change: { prompt: 'login' } })
    expect(victim.cookiesFor('/').get(SESSION)).not.toBe(planted.get(SESSION))

    // The attacker's copy of the cookie is nobody's session now.
    server.person = {}
    server.shown.length = 0
    await authorize(server, { browser: attacker })
    expect(server.shown.map(({ prompt }) => prompt)).toEqual(['login', 'consent'])
  })

  it('gets a new session id at every authorization', async () => {
    const browser = new OAuthBrowser(server.url)
    await authorize(server, { browser })
    const first = browser.cookiesFor('/').get(SESSION)
    await authorize(server, { browser })
    expect(browser.cookiesFor('/').get(SESSION)).not.toBe(first)
  })

  it('is asked for consent every time, and for the login only once', async () => {
    const browser = new OAuthBrowser(server.url)
    for (let round = 0; round < 3; round += 1) await authorize(server, { browser })
    expect(server.shown.map(({ prompt }) => prompt)).toEqual(['login', 'consent', 'consent', 'consent'])
  })

  it('can change to another account; the token is for whoever consented', async () => {
    const browser = new OAuthBrowser(server.url)
    await authorize(server, { browser })
    const other = await server.addAccount('other', ['member'])
    server.person = { subject: other }
    const { code, verifier } = await authorize(server, { browser, change: { prompt: 'login' } })
    const issued = await redeem(server, code, verifier)
    expect(decodeJwt(String(issued.body['access_token'])).sub).toBe(other)
  })

  it('is asked to log in again once its account is disabled, and its code yields nothing', async () => {
    const browser = new OAuthBrowser(server.url)
    const { code, verifier } = await authorize(server, { browser })
    await server.store.accounts.setStatus(DEFAULT_TENANT, server.subject, 'disabled', Math.floor(Date.now() / 1000), [])
    expect(await redeem(server, code, verifier)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    const answer = await browser.get(authorizeUrl(server.url, pkce().challenge))
    expect(answer.headers.location).toMatch(/^\/login\//)
  })

  it('is the only one that can finish what it started: a link sent to somebody else ends there', async () => {
    const attacker = new OAuthBrowser(server.url)
    const start = await attacker.get(authorizeUrl(server.url, pkce().challenge))
    const login = new URL(start.headers.location ?? '', server.url)
    const victim = new OAuthBrowser(server.url)
    await authorize(server, { browser: victim })
    server.shown.length = 0
    expect(await victim.get(login.href)).toMatchObject({ status: 400 })
    expect(await send(login.href)).toMatchObject({ status: 400 })
    expect(server.shown).toEqual([])
    const resume = await victim.get(`${server.url}/oauth/authorize/${login.pathname.split('/').at(-1)}`)
    expect(resume.status).toBe(400)
    expect(resume.headers.location).toBeUndefined()
    expect(resume.headers['content-type']).toContain('text/html')
  })

  it('cannot use the cookie of one interaction for another', async () => {
    const browser = new OAuthBrowser(server.url)
    const one = await browser.get(authorizeUrl(server.url, pkce().challenge))
    const two = await new OAuthBrowser(server.url).get(authorizeUrl(server.url, pkce().challenge))
    const oneLogin = one.headers.location ?? ''
    const twoLogin = two.headers.location ?? ''
    const cookie = [...browser.cookiesFor(oneLogin)].map(([name, value]) => `${name}=${value}`).join('; ')
    expect((await send(server.url + twoLogin, { headers: { cookie } })).status).toBe(400)
    expect((await send(server.url + oneLogin, { headers: { cookie } })).status).toBe(303)
  })

  it('cannot make up a cookie: it has to carry our signature', async () => {
    const browser = new OAuthBrowser(server.url)
    const start = await browser.get(authorizeUrl(server.url, pkce().challenge))
    const login = start.headers.location ?? ''
    const uid = login.split('/').at(-1) ?? ''
    expect((await send(server.url + login, { headers: { cookie: `sallyport-interaction=${uid}` } })).status).toBe(400)
  })

  it('decides once: two submits of one consent open one grant', async () => {
    const browser = new OAuthBrowser(server.url)
    await authorize(server, { browser })
    const before = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 100 })).items.length
    const start = await browser.get(authorizeUrl(server.url, pkce().challenge))
    const consent = new URL(start.headers.location ?? '', server.url)
    expect(consent.pathname).toMatch(/^\/consent\//)
    const answers = await Promise.all([browser.get(consent.href), browser.get(consent.href), browser.get(consent.href)])
    expect(new Set(answers.map(({ headers }) => headers.location)).size).toBe(1)
    const after = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 100 })).items.length
    expect(after - before).toBe(1)
    const end = await browser.follow(answers[0]?.headers.location ?? '')
    expect('left' in end && end.left.searchParams.has('code')).toBe(true)
    // And the way back is closed.
    const again = await browser.get(answers[0]?.headers.location ?? '')
    expect(again.status).toBe(400)
    expect(again.headers.location).toBeUndefined()
  })

  it('gets no code if the grant was revoked between the consent and the way back', async () => {
    const browser = new OAuthBrowser(server.url)
    await authorize(server, { browser })
    const start = await browser.get(authorizeUrl(server.url, pkce().challenge))
    const answer = await browser.get(start.headers.location ?? '')
    const now = Math.floor(Date.now() / 1000)
    const live = await server.store.grants.list(DEFAULT_TENANT, { liveAt: now }, { cursor: null, limit: 10 })
    for (const { grantId } of live.items) {
      await server.store.grants.revoke(DEFAULT_TENANT, { grantId }, 'operator', now, [])
    }
    const end = await browser.follow(answer.headers.location ?? '')
    expect('left' in end && end.left.searchParams.get('error')).toBe('access_denied')
    expect('left' in end && end.left.searchParams.has('code')).toBe(false)
  })
})
