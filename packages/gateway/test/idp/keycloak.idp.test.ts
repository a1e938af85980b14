import { createHash, randomBytes } from 'node:crypto'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { totpCode } from '#identity/totp.ts'
import { launchChromium, type TestBrowser } from '../support/chromium.ts'
import { type ProviderWorld, startProviderWorld } from '../support/provider-login.ts'
import { initialize, REDIRECT_URI, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/** `npm run test:idp` starts a Keycloak and says where it is. */
const KEYCLOAK = process.env['SALLYPORT_KEYCLOAK'] ?? ''
const [ADMIN = '', PASSWORD_OF_ADMIN = ''] = (process.env['SALLYPORT_KEYCLOAK_ADMIN'] ?? '').split(':')
const PASSWORD = 'violet anchor teapot 9'
const SECRET = Buffer.from('12345678901234567890')
const BOUND_MS = 1_000

let upstream: ScriptedUpstream
let world: ProviderWorld
let browser: TestBrowser
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  world = await startProviderWorld(
    [
      '  corp:',
      `    { profile: keycloak, title: Corp, issuer: '${KEYCLOAK}/realms/corp', clientId: sallyport, secret: '\${file:kc.secret}', network: loopback,`,
      "      accounts: opened, emailDomains: [corp.example], multiFactorAcr: ['1'], recheck: {},",
      '      roles: { claim: groups, map: { mcp-users: [user], mcp-operators: [operator] } } }',
    ].join('\n'),
    upstream.url,
    {
      yaml: 'login: { tiers: { low: { multiFactor: true } } }',
      files: { 'kc.secret': 'a secret of the gateway at keycloak' },
    },
  )
  const [client] = await admin<{ id: string; attributes: object }[]>('GET', '/clients?clientId=sallyport')
  await admin('PUT', `/clients/${client?.id}`, {
    ...client,
    redirectUris: [`${world.origin}/oidc/callback/corp`],
    attributes: { ...client?.attributes, 'backchannel.logout.url': `${world.origin}/oidc/logout/corp` },
  })
  browser = await launchChromium()
}, 120_000)
afterAll(async () => {
  await browser.close()
  await world.whole.close()
  await upstream.close()
})

async function admin<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  const form = { grant_type: 'password', client_id: 'admin-cli', username: ADMIN, password: PASSWORD_OF_ADMIN }
  const token = await requestToken(fetch, `${KEYCLOAK}/realms/master/protocol/openid-connect/token`, form)
  const { access_token } = (await token.json()) as { access_token: string }
  const answer = await fetch(`${KEYCLOAK}/admin/realms/corp${path}`, {
    method,
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  const text = await answer.text()
  return (text === '' ? null : JSON.parse(text)) as T
}
const userId = async (name: string) =>
  (await admin<{ id: string }[]>('GET', `/users?username=${name}&exact=true`))[0]?.id ?? ''

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}

/** A person in Chromium: our page, Keycloak's password and code, our consent, and back at the client. */
async function logIn(username: string): Promise<Tokens> {
  const page = await browser.context.newPage()
  try {
    await browser.context.clearCookies()
    const verifier = randomBytes(32).toString('base64url')
    const clientId = await world.clientId()
    const url = new URL(`${world.origin}/oauth/authorize`)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      resource: `${world.origin}/mcp/notes`,
      scope: 'notes:read',
    }).toString()
    await page.goto(url.href)
    await page.locator('a', { hasText: 'Sign in with Corp' }).click()
    await atKeycloak(page, username)
    await page.waitForURL('**/consent/**')
    const back = page.waitForRequest((request) => request.url().startsWith(REDIRECT_URI))
    await page.locator('button[value=allow]').click()
    // An app on this machine is sent to by one more click.
    await page
      .locator('a[href*="/oauth/authorize/"]')
      .click({ timeout: 3_000 })
      .catch(() => undefined)
    const code = new URL((await back).url()).searchParams.get('code') ?? ''
    const answer = await requestToken(fetch, `${world.origin}/oauth/token`, {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      client_id: clientId,
      redirect_uri: REDIRECT_URI,
      resource: `${world.origin}/mcp/notes`,
    })
    expect(answer.status).toBe(200)
    return (await answer.json()) as Tokens
  } finally {
    await page.close()
  }
}

async function atKeycloak(page: Page, username: string): Promise<void> {
  await page.fill('#username', username)
  await page.fill('#password', PASSWORD)
  await page.click('#kc-login')
  if (username !== 'ada') return
  await page.waitForSelector('#otp')
  // Keycloak takes each code once as well.
  await page.fill('#otp', totpCode(SECRET, nextStep()))
  await page.click('#kc-login')
}

let lastStep = 0
function nextStep(): number {
  const now = Math.floor(Date.now() / 30_000)
  lastStep = Math.max(now - 1, lastStep + 1)
  return lastStep
}
const doorOf = async ({ access_token }: Tokens) => {
  const answer = await initialize(fetch, `${world.origin}/mcp/notes`, access_token)
  await answer.text()
  return answer.status
}
const users = async () =>
  (JSON.parse((await world.whole.admin('GET', '/users')).text) as { items: { username: string; roles: string[] }[] })
    .items

describe('Keycloak', () => {
  it('lets somebody in with password and second factor, who consents here, with the roles of their groups', async () => {
    const tokens = await logIn('ada')
    expect(await doorOf(tokens)).toBe(200)
    expect(await users()).toMatchObject([{ username: 'ada@corp.example', roles: ['user'] }])
  }, 60_000)

  it('says that somebody has logged out: their call is refused within a second', async () => {
    const tokens = await logIn('ada')
    expect(await doorOf(tokens)).toBe(200)
    await admin('POST', `/users/${await userId('ada')}/logout`)
    const saidAt = performance.now()
    let lastMs = 0
    while (performance.now() - saidAt < 2 * BOUND_MS) {
      const askedMs = performance.now() - saidAt
      if ((await doorOf(tokens)) !== 200) break
      lastMs = askedMs
    }
    process.stdout.write(`Keycloak's logout: a call let in at most ${lastMs.toFixed(1)} ms after it was done there\n`)
    expect(await doorOf(tokens)).toBe(401)
    expect(lastMs).toBeLessThan(BOUND_MS)
    expect((await world.whole.log()).map(({ reason }) => reason)).toContain('loggedOutAtProvider')
  }, 60_000)

  it('is asked again at a refresh: groups follow, and whoever is disabled there is nobody here', async () => {
    const tokens = await logIn('bob')
    const id = await userId('bob')
    const groups = await admin<{ id: string; name: string }[]>('GET', '/groups')
    const operators = groups.find(({ name }) => name === 'mcp-operators')?.id
    await admin('PUT', `/users/${id}/groups/${operators}`)
    const refresh = async ({ refresh_token }: Tokens) =>
      requestToken(fetch, `${world.origin}/oauth/token`, {
        grant_type: 'refresh_token',
        refresh_token,
        client_id: await world.clientId(),
      })
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    try {
      const first = await refresh(tokens)
      expect(first.status).toBe(200)
      const next = (await first.json()) as Tokens
      const bob = (await users()).find(({ username }) => username === 'bob@corp.example')
      expect(bob?.roles.toSorted()).toEqual(['operator', 'user'])
      await admin('PUT', `/users/${id}`, { ...(await admin<object>('GET', `/users/${id}`)), enabled: false })
      vi.setSystemTime(Date.now() + 61_000)
      const second = await refresh(next)
      expect([second.status, await second.json()]).toMatchObject([400, { error: 'invalid_grant' }])
      expect(await doorOf(next)).toBe(401)
    } finally {
      vi.useRealTimers()
    }
  }, 60_000)
})
