import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { type PagesServer, SUBJECT, startPages } from '../support/pages-server.ts'
import { hiddenField, OWN_PAGE, type RawAnswer, RawBrowser } from '../support/raw-browser.ts'

/** A page of the attacker's makes a signed-in person's browser allow the attacker's client: by posting for them, or by hiding our page. */
const FORM_COOKIE = '__Host-sallyport-form'

let server: PagesServer
let clock: AdjustableClock

function withServerForEach(): void {
  beforeEach(async () => {
    clock = new AdjustableClock()
    server = await startPages({ clock })
  })
  afterEach(() => server.close())
}

interface Victim {
  readonly browser: RawBrowser
  readonly uid: string
  readonly url: string
  readonly page: RawAnswer
  readonly token: string
}

describe('a forged consent', () => {
  withServerForEach()

  test('is the only kind refused: the same post from our page allows', async () => {
    const { browser, url, token } = await victim()
    const answer = await browser.post(url, allow(token))
    expect(answer.status).toBe(200)
    expect(server.interactions.outcomes).toMatchObject([{ kind: 'consent', subject: SUBJECT, scopes: ['notes:read'] }])
  })

  test.each<[string, Readonly<Record<string, string>>]>([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['another site with a hidden origin', { 'sec-fetch-site': 'cross-site', origin: 'null' }],
    ['another origin of our site', { 'sec-fetch-site': 'same-site', origin: 'https://other.example' }],
    ['nowhere', { 'sec-fetch-site': 'none' }],
    ['an old browser at another site', { origin: 'https://evil.example' }],
    ['an origin that only starts like ours', { origin: 'http://127.0.0.1' }],
    ['two claims that disagree', { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }],
    ['a made-up site', { 'sec-fetch-site': 'SAME-ORIGIN' }],
  ])('from %s is refused although everything else is right', async (_from, headers) => {
    const { browser, url, token } = await victim()
    await expectRefused(await browser.post(url, allow(token), headers), 'formFromElsewhere')
  })

  test('for a client that has changed since the page was made is refused; the page as it is now allows', async () => {
    const { browser, uid, url, token } = await victim()
    server.interactions.changeClient(uid, { digest: 'digest of the document now' })
    await expectRefused(await browser.post(url, allow(token)), 'formTokenInvalid')
    const again = hiddenField(await browser.open(url), 'form_token')
    expect((await browser.post(url, allow(again))).status).toBe(200)
  })

  test('without a token, with an empty, a changed or a foreign one is refused', async () => {
    const { browser, url, token } = await victim()
    const attacker = await victim()
    const changed = `${token.slice(0, -2)}${token.at(-2) === 'A' ? 'B' : 'A'}${token.at(-1)}`
    for (const forged of [null, '', changed, token.slice(0, 40), `${token}A`, 'A'.repeat(600), attacker.token]) {
      const fields = allow(token).filter(([name]) => name !== 'form_token')
      const answer = await browser.post(url, forged === null ? fields : [['form_token', forged], ...fields])
      await expectRefused(answer, 'formTokenInvalid')
    }
  })

  test.each<[string, (browser: RawBrowser) => void]>([
    ['does not hold its cookie', (browser) => browser.forget(FORM_COOKIE)],
    ['holds another cookie', (browser) => browser.plant(FORM_COOKIE, 'A'.repeat(43))],
    ['holds a malformed cookie', (browser) => browser.plant(FORM_COOKIE, '')],
    ['holds its cookie and a planted one', (browser) => browser.plant(`x=y; ${FORM_COOKIE}`, 'A'.repeat(43))],
  ])('with the right token in a browser that %s is refused', async (_what, change) => {
    const { browser, url, token } = await victim()
    change(browser)
    await expectRefused(await browser.post(url, allow(token)), 'formTokenInvalid')
  })

  test('with the token of another authorization in the same browser is refused', async () => {
    const first = await victim()
    const second = await victim(first.browser)
    await expectRefused(await first.browser.post(second.url, allow(first.token)), 'formTokenInvalid')
  })

  test('with a token from the sign-in form of the same authorization is refused', async () => {
    const { browser, url } = await victim()
    const signIn = await browser.open(`${url}/account`)
    await expectRefused(await browser.post(url, allow(hiddenField(signIn, 'form_token'))), 'formTokenInvalid')
  })

  test('an hour after the page was opened is refused', async () => {
    const { browser, url, token } = await victim()
    clock.forward(3_601)
    await expectRefused(await browser.post(url, allow(token)), 'formTokenInvalid')
  })

  test('from a browser that did not start the authorization sees and does nothing', async () => {
    const { uid, url, token } = await victim()
    const other = new RawBrowser()
    const page = await other.open(url)
    expect(page.status).toBe(400)
    expect(page.text).not.toContain('Claude')
    expect((await other.post(url, allow(token))).status).toBe(400)
    expect((await other.post(`${server.url}/consent/${uid}/account`, allow(token))).status).toBe(400)
    expect(server.interactions.outcomes).toEqual([])
  })

  test('posted for an account that was disabled meanwhile is refused', async () => {
    const { browser, url, token } = await victim()
    await server.store.accounts.setStatus(DEFAULT_TENANT, SUBJECT, 'disabled', clock.nowSeconds(), [])
    const answer = await browser.post(url, allow(token))
    expect(answer.status).toBe(403)
    expect(answer.text).toContain('This account cannot decide')
    expect(server.interactions.outcomes).toEqual([])
  })

  test('posted twice allows once', async () => {
    const { browser, uid, url, token } = await victim()
    expect((await browser.post(url, allow(token))).status).toBe(200)
    expect((await browser.post(url, allow(token))).status).toBe(400)
    expect(server.interactions.outcomes.filter((outcome) => outcome.uid === uid)).toHaveLength(1)
  })
})

describe('a forged choice', () => {
  withServerForEach()

  test.each([
    ['a scope beyond the role', ['notes:admin']],
    ['a scope of another server', ['files:read']],
    ['a wildcard', ['notes:*']],
    ['an allowed scope beside one that is not', ['notes:read', 'notes:admin']],
    ['two scopes in one value', ['notes:read notes:admin']],
    ['another spelling', ['NOTES:read']],
    ['an OpenID scope', ['openid']],
    ['a tool without a scope of its own', ['notes:tool:delete_all']],
  ])('with %s opens nothing and is recorded', async (_what, scopes) => {
    const { browser, url, token } = await victim()
    const answer = await browser.post(url, allow(token, scopes))
    expect(answer.status).toBe(403)
    expect(server.interactions.outcomes).toEqual([])
    expect(server.events).toMatchObject([
      { activity: 'consent', outcome: 'refused', reason: 'scopeBeyondRole', subject: SUBJECT },
    ])
  })

  test.each<[string, readonly (readonly [string, string])[], number]>([
    ['no decision', [['scope', 'notes:read']], 422],
    [
      'an unknown decision',
      [
        ['decision', 'yes'],
        ['scope', 'notes:read'],
      ],
      422,
    ],
    ['no scope', [['decision', 'allow']], 422],
    [
      'two decisions',
      [
        ['decision', 'deny'],
        ['decision', 'allow'],
        ['scope', 'notes:read'],
      ],
      400,
    ],
    [
      'two tokens',
      [
        ['form_token', 'x'],
        ['decision', 'allow'],
        ['scope', 'notes:read'],
      ],
      400,
    ],
    ['too many fields', Array.from({ length: 300 }, () => ['scope', 'notes:read'] as const), 400],
    [
      'too large a field',
      [
        ['decision', 'allow'],
        ['scope', 'x'.repeat(70_000)],
      ],
      413,
    ],
  ])('with %s opens nothing', async (_what, fields, status) => {
    const { browser, url, token } = await victim()
    const answer = await browser.post(url, [['form_token', token], ...fields])
    expect(answer.status).toBe(status)
    expect(server.interactions.outcomes).toEqual([])
  })

  test('as JSON or plain text, which other sites can send without asking, is not read', async () => {
    const { browser, url, token } = await victim()
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      expect((await browser.post(url, allow(token), { ...OWN_PAGE, 'content-type': type })).status).toBe(415)
    }
    expect(server.interactions.outcomes).toEqual([])
  })

  test('for another account of the same browser does not carry over', async () => {
    const { browser, url, token } = await victim()
    const other = asSubjectId('01930000-0000-7000-8000-000000000002')
    await server.store.accounts.create({ ...server.account, subject: other, username: 'jonas' }, [])
    const uid = url.slice(url.lastIndexOf('/') + 1)
    server.interactions.replaceSubject(uid, other)
    await expectRefused(await browser.post(url, allow(token)), 'formTokenInvalid')
  })
})

describe('the headers', () => {
  withServerForEach()

  test('every page carries the policy that allows one stylesheet, forms to ourselves, and nothing else', async () => {
    const { page } = await victim()
    const error = await new RawBrowser().open(`${server.url}/login/unknown`)
    for (const answer of [page, error]) {
      expect(answer.headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
      )
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'cross-origin-opener-policy': 'same-origin',
        'content-type': 'text/html; charset=utf-8',
      })
      expect(answer.headers.get('permissions-policy')).toContain('camera=()')
      expect(answer.text).not.toMatch(/<script|\son\w+=|style="/i)
    }
    expect(page.headers.getSetCookie().find((line) => line.startsWith(FORM_COOKIE))).toMatch(
      /^__Host-sallyport-form=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
  })
})

describe('in Chromium', () => {
  let browser: TestBrowser
  let hostile: Server
  let hostilePort: number
  let hostilePage = ''

  beforeAll(async () => {
    server = await startPages()
    browser = await launchChromium()
    hostile = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.end(hostilePage)
    })
    await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve))
    hostilePort = (hostile.address() as AddressInfo).port // a TCP server that listens has an address object
  })

  afterAll(async () => {
    await browser.close()
    hostile.closeAllConnections()
    hostile.close()
    await server.close()
  })

  // 127.0.0.1 with another port is another origin of the same site, to which Lax cookies go; localhost is another site.
  test.each(['127.0.0.1', 'localhost'])('the consent page does not show in a frame of %s', async (host) => {
    const uid = server.interactions.start({ redirectUri: server.redirectUri, subject: SUBJECT })
    const page = await browser.context.newPage()
    try {
      await page.goto(`${server.url}/begin/${uid}`)
      hostilePage = `<iframe id="f" src="${server.url}/consent/${uid}" width="800" height="900"></iframe>`
      await page.goto(`http://${host}:${hostilePort}/`)
      await page.waitForLoadState('networkidle')
      const frame = page.frames().find((candidate) => candidate !== page.mainFrame())
      expect(frame).toBeDefined()
      expect(await frame?.locator('button').count()).toBe(0)
      expect(frame?.url()).toMatch(/^chrome-error:/)
    } finally {
      await page.close()
    }
  })

  test.each(['127.0.0.1', 'localhost'])('a form of %s that posts itself allows nothing', async (host) => {
    const uid = server.interactions.start({ redirectUri: server.redirectUri, subject: SUBJECT })
    const page = await browser.context.newPage()
    try {
      await page.goto(`${server.url}/begin/${uid}`)
      const token = await page.inputValue('input[name=form_token]')
      hostilePage = `<form method="post" action="${server.url}/consent/${uid}">
        <input name="form_token" value="${token}"><input name="scope" value="notes:read"><input name="decision" value="allow"></form>
        <script>document.forms[0].submit()</script>`
      await page.goto(`http://${host}:${hostilePort}/`).catch(() => undefined)
      await page.waitForURL(`${server.url}/consent/${uid}`)
      expect(await page.textContent('h1')).toBe('That did not come from our page')
      expect(server.interactions.outcomes).toEqual([])
      expect(server.events.at(-1)).toMatchObject({
        activity: 'consent',
        outcome: 'refused',
        reason: 'formFromElsewhere',
      })
    } finally {
      await page.close()
    }
  })

  test('the window that opened the consent page cannot reach it', async () => {
    const uid = server.interactions.start({ redirectUri: server.redirectUri, subject: SUBJECT })
    const page = await browser.context.newPage()
    try {
      hostilePage = '<title>opener</title>'
      await page.goto(`http://localhost:${hostilePort}/`)
      const opened = page.context().waitForEvent('page')
      await page.evaluate(`globalThis.victim = window.open(${JSON.stringify(`${server.url}/begin/${uid}`)}); undefined`)
      const consent = await opened
      await consent.waitForSelector('button[value=allow]')
      expect(await page.evaluate('victim.closed')).toBe(true)
      expect(await consent.evaluate('window.opener')).toBeNull()
      await consent.close()
    } finally {
      await page.close()
    }
  })
})

async function victim(browser = new RawBrowser()): Promise<Victim> {
  const uid = server.interactions.start({ redirectUri: server.redirectUri, subject: SUBJECT })
  const page = await browser.open(`${server.url}/begin/${uid}`)
  return { browser, uid, url: `${server.url}/consent/${uid}`, page, token: hiddenField(page, 'form_token') }
}

function allow(token: string, scopes: readonly string[] = ['notes:read']): [string, string][] {
  return [['form_token', token], ['decision', 'allow'], ...scopes.map((scope): [string, string] => ['scope', scope])]
}

/** 403, nothing opened, and one record that says why. */
async function expectRefused(answer: RawAnswer, reason: string): Promise<void> {
  expect(answer.status).toBe(403)
  expect(answer.text).toContain('That did not come from our page')
  expect(server.interactions.outcomes).toEqual([])
  expect(server.events).toMatchObject([{ activity: 'consent', outcome: 'refused', reason }])
  server.events.length = 0
}
