import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AuthorizationServerUnderTest, startAuthorizationServer } from '../support/authorization-server.ts'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { postForm } from '../support/oauth-browser.ts'
import { axeFindings, horizontalOverflow, smallTargets } from '../support/page-checks.ts'
import { typeAtCursor } from '../support/type-at-cursor.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

let server: AuthorizationServerUnderTest
let browser: TestBrowser
let plain: TestBrowser

beforeAll(async () => {
  server = await startAuthorizationServer()
  server.registry.add('tv', {
    client_name: 'A terminal with averylongnamewithoutanyspacethatcouldbreakthelayoutofthepage',
    grant_types: [GRANT],
    redirect_uris: [],
    response_types: [],
  })
  ;[browser, plain] = await Promise.all([launchChromium(), launchChromium({ javaScriptEnabled: false })])
})
afterAll(async () => {
  await Promise.all([browser.close(), plain.close()])
  await server.close()
})

async function begin(): Promise<{ readonly user_code: string; readonly verification_uri_complete: string }> {
  const fields = { client_id: 'tv', scope: 'files:read', resource: server.resource('files') }
  const answer = await postForm(`${server.url}/oauth/device_authorization`, fields)
  return JSON.parse(answer.text) as Awaited<ReturnType<typeof begin>>
}

const PAGES: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'the code': (page) => page.goto(`${server.url}/device`),
  'a wrong code': async (page) => {
    await page.goto(`${server.url}/device`)
    await page.fill('#user_code', 'BBBB-BBBB')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[role=alert]')
  },
  'the question whether this is the device': async (page) => {
    await page.goto((await begin()).verification_uri_complete)
    await page.press('#user_code', 'Enter')
    await page.waitForSelector('button[value=confirm]')
  },
  'the end': async (page) => {
    await page.goto((await begin()).verification_uri_complete)
    await page.press('#user_code', 'Enter')
    await page.click('button[value=confirm]')
    await page.waitForURL('**/device/*')
  },
  'the end that nobody wanted': async (page) => {
    await page.goto((await begin()).verification_uri_complete)
    await page.press('#user_code', 'Enter')
    await page.click('button[value=abort]')
    await page.waitForSelector('h1')
  },
}

describe.each(Object.entries(PAGES))('the page of a device: %s', (_, open) => {
  test.each([
    ['narrow', 320],
    ['wide', 1280],
  ] as const)('has no barriers, at %s width', async (_name, width) => {
    const page = await browser.context.newPage()
    try {
      await page.setViewportSize({ width, height: 800 })
      await open(page)
      const axe = await axeFindings(page)
      expect(axe.violations).toEqual([])
      expect(axe.passes).toBeGreaterThan(10)
      expect(await horizontalOverflow(page)).toEqual({ pixels: 0, elements: [] })
      expect(await smallTargets(page)).toEqual([])
    } finally {
      await page.close()
    }
  })
})

test('with the keyboard alone and without JavaScript, a person connects a device', async () => {
  const begun = await begin()
  const page = await plain.context.newPage()
  try {
    await page.goto(`${server.url}/device`)
    await typeAtCursor(page, 'user_code', begun.user_code.toLowerCase())
    await page.keyboard.press('Enter')
    await page.waitForSelector('button[value=confirm]')
    expect(await page.textContent('main')).toContain(begun.user_code)
    // The first stop refuses.
    await page.keyboard.press('Tab')
    expect(await page.evaluate("document.activeElement.getAttribute('value')")).toBe('abort')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/device/*')
    expect(await page.textContent('h1')).toBe('Your device is connected')
  } finally {
    await page.close()
  }
})
