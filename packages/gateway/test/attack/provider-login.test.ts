import { generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { isConsent, type ProviderWorld, startProviderWorld, visitProvider } from '../support/provider-login.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/**
 * Between a person and their identity provider: who sends them back with something else, from somewhere else, or in another browser, and who
 * signs what they should not. Expected: nobody is logged in, and a login that was interfered with is over.
 */
let upstream: ScriptedUpstream
let corp: HandMadeProvider
let evil: HandMadeProvider
let world: ProviderWorld
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  corp = await startHandMadeProvider()
  evil = await startHandMadeProvider()
  const provider = (name: string, { issuer }: HandMadeProvider, domain: string) =>
    `  ${name}: { issuer: '${issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened, emailDomains: [${domain}], roles: { always: [user] } }`
  const both = [provider('corp', corp, 'corp.example'), provider('evil', evil, 'evil.example')]
  world = await startProviderWorld(both.join('\n'), upstream.url)
})
afterAll(async () => {
  await world.whole.close()
  await corp.close()
  await evil.close()
  await upstream.close()
})
beforeEach(() => {
  for (const { script } of [corp, evil]) {
    script.claims = { sub: 'corp-ada' }
    delete script.idToken
    delete script.callback
    delete script.tokenStatus
  }
})
afterEach(async () => {
  // Whatever was tried: an honest login is possible right after.
  for (const { script } of [corp, evil]) {
    delete script.idToken
    delete script.callback
    delete script.tokenStatus
  }
  corp.script.claims = { sub: 'corp-ada' }
  const browser = world.newBrowser()
  const page = await world.beginAuthorization(browser)
  expect(isConsent(await browser.open(await visitProvider(browser, page, 'corp')))).toBe(true)
})

async function begin(name = 'corp') {
  const browser = world.newBrowser()
  const page = await world.beginAuthorization(browser)
  return { browser, page, callback: await visitProvider(browser, page, name) }
}
/** The same refused again soon is one record. */
const refusals = async () =>
  (await world.whole.log())
    .filter(({ activity, outcome }) => activity === 'login' && outcome === 'refused')
    .map(({ reason }) => reason)

async function expectNobody(page: { status: number; html: string }, reason: string, status: number): Promise<void> {
  expect([page.status, isConsent(page as Parameters<typeof isConsent>[0])]).toEqual([status, false])
  expect(await refusals()).toContain(reason)
}

describe('a callback', () => {
  it('of a login that another browser began is worth nothing there (login CSRF), and nothing any more here', async () => {
    const { browser, callback } = await begin()
    const victim = world.newBrowser()
    await world.beginAuthorization(victim)
    await expectNobody(await victim.open(callback), 'loginNotBegunHere', 400)
    expect(corp.tokenRequests.at(-1)?.form.get('code')).not.toBe(new URL(callback).searchParams.get('code'))
    expect(isConsent(await browser.open(callback))).toBe(true)
  })

  it('of a victim who began one of their own does not complete the attacker’s', async () => {
    const attacker = await begin()
    const victim = await begin()
    const redeemed = corp.tokenRequests.length
    await expectNobody(await victim.browser.open(attacker.callback), 'loginNotBegunHere', 400)
    expect(corp.tokenRequests).toHaveLength(redeemed)
  })

  it('of each of two logins that one browser has under way counts', async () => {
    const browser = world.newBrowser()
    const [first, second] = [await world.beginAuthorization(browser), await world.beginAuthorization(browser)]
    const callbacks = [await visitProvider(browser, first, 'corp'), await visitProvider(browser, second, 'corp')]
    for (const callback of callbacks) expect(isConsent(await browser.open(callback))).toBe(true)
  })

  it('counts once', async () => {
    const { browser, callback } = await begin()
    expect(isConsent(await browser.open(callback))).toBe(true)
    const again = await browser.open(callback)
    expect(again.status).toBe(400)
  })

  it('counts once of eight at the same moment', async () => {
    const { browser, callback } = await begin()
    const redeemed = corp.tokenRequests.length
    const answers = await Promise.all(Array.from({ length: 8 }, () => browser.open(callback)))
    expect(answers.filter((page) => isConsent(page))).toHaveLength(1)
    expect(corp.tokenRequests).toHaveLength(redeemed + 1)
  })

  it.each<[string, (query: URLSearchParams) => void, string, number]>([
    ['without state', (query) => query.delete('state'), 'loginNotBegunHere', 400],
    ['with two states', (query) => query.append('state', 'x'), 'loginNotBegunHere', 400],
    ['with another state', (query) => query.set('state', 'x'.repeat(43)), 'loginNotBegunHere', 400],
    ['without a code', (query) => query.delete('code'), 'idTokenInvalid', 502],
    ['with a code that was injected', (query) => query.set('code', 'code-1'), 'providerRefused', 403],
    ['of another issuer (mix-up)', (query) => query.set('iss', evil.issuer), 'idTokenInvalid', 502],
    ['without an issuer though the provider names it always', (query) => query.delete('iss'), 'idTokenInvalid', 502],
    ['with an error', (query) => query.set('error', 'access_denied'), 'providerRefused', 403],
  ])('%s', async (_how, change, reason, status) => {
    const { browser, callback } = await begin()
    const url = new URL(callback)
    change(url.searchParams)
    await expectNobody(await browser.open(url.href), reason, status)
  })

  it('at the address of another provider (mix-up): refused, and the code goes to nobody', async () => {
    const { browser, callback } = await begin('evil')
    const before = corp.tokenRequests.length
    await expectNobody(
      await browser.open(callback.replace('/callback/evil', '/callback/corp')),
      'loginNotBegunHere',
      400,
    )
    expect(corp.tokenRequests).toHaveLength(before)
  })

  it('of a provider that there is not', async () => {
    const { browser, callback } = await begin()
    expect((await browser.open(callback.replace('/callback/corp', '/callback/nobody'))).status).toBe(400)
  })
})

describe('an ID token', () => {
  const forged = async (claims: JWTPayload, alg = 'ES256') => {
    const { privateKey } = await generateKeyPair(alg)
    return await new SignJWT(claims).setProtectedHeader({ alg, kid: 'corp-1' }).sign(privateKey)
  }
  it.each<[string, NonNullable<HandMadeProvider['script']['idToken']>]>([
    ['without signature', async (honest) => new UnsecuredJWT(honest).encode()],
    ['signed by somebody else', (honest) => forged(honest)],
    ['signed by another algorithm', (honest) => forged(honest, 'RS256')],
    [
      'signed with the client’s secret',
      (honest) =>
        new SignJWT(honest)
          .setProtectedHeader({ alg: 'HS256' })
          .sign(new TextEncoder().encode('a secret at corp'.repeat(3))),
    ],
    ['for another client', (honest, sign) => sign({ ...honest, aud: 'somebody-else' })],
    ['of another issuer', (honest, sign) => sign({ ...honest, iss: 'https://elsewhere.example' })],
    ['for another login', (honest, sign) => sign({ ...honest, nonce: 'another' })],
    [
      'for no login',
      (honest, sign) => {
        const { nonce: _, ...rest } = honest
        return sign(rest)
      },
    ],
    ['that is over', (honest, sign) => sign({ ...honest, exp: 1_000 })],
    [
      'without an end',
      (honest, sign) => {
        const { exp: _, ...rest } = honest
        return sign(rest)
      },
    ],
    [
      'of nobody',
      (honest, sign) => {
        const { sub: _, ...rest } = honest
        return sign(rest)
      },
    ],
    ['that is none', async () => 'nonsense'],
  ])('%s logs nobody in', async (_what, idToken) => {
    corp.script.idToken = idToken
    const { browser, callback } = await begin()
    await expectNobody(await browser.open(callback), 'idTokenInvalid', 502)
  })

  it('with an address that nobody has verified links nothing', async () => {
    await world.whole.addUser('victim@corp.example', ['operator'])
    for (const verified of [undefined, false, 'true', 1]) {
      corp.script.claims = {
        sub: `corp-eve-${String(verified)}`,
        email: 'victim@corp.example',
        email_verified: verified,
      }
      const { browser, callback } = await begin()
      const page = await browser.open(callback)
      expect(page.html).not.toContain('victim@corp.example')
    }
    expect(JSON.parse((await world.whole.admin('GET', '/users/victim@corp.example/links')).text)).toMatchObject({
      items: [],
    })
  })
})

describe('a name that somebody chose', () => {
  it.each<[string, Record<string, unknown>]>([
    ['as their name', { preferred_username: 'CEO@corp.example' }],
    [
      'as an address that the provider has checked, of a domain that it is not believed about',
      {
        email: 'ceo@corp.example',
        email_verified: true,
      },
    ],
  ])('%s opens no account that waits for the owner of an address', async (_how, claims) => {
    const sub = `evil-${crypto.randomUUID()}`
    evil.script.claims = { sub, ...claims }
    const { browser, callback } = await begin('evil')
    const page = await browser.open(callback)
    expect(isConsent(page)).toBe(true)
    expect(page.html).not.toContain('ceo@corp.example')
    // Its owner comes by the provider that is believed, and gets an account of their own.
    corp.script.claims = { sub: 'corp-ceo', email: 'ceo@corp.example', email_verified: true }
    const owner = await begin('corp')
    expect((await owner.browser.open(owner.callback)).html).toContain('ceo@corp.example')
    const links = JSON.parse((await world.whole.admin('GET', '/users/ceo@corp.example/links')).text) as {
      items: { issuer: string; subject: string }[]
    }
    expect(links.items.map(({ issuer, subject }) => [issuer, subject])).toEqual([[corp.issuer, 'corp-ceo']])
  })
})

describe('a ticket', () => {
  it('is for the browser that came back, once', async () => {
    const { browser, page, callback } = await begin()
    const uid = new URL(page.url).pathname.split('/').at(-1) ?? ''
    const thief = world.newBrowser()
    await world.beginAuthorization(thief)
    expect((await thief.open(`${world.origin}/login/${uid}/return`)).status).toBe(400)
    expect(isConsent(await browser.open(callback))).toBe(true)
    expect((await browser.open(`${world.origin}/login/${uid}/return`)).status).toBe(400)
  })
})

describe('a provider', () => {
  it('that is away: a page that says so, and the next try may work', async () => {
    corp.script.tokenStatus = 500
    const { browser, callback } = await begin()
    const page = await browser.open(callback)
    expect(page.status).toBeGreaterThanOrEqual(403)
    expect(isConsent(page)).toBe(false)
  })
})
