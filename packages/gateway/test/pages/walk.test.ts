import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { PASSWORD, type PagesServer, SUBJECT, startPages, USERNAME } from '../support/pages-server.ts'
import { typeAtCursor } from '../support/type-at-cursor.ts'

let server: PagesServer
let browser: TestBrowser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startPages(), launchChromium({ javaScriptEnabled: false })])
})

afterAll(async () => {
  await browser.close()
  await server.close()
})

describe('with the keyboard alone and without JavaScript', () => {
  test('a person signs in, changes what is ticked, allows, and lands at the client', async () => {
    await withPage(async (page) => {
      const callsBefore = server.clientCalls.length
      await page.goto(begin({ redirectUri: server.redirectUri, scopes: ['notes:read', 'notes:write'] }))
      await typeAtCursor(page, 'username', USERNAME)
      await page.keyboard.press('Tab')
      await page.keyboard.type(PASSWORD)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/consent/**')
      // Account link, two ticked scopes, the rest folded away, Deny, Allow: every stop is reachable and shows where it is.
      const stops: string[] = []
      for (let count = 0; count < 3; count += 1) stops.push(await tab(page))
      await page.keyboard.press('Space')
      stops.push(await tab(page))
      await page.keyboard.press('Enter')
      for (let count = 0; count < 3; count += 1) stops.push(await tab(page))
      await page.keyboard.press('Shift+Tab')
      await page.keyboard.press('Shift+Tab')
      await page.keyboard.press('Space')
      for (let count = 0; count < 4; count += 1) stops.push(await tab(page))
      await page.keyboard.press('Enter')
      await page.waitForURL(`${server.redirectUri}**`)
      expect(stops).toEqual([
        'Not you? Use another account',
        'notes:read',
        'notes:write',
        'You may also allow (3)',
        'notes:send',
        'notes:destructive',
        'notes:tool:export_all',
        'notes:destructive',
        'notes:tool:export_all',
        'Deny',
        'Allow',
      ])
      expect(server.clientCalls.slice(callsBefore).map(String)).toEqual(['code=c0de'])
      expect(server.interactions.outcomes.at(-1)).toMatchObject({
        kind: 'consent',
        scopes: ['notes:read', 'notes:send'],
      })
    })
  })

  test('denying goes back to the client with access_denied and opens nothing', async () => {
    await withPage(async (page) => {
      const callsBefore = server.clientCalls.length
      const uid = server.interactions.start({ redirectUri: server.redirectUri, subject: SUBJECT })
      await page.goto(`${server.url}/begin/${uid}`)
      await page.locator('button[value=deny]').press('Enter')
      await page.waitForURL(`${server.redirectUri}**`)
      expect(server.clientCalls.slice(callsBefore).map(String)).toEqual(['error=access_denied'])
      expect(outcomesOf(uid)).toEqual([{ kind: 'deny', uid }])
    })
  })

  test('pressing Enter on a checkbox does not allow', async () => {
    await withPage(async (page) => {
      const uid = server.interactions.start({ redirectUri: server.redirectUri, subject: SUBJECT })
      await page.goto(`${server.url}/begin/${uid}`)
      await page.locator('input[value="notes:read"]').press('Enter')
      await page.waitForLoadState()
      expect(outcomesOf(uid).filter(({ kind }) => kind === 'consent')).toEqual([])
    })
  })
})

describe('the pages', () => {
  test('send an app with a scheme of its own nowhere before a click', async () => {
    await withPage(async (page) => {
      const requests: string[] = []
      page.on('request', (request) => requests.push(request.url()))
      const uid = server.interactions.start({
        redirectUri: 'cursor://callback/mcp',
        clientName: 'Cursor',
        subject: SUBJECT,
      })
      await page.goto(`${server.url}/begin/${uid}`)
      expect(await page.textContent('.facts')).toContain('The app that opens cursor: links')
      await page.click('button[value=allow]')
      await page.waitForSelector('text=Back to the app')
      await page.waitForTimeout(300)
      expect(requests.filter((url) => url.includes('/oauth/resume/'))).toEqual([])
      expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(0)
      expect(await page.getAttribute('a.button', 'href')).toBe(`${server.url}/oauth/resume/${uid}`)
    })
  })

  test('ask again, with one sentence for an unknown user and a wrong password, and never send the password back', async () => {
    await withPage(async (page) => {
      const sentences: (string | null)[] = []
      for (const username of [USERNAME, 'nobody', 'Not A Name!']) {
        await page.goto(begin({ redirectUri: server.redirectUri }))
        await page.fill('#username', username)
        await page.fill('#password', 'not the password')
        await page.keyboard.press('Enter')
        await page.waitForSelector('[role=alert]')
        sentences.push((await page.textContent('[role=alert]'))?.trim() ?? null)
        expect(await page.inputValue('#username')).toBe(username)
        expect(await page.inputValue('#password')).toBe('')
        expect(await page.content()).not.toContain('not the password')
        expect(await page.getAttribute('#password', 'aria-describedby')).toBe('problems')
      }
      expect(new Set(sentences).size).toBe(1)
    })
  })

  test('let another account take over before the decision', async () => {
    await withPage(async (page) => {
      const uid = server.interactions.start({ redirectUri: server.redirectUri, subject: SUBJECT })
      await page.goto(`${server.url}/begin/${uid}`)
      await page.click('text=Use another account')
      await page.fill('#username', USERNAME)
      await page.fill('#password', PASSWORD)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/consent/*')
      expect(outcomesOf(uid)).toMatchObject([{ kind: 'login', uid, outcome: { subject: SUBJECT, amr: ['pwd'] } }])
    })
  })

  test('show what the client says of itself as text, whatever it says', async () => {
    await withPage(async (page) => {
      await page.goto(
        begin({
          subject: SUBJECT,
          redirectUri: 'https://evil.example/"><script>alert(1)</script>',
          clientName: '</h1><script>alert(1)</script><img src=x onerror=alert(1)>\u202Eexe.edoC\u0000',
          client: { lookalikes: ['<b>Claude</b>'], kind: 'metadataDocument', clientIdHost: '<i>evil.example</i>' },
          unknownScopes: ['"><script>', "'><svg onload=alert(1)>"],
        }),
      )
      expect(await page.locator('script, img, iframe, b, i').count()).toBe(0)
      expect(await page.textContent('h1')).toBe(
        'Allow </h1><script>alert(1)</script><img src=x onerror=alert(1)>exe.edoC to use Team notes?',
      )
    })
  })

  test('are what they are at the moment of asking: a role taken away between page and post allows nothing', async () => {
    await withPage(async (page) => {
      const uid = server.interactions.start({
        redirectUri: server.redirectUri,
        subject: SUBJECT,
        scopes: ['notes:write'],
      })
      await page.goto(`${server.url}/begin/${uid}`)
      await server.setRoles(['reader'])
      try {
        await page.click('button[value=allow]')
        await page.waitForSelector('[role=alert]')
        expect(await page.textContent('[role=alert]')).toContain('has changed')
        expect(
          await page.locator('input[name=scope]').evaluateAll((list) => list.map((item) => item.getAttribute('value'))),
        ).toEqual(['notes:read'])
        expect(outcomesOf(uid)).toEqual([])
        expect(server.events.at(-1)).toMatchObject({
          activity: 'consent',
          outcome: 'refused',
          reason: 'scopeBeyondRole',
        })
      } finally {
        await server.setRoles(['user'])
      }
    })
  })

  test('offer only Deny to an account that may give nothing', async () => {
    await server.setRoles(['nobody'])
    try {
      await withPage(async (page) => {
        await page.goto(begin({ subject: SUBJECT, redirectUri: server.redirectUri }))
        expect(await page.locator('button').allTextContents()).toEqual(['Deny'])
        expect(await page.textContent('form')).toContain('beyond what your account may give: notes:read')
      })
    } finally {
      await server.setRoles(['user'])
    }
  })
})

/** Moves on by one stop; answers what is focused, having checked that one can see it. */
async function tab(page: Page): Promise<string> {
  await page.keyboard.press('Tab')
  const focused = page.locator(':focus')
  // A scope's whole row shows the focus of its checkbox.
  expect(
    await page.evaluate(
      'getComputedStyle(document.activeElement.closest(".scope") ?? document.activeElement).outlineStyle',
    ),
  ).toBe('solid')
  return (await focused.getAttribute('name')) === 'scope'
    ? ((await focused.getAttribute('value')) ?? '')
    : ((await focused.textContent())?.trim() ?? '')
}

async function withPage(work: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.context.newPage()
  try {
    await work(page)
  } finally {
    await page.close()
  }
}

function begin(started: Parameters<PagesServer['interactions']['start']>[0]): string {
  return `${server.url}/begin/${server.interactions.start(started)}`
}

function outcomesOf(uid: string) {
  return server.interactions.outcomes.filter((outcome) => outcome.uid === uid)
}
