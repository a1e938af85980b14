import type { CDPSession, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { totpCode } from '#identity/totp.ts'
import type { Person } from '../e2e/support/authorize.ts'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { axeFindings, horizontalOverflow, smallTargets } from '../support/page-checks.ts'
import { authorizationOf } from '../support/provider-login.ts'
import { registerClient } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/** Real authenticators are played by Chromium's own (WebAuthn §11), real apps by the codes of the key that the page shows. */
let upstream: ScriptedUpstream
let whole: WholeGateway
let browser: TestBrowser
let plain: TestBrowser
let origin: string
let client: string
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  whole = await startWholeGateway((port) =>
    [
      'version: 1',
      // A name: browsers make no passkeys for addresses.
      `gateway: { publicUrl: 'http://localhost:${port}' }`,
      `servers: { notes: { http: { url: '${upstream.url}', network: loopback } } }`,
      '',
    ].join('\n'),
  )
  origin = `http://localhost:${whole.port}`
  client = await registerClient(fetch, `${origin}/oauth/register`)
  browser = await launchChromium()
  plain = await launchChromium({ javaScriptEnabled: false })
}, 60_000)
afterAll(async () => {
  await browser.close()
  await plain.close()
  await whole.close()
  await upstream.close()
})

const begin = () => authorizationOf({ origin, clientId: async () => client })
async function logIn(page: Page, person: Person): Promise<void> {
  await page.fill('#username', person.username)
  await page.fill('#password', person.password)
  await page.keyboard.press('Enter')
}
const codeShown = async (page: Page, steps = 0) => {
  const key = (await page.textContent('code.copy'))?.replaceAll(' ', '') ?? ''
  const bits = [...key].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
  const secret = Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  return { secret, code: totpCode(secret, Math.floor(Date.now() / 30_000) + steps) }
}

test('without JavaScript and by keyboard: an app is set up, asked for at the next sign-in, and removed', async () => {
  const person = await whole.addUser('tina')
  const page = await plain.context.newPage()
  try {
    await page.goto(`${origin}/account`)
    await logIn(page, person)
    await page.waitForSelector('text=How you sign in')
    await page.locator('button', { hasText: 'Set up an authenticator app' }).press('Enter')
    await page.waitForSelector('.qr svg')
    const { secret, code } = await codeShown(page, -1)
    await page.fill('#code', code)
    await page.keyboard.press('Enter')
    await page.waitForSelector('.codes')
    expect(await page.locator('.codes li').count()).toBe(10)
    await page.locator('a', { hasText: 'I have kept them' }).press('Enter')
    await page.waitForSelector('text=a code follows your password')
    await page.goto(await begin())
    await logIn(page, person)
    await page.waitForSelector('text=Second step')
    expect(await page.evaluate('document.activeElement.id')).toBe('code')
    await page.fill('#code', totpCode(secret, Math.floor(Date.now() / 30_000)))
    await page.keyboard.press('Enter')
    await page.waitForURL('**/consent/**')
    await page.goto(`${origin}/account`)
    await page.locator('button', { hasText: 'Remove the authenticator app' }).press('Enter')
    await page.waitForSelector('text=your password alone signs you in')
    // What needs a script says so, and shows no button that does nothing.
    await page.goto(`${origin}/account/passkeys/new`)
    expect(await page.isVisible('text=Passkeys need a recent browser')).toBe(true)
    expect(await page.isVisible('form button')).toBe(false)
  } finally {
    await page.close()
  }
})

describe('a passkey', () => {
  let devtools: CDPSession
  let page: Page
  let authenticatorId: string
  let person: Person
  beforeAll(async () => {
    person = await whole.addUser('paula')
    page = await browser.context.newPage()
    devtools = await browser.context.newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    const added = await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    authenticatorId = added.authenticatorId
  })
  afterAll(() => page.close())

  test('is added on the account page, and signs in alone, as more than one factor', async () => {
    await page.goto(`${origin}/account`)
    await logIn(page, person)
    await page.locator('a', { hasText: 'Add a passkey' }).click()
    await page.fill('#name', 'My <b>phone</b>')
    await page.locator('button', { hasText: 'Add a passkey' }).click()
    await page.waitForSelector('.codes')
    await page.locator('a', { hasText: 'I have kept them' }).click()
    expect(await page.textContent('.row')).toContain('My <b>phone</b>')
    await page.locator('button', { hasText: 'Leave this page' }).click()
    await page.goto(await begin())
    await page.locator('a', { hasText: 'Use a passkey' }).click()
    await page.locator('button', { hasText: 'Use a passkey' }).click()
    await page.waitForURL('**/consent/**')
    expect(await page.textContent('.facts')).toContain('paula')
    const login = (await whole.log()).find(({ activity }) => activity === 'login')
    expect(login).toMatchObject({ outcome: 'success' })
  })

  test('is asked for after the password, and the password alone is not enough', async () => {
    const other = await browser.context.newPage()
    try {
      await page.context().clearCookies()
      await other.goto(await begin())
      await logIn(other, person)
      await other.waitForSelector('text=Second step')
      expect(await other.isVisible('text=Use a passkey')).toBe(true)
    } finally {
      await other.close()
    }
  })

  test('whose device does not verify the person is refused', async () => {
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
    await page.goto(await begin())
    await page.locator('a', { hasText: 'Use a passkey' }).click()
    await page.locator('button', { hasText: 'Use a passkey' }).click()
    await page.waitForSelector('[data-problem]:not([hidden])')
    expect(page.url()).toContain('/passkey')
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
  })

  test('that was copied, and counts behind, is refused; so is an answer to another challenge', async () => {
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId })
    const [credential] = credentials
    if (credential === undefined) throw new Error('no credential')
    const signInWith = async (signCount: number) => {
      await devtools.send('WebAuthn.clearCredentials', { authenticatorId })
      await devtools.send('WebAuthn.addCredential', { authenticatorId, credential: { ...credential, signCount } })
      await page.context().clearCookies()
      await page.goto(await begin())
      await page.locator('a', { hasText: 'Use a passkey' }).click()
      await page.locator('button', { hasText: 'Use a passkey' }).click()
      await page.waitForLoadState()
      await page.waitForFunction('document.title !== "Sign in with a passkey · Sallyport"')
    }
    await signInWith(50)
    expect(page.url()).toContain('/consent/')
    await signInWith(10)
    expect(await page.isVisible('text=This passkey does not count here')).toBe(true)
    await signInWith(80)
    // The answer that was taken a moment ago, sent once more by whoever saw it.
    await page.context().clearCookies()
    await page.goto(await begin())
    await page.locator('a', { hasText: 'Use a passkey' }).click()
    const [sent] = await Promise.all([
      page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/passkey')),
      page.locator('button', { hasText: 'Use a passkey' }).click(),
    ])
    await page.waitForURL('**/consent/**')
    const replayed = new URLSearchParams(sent.postData() ?? '').get('credential') ?? ''
    await page.context().clearCookies()
    await page.goto(await begin())
    await page.locator('a', { hasText: 'Use a passkey' }).click()
    await page.waitForLoadState()
    await page.evaluate(
      `document.forms[0].elements.credential.value = ${JSON.stringify(replayed)}; document.forms[0].submit()`,
    )
    await page.waitForSelector('[role=alert]:not([hidden])')
    expect(await page.isVisible('text=This passkey does not count here')).toBe(true)
    expect((await whole.log()).map(({ reason }) => reason)).toContain('passkeyRefused')
  })
})

test.each([
  ['light', 1280],
  ['dark', 320],
] as const)('the pages of it meet WCAG 2.2 AA in %s at %i px', async (colorScheme, width) => {
  const person = await whole.addUser(`olga${width}`)
  const page = await browser.context.newPage()
  const check = async (name: string) => {
    expect((await axeFindings(page)).violations, name).toEqual([])
    expect(await horizontalOverflow(page), name).toEqual({ pixels: 0, elements: [] })
    expect(await smallTargets(page), name).toEqual([])
    const shots = process.env['SALLYPORT_SHOTS']
    if (shots !== undefined) await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png`, fullPage: true })
  }
  try {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height: 800 })
    await page.context().clearCookies()
    await page.goto(`${origin}/account`)
    await check('account-login')
    await logIn(page, person)
    await page.waitForSelector('text=How you sign in')
    await check('account')
    await page.goto(`${origin}/account/passkeys/new`)
    await check('passkey-new')
    await page.goto(`${origin}/account`)
    await page.locator('button', { hasText: 'Set up an authenticator app' }).click()
    await page.waitForSelector('.qr svg')
    await check('enrolment')
    const { code } = await codeShown(page)
    await page.fill('#code', '000000')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[role=alert]')
    await check('enrolment-wrong')
    await page.fill('#code', code)
    await page.keyboard.press('Enter')
    await page.waitForSelector('.codes')
    await check('codes')
    await page.goto(await begin())
    await logIn(page, person)
    await page.waitForSelector('text=Second step')
    await check('factor')
  } finally {
    await page.close()
  }
})
