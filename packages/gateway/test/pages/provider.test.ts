import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { axeFindings, horizontalOverflow, smallTargets } from '../support/page-checks.ts'
import { authorizationOf, type ProviderWorld, startProviderWorld } from '../support/provider-login.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

const LONG = 'A'.repeat(60)

let upstream: ScriptedUpstream
let provider: HandMadeProvider
let world: ProviderWorld
let browser: TestBrowser
let plain: TestBrowser
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  provider = await startHandMadeProvider()
  provider.script.claims = { sub: 'corp-ada', preferred_username: 'ada', name: 'Ada L' }
  const rest = `issuer: '${provider.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened, roles: { always: [user] }`
  world = await startProviderWorld(
    `  corp: { title: Corp, ${rest} }\n  long: { title: ${LONG}, ${rest} }`,
    upstream.url,
  )
  browser = await launchChromium()
  plain = await launchChromium({ javaScriptEnabled: false })
}, 60_000)
afterAll(async () => {
  await browser.close()
  await plain.close()
  await world.whole.close()
  await provider.close()
  await upstream.close()
})

test('without JavaScript and by keyboard, a person goes to their provider and comes back to decide', async () => {
  const page = await plain.context.newPage()
  try {
    await page.goto(await authorizationOf(world))
    // As the eye reads it: a button is a flex box, which eats spaces at the edges of its parts.
    const link = page.locator('a', { hasText: 'Corp' })
    // biome-ignore lint/performance/useDomNodeTextContent: it is the layout that is tried.
    expect(await link.innerText()).toBe('Sign in with Corp')
    await link.focus()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/consent/**')
    expect(await page.textContent('.facts')).toContain('ada')
  } finally {
    await page.close()
  }
})

test.each([
  ['light', 1280],
  ['dark', 320],
] as const)('the pages of it meet WCAG 2.2 AA in %s at %i px, however long a title is', async (colorScheme, width) => {
  const page = await browser.context.newPage()
  const check = async () => {
    expect((await axeFindings(page)).violations).toEqual([])
    expect(await horizontalOverflow(page)).toEqual({ pixels: 0, elements: [] })
    expect(await smallTargets(page)).toEqual([])
  }
  try {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height: 800 })
    await browser.context.clearCookies()
    await page.goto(await authorizationOf(world))
    await check()
    provider.script.tokenStatus = 500
    await page.locator('a', { hasText: 'Corp' }).click()
    await page.waitForURL('**/oidc/callback/**')
    await check()
    expect(await page.textContent('main')).toMatch(/again/i)
  } finally {
    delete provider.script.tokenStatus
    await page.close()
  }
})
