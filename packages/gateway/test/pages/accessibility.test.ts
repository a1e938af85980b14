import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { axeFindings, horizontalOverflow, smallTargets } from '../support/page-checks.ts'
import { type PagesServer, SUBJECT, startPages } from '../support/pages-server.ts'

let server: PagesServer
let empty: PagesServer
let browser: TestBrowser

beforeAll(async () => {
  ;[server, empty, browser] = await Promise.all([startPages(), startPages({ withAccount: false }), launchChromium()])
})

afterAll(async () => {
  await browser.close()
  await Promise.all([server.close(), empty.close()])
})

const LONG = 'averylongnamewithoutanyspacethatcouldbreakthelayoutofthepageinanarrowwindow'

const PAGES: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  home: (page) => page.goto(`${server.url}/`),
  setup: async (page) => page.goto(await empty.setupLink()),
  'setup with a problem': async (page) => {
    await page.goto(await empty.setupLink())
    await page.fill('#username', 'maria')
    await page.fill('#password', 'short')
    await page.fill('#repeat', 'short')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[role=alert]')
  },
  login: (page) => page.goto(begin({ redirectUri: server.redirectUri })),
  'login refused': async (page) => {
    await page.goto(begin({ redirectUri: server.redirectUri }))
    await page.fill('#username', 'nobody')
    await page.fill('#password', 'wrong')
    await page.keyboard.press('Enter')
    await page.waitForSelector('[role=alert]')
  },
  'login with another account': async (page) => {
    await page.goto(begin({ redirectUri: server.redirectUri, subject: SUBJECT }))
    await page.click('text=Use another account')
    await page.waitForSelector('#password')
  },
  consent: async (page) => {
    await page.goto(
      begin({
        subject: SUBJECT,
        redirectUri: 'https://claude.ai/api/mcp/auth_callback',
        client: { kind: 'metadataDocument', clientIdHost: 'claude.ai' },
      }),
    )
    await page.click('summary')
  },
  'consent with warnings': (page) =>
    page.goto(
      begin({
        subject: SUBJECT,
        redirectUri: `http://127.0.0.1:9999/${LONG}`,
        clientName: LONG,
        client: { isLocalhostOnly: true, lookalikes: ['Claude Code', LONG], registeredAt: nowSeconds() - 90 },
        scopes: ['notes:read', 'notes:destructive', 'notes:admin'],
        unknownScopes: ['offline_access', LONG],
      }),
    ),
  'consent to the admin API': async (page) => {
    await server.setRoles(['user', 'chief'])
    await page.goto(
      begin({
        subject: SUBJECT,
        redirectUri: 'https://console.example/callback',
        isAdminApi: true,
        scopes: ['api:read', 'api:write'],
      }),
    )
    await page.waitForSelector('text=Administer the gateway')
  },
  'consent with nothing ticked': async (page) => {
    await page.goto(begin({ subject: SUBJECT, redirectUri: server.redirectUri }))
    await page.uncheck('input[value="notes:read"]')
    await page.click('button[value=allow]')
    await page.waitForSelector('[role=alert]')
  },
  interstitial: async (page) => {
    await page.goto(begin({ subject: SUBJECT, redirectUri: `${LONG}:/callback` }))
    await page.click('button[value=allow]')
    await page.waitForSelector('text=Back to the app')
  },
  error: (page) => page.goto(`${server.url}/login/unknown`),
}

/** The status of a refused form, and a test that types before the browser has moved the focus to the first field. */
const EXPECTED_MESSAGES = [
  'Failed to load resource: the server responded with a status of',
  'Autofocus processing was blocked because a document already has a focused element',
]

const VIEWS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 320],
  ['dark', 320],
] as const

describe.each(Object.keys(PAGES))('the %s page', (name) => {
  test.each(VIEWS)(
    'meets WCAG 2.2 AA in %s at %i px, without sideways scrolling (1.4.10, 400 % zoom)',
    async (scheme, width) => {
      const page = await browser.context.newPage()
      const violations: string[] = []
      page.on('console', (message) => {
        if (!EXPECTED_MESSAGES.some((start) => message.text().startsWith(start))) violations.push(message.text())
      })
      try {
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
        await page.setViewportSize({ width, height: 800 })
        await PAGES[name]?.(page)
        const axe = await axeFindings(page)
        expect(axe.violations).toEqual([])
        expect(axe.passes).toBeGreaterThan(15)
        expect(await horizontalOverflow(page)).toEqual({ pixels: 0, elements: [] })
        expect(await smallTargets(page)).toEqual([])
        expect(await page.getAttribute('html', 'lang')).toBe('en')
        expect(await page.locator('h1').count()).toBe(1)
        // The background of the scheme is really there, so the stylesheet was accepted by its hash.
        expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
          scheme === 'light' ? 'rgb(243, 245, 246)' : 'rgb(15, 21, 20)',
        )
        expect(violations).toEqual([])
      } finally {
        await page.close()
      }
    },
  )
})

function begin(started: Parameters<PagesServer['interactions']['start']>[0]): string {
  return `${server.url}/begin/${server.interactions.start(started)}`
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
