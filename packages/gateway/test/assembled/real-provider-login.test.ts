import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ScriptedBrowser } from '../e2e/support/browser.ts'
import { isConsent, type ProviderWorld, providerLink, startProviderWorld } from '../support/provider-login.ts'
import { type RealIssuer, RS_CLIENT, startRealIssuer } from '../support/real-issuer.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/** `oidc-provider` with its own pages, as the company's provider: nothing of it is ours but its configuration. */
let upstream: ScriptedUpstream
let issuer: RealIssuer
let world: ProviderWorld
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  // The redirect URI holds the gateway's port, which is known only once it runs.
  const port = { value: 0 }
  issuer = await startRealIssuer({
    format: 'jwt',
    redirectUri: 'http://127.0.0.1:1/none',
    scope: 'notes.read',
    webClient: () => `http://127.0.0.1:${port.value}/oidc/callback/corp`,
  })
  world = await startProviderWorld(
    `  corp: { issuer: '${issuer.issuer}', clientId: ${RS_CLIENT.id}, secret: '\${file:rs.secret}', network: loopback, accounts: opened, roles: { always: [user] } }`,
    upstream.url,
    { files: { 'rs.secret': RS_CLIENT.secret } },
  )
  port.value = world.whole.port
})
afterAll(async () => {
  await world.whole.close()
  await issuer.close()
  await upstream.close()
})

async function logIn(login: string) {
  const browser = world.newBrowser()
  const left = await browser.open(providerLink(await world.beginAuthorization(browser), 'corp'))
  const back = await issuer.authorize(left.url, login)
  return { browser, back, page: await browser.open(back.href) }
}

describe('login at a real OpenID provider', () => {
  it('goes through its login and consent, with code, PKCE, nonce and a signed ID token', async () => {
    const { back, page } = await logIn('corp-ada')
    expect(back.searchParams.get('iss')).toBe(issuer.issuer)
    expect(isConsent(page)).toBe(true)
  })

  it('is the same person the next time, and another one is another', async () => {
    await logIn('corp-ada')
    await logIn('corp-eve')
    const { items } = JSON.parse((await world.whole.admin('GET', '/users')).text) as { items: unknown[] }
    expect(items).toHaveLength(2)
  })

  it('is over when the person declines there', async () => {
    const browser = world.newBrowser()
    const left = await browser.open(providerLink(await world.beginAuthorization(browser), 'corp'))
    const there = new ScriptedBrowser(issuer.issuer)
    const page = await there.open(left.url)
    const abort = /href="([^"]*\/abort)"/.exec(page.html)?.[1]
    const back = await there.open(new URL(abort ?? '', page.url).href)
    expect(new URL(back.url).searchParams.get('error')).toBe('access_denied')
    const answer = await browser.open(back.url)
    expect([answer.status, isConsent(answer)]).toEqual([403, false])
  })

  it('takes a key that it has renewed since', async () => {
    await logIn('corp-ada')
    await issuer.renewKeys()
    // A minute ago its keys were read: until then a key that is not among them is not asked for again (bounded refetch).
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 90_000 })
    try {
      expect(isConsent((await logIn('corp-ada')).page)).toBe(true)
    } finally {
      vi.useRealTimers()
    }
  })
})
