import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { eventually } from '../support/eventually.ts'
import { axeFindings, horizontalOverflow } from '../support/page-checks.ts'
import { typeAtCursor } from '../support/type-at-cursor.ts'
import type { Person } from './support/authorize.ts'
import { type RunningGateway, startGateway } from './support/gateway.ts'

const ADA: Person = { username: 'ada', password: 'four unrelated words of ada' }
const CURSOR = 'cursor://anysphere.cursor-mcp/oauth/callback'
const STATE = 'st4te of the client'
/** A step of a page that takes longer has gone wrong. */
const STEP_MS = 15_000
// A flow is a dozen pages, each with a password hash or a database commit behind it.
vi.setConfig({ testTimeout: 60_000 })

let gateway: RunningGateway
let browser: TestBrowser
/** A client on this machine: its callback, and what came back there. */
let client: Server
let callback: string
let documentUrl: string
const callbacks: URL[] = []

beforeAll(async () => {
  client = createServer((request, response) => {
    if (request.url === '/client.json') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document()))
      return
    }
    if (request.url?.startsWith('/callback')) callbacks.push(new URL(request.url, callback))
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>client</title>')
  })
  await new Promise<void>((resolve) => client.listen(0, '127.0.0.1', resolve))
  const { port } = client.address() as AddressInfo // listening on TCP
  callback = `http://127.0.0.1:${port}/callback`
  documentUrl = `http://127.0.0.1:${port}/client.json`
  ;[gateway, browser] = await Promise.all([startGateway(), launchChromium({ javaScriptEnabled: false })])
})

afterAll(async () => {
  await browser.close()
  await gateway.dispose()
  client.close()
})

// In this order, as a first user meets them: each stands on the account, or the login, of those before.
describe('Chromium and the gateway, without JavaScript', () => {
  it('finds words, and no names of servers, at the address of the gateway itself', async () => {
    await withPage(async (page) => {
      expect((await page.goto(gateway.origin))?.status()).toBe(200)
      expect(await page.textContent('h1')).toBe('The gateway is running')
      expect(await page.textContent('code.copy')).toBe(`${gateway.origin}/mcp/id`)
      expect(await page.content()).not.toMatch(/everything|files|memory|notes/)
    })
  })

  it('opens the first account from the setup link with the keyboard alone, once', async () => {
    const link = await eventually(() => setupLink())
    await withPage(async (page) => {
      await page.goto(link)
      await typeAtCursor(page, 'username', ADA.username)
      await page.keyboard.press('Tab')
      await page.keyboard.type(ADA.password)
      await page.keyboard.press('Tab')
      await page.keyboard.type(ADA.password)
      await page.keyboard.press('Enter')
      await page.waitForSelector('text=Your account is ready')
      expect(await page.locator('code.copy').allTextContents()).toContain(`${gateway.origin}/mcp/everything`)
      expect((await page.goto(link))?.status()).toBe(403)
      expect(await page.textContent('h1')).toBe('This setup link does not work')
    })
    expect(JSON.parse(await gateway.cli('user', 'list', '--json'))).toMatchObject([
      { username: 'ada', roles: expect.arrayContaining(['operator']) },
    ])
  })

  it('takes a loopback client from authorize to a token that works, with the keyboard alone', async () => {
    const flow = authorization(await register(callback, 'Terminal client'), callback, 'everything:read')
    await withPage(async (page) => {
      await page.goto(flow.url)
      expect(await page.textContent('main')).toContain('Terminal client asks to use Everything')
      await typeAtCursor(page, 'username', ADA.username)
      await page.keyboard.press('Tab')
      await page.keyboard.type(ADA.password)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/consent/**')
      expect(await page.textContent('h1')).toBe('Allow Terminal client to use Everything?')
      expect(await ticked(page)).toEqual(['everything:read'])
      for (let stops = 0; stops < 10 && (await focusedValue(page)) !== 'allow'; stops += 1)
        await page.keyboard.press('Tab')
      await page.keyboard.press('Enter')
      await page.waitForURL(`${callback}?**`)
    })
    const token = await redeem(flow, answerOf(callbacks.at(-1)))
    expect(token).toMatchObject({ token_type: 'Bearer', scope: 'everything:read', expires_in: 1800 })
    const called = await initialize(token.access_token)
    expect(called.status).toBe(200)
    expect(await called.text()).toContain('"serverInfo"')
  })

  it('tells the client about a Deny, with iss, and opens nothing', async () => {
    const before = await grantUsers()
    const flow = authorization(await register(callback, 'Unwanted client'), callback, 'everything:read')
    await withPage(async (page) => {
      await page.goto(flow.url)
      await page.click('button[value=deny]')
      await page.waitForURL(`${callback}?**`)
    })
    const parameters = callbacks.at(-1)?.searchParams
    expect(parameters?.get('error')).toBe('access_denied')
    expect(parameters?.get('iss')).toBe(gateway.origin)
    expect(parameters?.get('state')).toBe(STATE)
    expect(parameters?.has('code')).toBe(false)
    expect(await grantUsers()).toEqual(before)
  })

  it('hands an app with a scheme of its own its code after one more click', async () => {
    const flow = authorization(await register(CURSOR, 'Cursor'), CURSOR, 'everything:read')
    await withPage(async (page) => {
      await page.goto(flow.url)
      expect(await page.textContent('.facts')).toContain('The app that opens cursor: links')
      await page.click('button[value=allow]')
      const back = page.locator('a.button', { hasText: 'Back to the app' })
      await back.waitFor()
      const redirect = page.waitForResponse((response) => response.status() >= 300 && response.status() < 400)
      // Nothing here opens cursor: links, so the navigation itself cannot end.
      await back.click({ noWaitAfter: true })
      const location = (await (await redirect).headerValue('location')) ?? ''
      expect(location.startsWith(`${CURSOR}?`)).toBe(true)
      expect(await redeem(flow, answerOf(new URL(location)))).toMatchObject({ scope: 'everything:read' })
    })
  })

  it('names who publishes a client that is a metadata document', async () => {
    const flow = authorization(documentUrl, callback, 'everything:read')
    await withPage(async (page) => {
      await page.goto(flow.url)
      const facts = await page.textContent('.facts')
      expect(facts).toContain('Client by document')
      expect(facts).toContain(`Published by ${new URL(documentUrl).host}`)
      await page.click('button[value=allow]')
      await page.waitForURL(`${callback}?**`)
    })
    expect(await redeem(flow, answerOf(callbacks.at(-1)))).toMatchObject({ scope: 'everything:read' })
  })

  it('lets another account decide, whose grant it then is', async () => {
    const bob = await gateway.addUser('bob')
    const flow = authorization(await register(callback, 'Shared computer'), callback, 'everything:read')
    await withPage(async (page) => {
      await page.goto(flow.url)
      expect(await page.textContent('.facts')).toContain('ada')
      await page.click('text=Use another account')
      await page.fill('#username', bob.username)
      await page.fill('#password', bob.password)
      await page.keyboard.press('Enter')
      await page.waitForURL(/\/consent\/[^/]+$/)
      const facts = await page.textContent('.facts')
      expect(facts).toContain('bob')
      expect(facts).not.toContain('ada')
      await page.click('button[value=allow]')
      await page.waitForURL(`${callback}?**`)
    })
    await redeem(flow, answerOf(callbacks.at(-1)))
    expect((await grantUsers()).filter((name) => name === 'bob')).toEqual(['bob'])
  })

  it('stays put on an address that the client never registered, and says so', async () => {
    const seen = callbacks.length
    const clientId = await register(callback, 'Lured client')
    await withPage(async (page) => {
      const answer = await page.goto(authorization(clientId, `${callback}/elsewhere`, 'everything:read').url)
      expect(answer?.status()).toBe(400)
      expect(await page.textContent('h1')).toBe('This address was not registered')
      const requestId = (await page.textContent('.foot code')) ?? ''
      expect(await gateway.cli('log', 'explain', requestId)).toContain('What to do')
    })
    expect(callbacks).toHaveLength(seen)
  })
})

describe.each([
  ['light', 1280],
  ['dark', 320],
] as const)('the pages of a whole flow, %s at %i px', (colorScheme, width) => {
  it('break no rule of WCAG 2.2 AA and fit', async () => {
    const own = await launchChromium({ colorScheme, viewport: { width, height: 800 } })
    try {
      const page = await own.context.newPage()
      page.setDefaultTimeout(STEP_MS)
      await page.goto(authorization(await register(CURSOR, 'Cursor'), CURSOR, 'everything:read').url)
      await check(page)
      await page.fill('#username', ADA.username)
      await page.fill('#password', ADA.password)
      await page.keyboard.press('Enter')
      await page.waitForURL('**/consent/**')
      await page.click('summary')
      await check(page)
      await page.click('button[value=allow]')
      await page.waitForSelector('text=Back to the app')
      await check(page)
      await page.goto(`${gateway.origin}/oauth/authorize?client_id=nobody`)
      await check(page)
    } finally {
      await own.close()
    }
  })
})

/** Printed once the gateway is ready, which is a moment after it answers that it is. */
function setupLink(): string {
  const [link] = /http:\S+\/setup\?token=\S+/.exec(gateway.output()) ?? []
  if (link === undefined) throw new Error('no setup link was printed')
  return link
}

async function check(page: Page): Promise<void> {
  const { violations, passes } = await axeFindings(page)
  expect(violations).toEqual([])
  expect(passes).toBeGreaterThan(10)
  expect(await horizontalOverflow(page)).toMatchObject({ elements: [] })
}

interface Flow {
  readonly url: string
  readonly clientId: string
  readonly redirectUri: string
  readonly verifier: string
}

function authorization(clientId: string, redirectUri: string, scope: string): Flow {
  const verifier = randomBytes(32).toString('base64url')
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state: STATE,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${gateway.origin}/mcp/everything`,
  })
  return { url: `${gateway.origin}/oauth/authorize?${parameters.toString()}`, clientId, redirectUri, verifier }
}

async function register(redirectUri: string, name: string): Promise<string> {
  const answer = await fetch(`${gateway.origin}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...clientMetadata(redirectUri), client_name: name }),
  })
  expect(answer.status).toBe(201)
  const { client_id } = (await answer.json()) as { client_id: string } // RFC 7591 §3.2.1
  return client_id
}

function document(): object {
  return { ...clientMetadata(callback), client_id: documentUrl, client_name: 'Client by document' }
}

function clientMetadata(redirectUri: string) {
  return {
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
}

/** RFC 9207 §2.4: the code, of an answer that names our issuer and the client's own state. */
function answerOf(url: URL | undefined): string {
  expect(url?.searchParams.get('iss')).toBe(gateway.origin)
  expect(url?.searchParams.get('state')).toBe(STATE)
  return url?.searchParams.get('code') ?? ''
}

async function redeem({ clientId, redirectUri, verifier }: Flow, code: string): Promise<{ access_token: string }> {
  const answer = await fetch(`${gateway.origin}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      client_id: clientId,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      resource: `${gateway.origin}/mcp/everything`,
    }),
  })
  const body: unknown = await answer.json()
  expect(answer.status, JSON.stringify(body)).toBe(200)
  return body as { access_token: string } // RFC 6749 §5.1
}

function initialize(accessToken: string): Promise<Response> {
  return fetch(`${gateway.origin}/mcp/everything`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${accessToken}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'browser test', version: '1' } },
    }),
  })
}

async function grantUsers(): Promise<string[]> {
  const grants = JSON.parse(await gateway.cli('grant', 'list', '--json')) as { username: string }[]
  return grants.map(({ username }) => username)
}

function ticked(page: Page): Promise<(string | null)[]> {
  return page.locator('input[name=scope]:checked').evaluateAll((boxes) => boxes.map((box) => box.getAttribute('value')))
}

async function focusedValue(page: Page): Promise<string | null> {
  const focused = page.locator('button:focus')
  return (await focused.count()) === 0 ? null : focused.getAttribute('value')
}

async function withPage(work: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.context.newPage()
  page.setDefaultTimeout(STEP_MS)
  try {
    await work(page)
  } finally {
    await page.close()
  }
}
