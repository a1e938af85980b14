import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { totpCode } from '#identity/totp.ts'
import { logIn, type Person } from '../e2e/support/authorize.ts'
import { type Form, formsOf, type Page, ScriptedBrowser } from '../e2e/support/browser.ts'
import { authorizationOf, isConsent } from '../support/provider-login.ts'
import { registerClient } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'
import { startWholeGateway, type WholeGateway } from '../support/whole-gateway.ts'

/**
 * Somebody knows the password of an account that has a second factor, or will have one. Expected: no login without the factor, whatever page or
 * form they go by; few guesses; a code that was seen is worth nothing.
 */
let upstream: ScriptedUpstream
let whole: WholeGateway
let origin: string
let client: string
let people = 0
let person: Person
let browser: ScriptedBrowser
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  upstream = await startScriptedUpstream(() => false)
  whole = await startWholeGateway((port) => yaml(port))
  origin = `http://127.0.0.1:${whole.port}`
  client = await registerClient(fetch, `${origin}/oauth/register`)
})
afterAll(async () => {
  await whole.close()
  await upstream.close()
  vi.useRealTimers()
})
beforeEach(async () => {
  people += 1
  person = await whole.addUser(`maria${people}`, ['user'])
  browser = new ScriptedBrowser(origin)
  // The limits of an address are not what is tried here: hours pass.
  later(3_600)
})

const yaml = (port: number, login = '') =>
  [
    'version: 1',
    `gateway: { publicUrl: 'http://127.0.0.1:${port}' }`,
    login,
    `servers: { notes: { http: { url: '${upstream.url}', network: loopback } } }`,
    '',
  ].join('\n')
const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const begin = async (by = browser) => by.open(await authorizationOf({ origin, clientId: async () => client }))
const formTo = (page: Page, path: string): Form => {
  const form = formsOf(page.html).find(({ action }) => new URL(action, page.url).pathname.endsWith(path))
  if (form === undefined)
    throw new Error(`no form to ${path} at ${page.url} (${page.status}): ${page.html.slice(-1500)}`)
  return form
}
const submit = (page: Page, path: string, values: Readonly<Record<string, string>>, by = browser) => {
  const form = formTo(page, path)
  const given = form.fields
    .filter(({ name, type }) => type === 'hidden' && !(name in values))
    .map(({ name, value }) => [name, value] as const)
  return by.submit(page, form, [...given, ...Object.entries(values)])
}
const secretOf = (page: Page): Buffer => {
  const key = /<code class="copy">([A-Z2-7 ]+)</.exec(page.html)?.[1]?.replaceAll(' ', '')
  if (key === undefined) throw new Error(`no key at ${page.url} (${page.status})`)
  return Buffer.from(
    [...key]
      .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
      .join('')
      .match(/.{8}/g)
      ?.map((byte) => Number.parseInt(byte, 2)) ?? [],
  )
}
const codeOf = (secret: Buffer, steps = 0) => totpCode(secret, Math.floor(Date.now() / 30_000) + steps)
const codesOf = (page: Page) => [...page.html.matchAll(/<li><code>([A-Z2-7-]{19})</g)].map(([, code]) => code ?? '')
const logInAt = (page: Page, by = browser) => logIn(by, page, person)
/** On the account page, in a browser of its own. */
async function enrol(): Promise<{ readonly secret: Buffer; readonly codes: readonly string[] }> {
  const own = new ScriptedBrowser(origin)
  const account = await logIn(own, await own.open(`${origin}/account`), person)
  const page = await submit(account, '/account/totp', {}, own)
  const secret = secretOf(page)
  const done = await submit(page, '/account/enrol', { code: codeOf(secret) }, own)
  expect(done.status).toBe(200)
  later(30)
  return { secret, codes: codesOf(done) }
}
const reasons = async () => (await whole.log()).map(({ reason }) => reason)

describe('an account with an authenticator app', () => {
  it('is logged in to with password and code, and the token says that there were two', async () => {
    const { secret } = await enrol()
    const page = await logInAt(await begin())
    expect(isConsent(page)).toBe(false)
    const consent = await submit(page, '/factor', { code: codeOf(secret) })
    expect(isConsent(consent)).toBe(true)
    expect((await whole.log()).find(({ activity }) => activity === 'login')).toMatchObject({ outcome: 'success' })
  })

  it('is not with the password alone, whichever way its form is followed up', async () => {
    await enrol()
    const page = await logInAt(await begin())
    const uid = /\/login\/([^/"]+)\/factor/.exec(page.html)?.[1] ?? ''
    // The form that sets up the first app, filled in by hand with what the page of the second step has.
    const form = { ...formTo(page, '/factor'), action: `${origin}/login/${uid}/enrol` }
    const hidden = form.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value] as const)
    const enrolled = await browser.submit(page, form, [...hidden, ['sealed', 'x'], ['code', '123456']])
    expect([enrolled.status, isConsent(enrolled)]).toEqual([403, false])
    for (const path of [`/consent/${uid}`, `/oauth/authorize/${uid}`, `/login/${uid}/return`, `/login/${uid}/passkey`])
      expect(isConsent(await browser.open(`${origin}${path}`))).toBe(false)
    expect(await reasons()).toContain('secondFactorNeeded')
  })

  it('is not with a page of before there was one: it sets up no other', async () => {
    const thief = new ScriptedBrowser(origin)
    const account = await logIn(thief, await thief.open(`${origin}/account`), person)
    const old = await submit(account, '/account/totp', {}, thief)
    const secret = secretOf(old)
    // The thief's page session is over by the time.
    await enrol()
    later(700)
    const late = await submit(old, '/account/enrol', { code: codeOf(secret) }, thief)
    expect(late.status).toBe(400)
    const again = await logIn(thief, await thief.open(`${origin}/account`), person)
    expect(again.html).toContain('/account/factor')
  })

  it.each([
    ['once', 0],
    ['not at all from before', -3],
    ['not at all from later', 3],
  ])('takes a code %s', async (_how, steps) => {
    const { secret } = await enrol()
    const code = codeOf(secret, steps)
    const answers: boolean[] = []
    for (const by of [new ScriptedBrowser(origin), new ScriptedBrowser(origin)]) {
      const page = await logInAt(await begin(by), by)
      answers.push(isConsent(await submit(page, '/factor', { code }, by)))
    }
    expect(answers).toEqual([steps === 0, false])
  })

  it('takes a code once of eight at the same moment', async () => {
    const { secret } = await enrol()
    const code = codeOf(secret)
    const pages = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const by = new ScriptedBrowser(origin)
        return { by, page: await logInAt(await begin(by), by) }
      }),
    )
    const answers = await Promise.all(pages.map(({ by, page }) => submit(page, '/factor', { code }, by)))
    expect(answers.filter((page) => isConsent(page))).toHaveLength(1)
    expect(await reasons()).toContain('codeUsed')
  })

  it('has five guesses, then a wait; a right one comes too late then', async () => {
    const { secret } = await enrol()
    const page = await logInAt(await begin())
    const right = codeOf(secret)
    const statuses: number[] = []
    for (let guess = 0; guess < 6; guess += 1) {
      const code = String((Number(right) + 1 + guess) % 1_000_000).padStart(6, '0')
      statuses.push((await submit(page, '/factor', { code })).status)
    }
    expect(statuses).toEqual([403, 403, 403, 403, 403, 429])
    expect((await submit(page, '/factor', { code: right })).status).toBe(429)
    expect(await reasons()).toContain('factorThrottled')
  })

  it('takes each recovery code once', async () => {
    const { codes } = await enrol()
    expect(codes).toHaveLength(10)
    const use = async (code: string) => {
      const by = new ScriptedBrowser(origin)
      return isConsent(await submit(await logInAt(await begin(by), by), '/factor', { code }, by))
    }
    expect([await use(codes[0] ?? ''), await use(codes[0] ?? ''), await use((codes[1] ?? '').toLowerCase())]).toEqual([
      true,
      false,
      true,
    ])
    expect(await reasons()).toContain('recoveryCodeUsed')
  })
})

describe('the page of the second step', () => {
  it.each<[string, (form: Form) => [string, string][]]>([
    ['of another account', () => [['subject', '01a2-other']]],
    ['of another time', () => [['since', '1']]],
    ['without its token', () => [['form_token', '']]],
  ])('%s is worth nothing', async (_how, change) => {
    const { secret } = await enrol()
    const page = await logInAt(await begin())
    const values = Object.fromEntries(change(formTo(page, '/factor')))
    expect((await submit(page, '/factor', { ...values, code: codeOf(secret) })).status).toBe(403)
  })

  it('is worth nothing in another browser, for another authorization, after ten minutes, or with another password', async () => {
    const { secret } = await enrol()
    const page = await logInAt(await begin())
    const other = new ScriptedBrowser(origin)
    await begin(other)
    const elsewhere = await submit(page, '/factor', { code: codeOf(secret) }, other)
    expect(isConsent(elsewhere)).toBe(false)
    const second = await begin()
    const uid = /\/login\/([^/"]+)"/.exec(second.html)?.[1] ?? ''
    const form = { ...formTo(page, '/factor'), action: `${origin}/login/${uid}/factor` }
    const hidden = form.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value] as const)
    expect((await browser.submit(page, form, [...hidden, ['code', codeOf(secret)]])).status).toBe(403)
    later(601)
    expect(isConsent(await submit(page, '/factor', { code: codeOf(secret) }))).toBe(false)
    const fresh = await logInAt(await begin())
    await whole.admin('POST', `/users/${person.username}/password`, { password: 'another long password 7' })
    expect(isConsent(await submit(fresh, '/factor', { code: codeOf(secret) }))).toBe(false)
  })
})

describe('the account page', () => {
  it('is over after ten minutes, and at a new password', async () => {
    const account = await logInAt(await browser.open(`${origin}/account`))
    expect(account.html).toContain('How you sign in')
    later(601)
    expect((await browser.open(`${origin}/account`)).html).toContain('name="password"')
    await logInAt(await browser.open(`${origin}/account`))
    await whole.admin('POST', `/users/${person.username}/password`, { password: 'another long password 8' })
    expect((await browser.open(`${origin}/account`)).html).toContain('name="password"')
  })

  it.each([
    '/account/totp',
    '/account/totp/remove',
    '/account/passkeys/remove',
    '/account/recovery-codes',
    '/account/leave',
  ])('does nothing at %s for a form from elsewhere, or of nobody', async (path) => {
    const account = await logInAt(await browser.open(`${origin}/account`))
    const form: Form = { action: `${origin}${path}`, fields: [], buttons: [] }
    expect((await browser.submit(account, form, [['form_token', 'x']])).status).toBe(403)
    expect((await new ScriptedBrowser(origin).submit(account, form, [['form_token', 'x']])).status).toBe(403)
    const cross = await fetch(`${origin}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'cross-site' },
      body: 'form_token=x',
    })
    expect(cross.status).toBe(403)
  })

  it('cannot be had by a cookie that was made up', async () => {
    for (const value of ['', 'x', 'A'.repeat(200), 'A'.repeat(2_000)]) {
      const page = await fetch(`${origin}/account`, { headers: { cookie: `__Host-sallyport-account=${value}` } })
      expect(await page.text()).toContain('name="password"')
    }
  })

  it('shows new recovery codes once, which end the old', async () => {
    const { secret, codes } = await enrol()
    const page = await logInAt(await browser.open(`${origin}/account`))
    const account = await submit(page, '/account/factor', { code: codeOf(secret) })
    const renewed = codesOf(await submit(account, '/account/recovery-codes', {}))
    expect(renewed).toHaveLength(10)
    expect(renewed).not.toEqual(codes)
    const by = new ScriptedBrowser(origin)
    const login = await logInAt(await begin(by), by)
    expect(isConsent(await submit(login, '/factor', { code: codes[2] ?? '' }, by))).toBe(false)
    expect(isConsent(await submit(login, '/factor', { code: renewed[2] ?? '' }, by))).toBe(true)
  })
})

describe('a second factor that becomes required', () => {
  afterEach(() => whole.reconfigure(yaml(whole.port)))
  const require = () => whole.reconfigure(yaml(whole.port, 'login: { secondFactor: required }'))

  it('is asked for at the next authorization of a login that was there before', async () => {
    expect(isConsent(await logInAt(await begin()))).toBe(true)
    expect(isConsent(await begin())).toBe(true)
    await require()
    const page = await begin()
    expect([isConsent(page), page.html.includes('name="password"')]).toEqual([false, true])
    // Without a person to ask the client hears that there is no login.
    const silent = await browser.open(`${await authorizationOf({ origin, clientId: async () => client })}&prompt=none`)
    expect(new URL(silent.url).searchParams.get('error')).toBe('login_required')
    const enrolment = await logInAt(page)
    const done = await submit(enrolment, '/enrol', { code: codeOf(secretOf(enrolment)) })
    const next = /href="([^"]+\/oauth\/authorize\/[^"]+)"/.exec(done.html)?.[1] ?? ''
    expect(isConsent(await browser.open(next))).toBe(true)
    expect(isConsent(await begin())).toBe(true)
  })

  it('is asked for before a consent that was under way comes to anything', async () => {
    const consent = await logInAt(await begin())
    expect(isConsent(consent)).toBe(true)
    await require()
    const form = formsOf(consent.html).find(({ fields }) => fields.some(({ name }) => name === 'scope'))
    const hidden = form?.fields.filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value] as const)
    const scopes = form?.fields.filter(({ name }) => name === 'scope').map(({ value }) => ['scope', value] as const)
    const allow = form?.buttons.find(({ value }) => value === 'allow')
    if (form === undefined || allow === undefined) throw new Error('no consent form')
    const sent = await browser.submit(consent, form, [...(hidden ?? []), ...(scopes ?? []), [allow.name, allow.value]])
    const onwards = /<a\b[^>]*href="([^"]*\/oauth\/authorize\/[^"]+)"/.exec(sent.html)?.[1]?.replaceAll('&amp;', '&')
    const after = onwards === undefined ? sent : await browser.open(new URL(onwards, sent.url).href)
    expect(new URL(after.url).searchParams.get('code')).toBeNull()
    expect(after.html).toContain('name="password"')
    expect((await whole.log()).filter(({ activity }) => activity === 'token')).toEqual([])
  })
})

describe('an account page that was opened before there was a second factor', () => {
  it('changes nothing once there is one', async () => {
    const thief = new ScriptedBrowser(origin)
    const page = await logInAt(await thief.open(`${origin}/account`), thief)
    expect(page.html).toContain('How you sign in')
    const begun = await submit(page, '/account/totp', {}, thief)
    const { secret } = await enrol()
    const remove: Form = { ...formTo(page, '/account/totp'), action: `${origin}/account/totp/remove` }
    const hidden = remove.fields
      .filter(({ type }) => type === 'hidden')
      .map(({ name, value }) => [name, value] as const)
    expect((await thief.submit(page, remove, hidden)).status).toBe(403)
    const codes: Form = { ...remove, action: `${origin}/account/recovery-codes` }
    expect((await thief.submit(page, codes, hidden)).status).toBe(403)
    expect((await submit(begun, '/account/enrol', { code: codeOf(secretOf(begun)) }, thief)).status).toBe(400)
    expect((await thief.open(`${origin}/account`)).html).toContain('name="password"')
    // The person's own login still takes their code, and their own page goes on.
    expect(isConsent(await submit(await logInAt(await begin()), '/factor', { code: codeOf(secret) }))).toBe(true)
    expect(await reasons()).not.toContain('secondFactorRemoved')
  })

  it('goes on for whoever set it up there', async () => {
    const own = new ScriptedBrowser(origin)
    const page = await submit(await logInAt(await own.open(`${origin}/account`), own), '/account/totp', {}, own)
    await submit(page, '/account/enrol', { code: codeOf(secretOf(page)) }, own)
    const account = await own.open(`${origin}/account`)
    expect(account.html).toContain('Remove the authenticator app')
    await submit(account, '/account/totp/remove', {}, own)
    expect(await reasons()).toContain('secondFactorRemoved')
  })
})

describe('where a second factor is required', () => {
  beforeAll(() => whole.reconfigure(yaml(whole.port, 'login: { secondFactor: required }')))
  afterAll(() => whole.reconfigure(yaml(whole.port)))

  it('nobody decides anything before they have one, and the last one cannot be removed', async () => {
    const page = await logInAt(await begin())
    expect(isConsent(page)).toBe(false)
    const wrong = await submit(page, '/enrol', { code: '000000' })
    expect([wrong.status, isConsent(wrong)]).toEqual([403, false])
    const secret = secretOf(wrong)
    const done = await submit(wrong, '/enrol', { code: codeOf(secret) })
    expect(codesOf(done)).toHaveLength(10)
    const next = /href="([^"]+\/oauth\/authorize\/[^"]+)"/.exec(done.html)?.[1] ?? ''
    expect(isConsent(await browser.open(next))).toBe(true)
    later(30)
    const own = new ScriptedBrowser(origin)
    const login = await logInAt(await own.open(`${origin}/account`), own)
    const account = await submit(login, '/account/factor', { code: codeOf(secret) }, own)
    const kept = await submit(account, '/account/totp/remove', {}, own)
    expect(kept.status).toBe(409)
    expect(kept.html).toContain('Remove the authenticator app')
  })

  it('an operator’s reset leads to setting one up anew, and ends the login that there was', async () => {
    const { secret } = await enrolByLogin()
    expect(isConsent(await begin())).toBe(true)
    const reset = await whole.admin('POST', `/users/${person.username}/reset-factors`)
    expect([reset.status, JSON.parse(reset.text)]).toEqual([200, { hadFactors: true }])
    const page = await begin()
    expect(isConsent(page)).toBe(false)
    const after = await logInAt(page)
    expect(secretOf(after).equals(secret)).toBe(false)
    expect(await reasons()).toContain('secondFactorsReset')
  })

  async function enrolByLogin() {
    const page = await logInAt(await begin())
    const secret = secretOf(page)
    const done = await submit(page, '/enrol', { code: codeOf(secret) })
    await browser.open(/href="([^"]+\/oauth\/authorize\/[^"]+)"/.exec(done.html)?.[1] ?? '')
    return { secret }
  }
})
