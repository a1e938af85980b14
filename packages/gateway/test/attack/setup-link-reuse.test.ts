import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import { type PagesServer, startPages } from '../support/pages-server.ts'
import { hiddenField, type RawAnswer, RawBrowser } from '../support/raw-browser.ts'

/** Somebody who finds a setup link later (terminal scrollback, browser history, a log) tries to become the operator with it. */
let server: PagesServer
let clock: AdjustableClock

beforeEach(async () => {
  clock = new AdjustableClock()
  server = await startPages({ clock, withAccount: false })
})

afterEach(() => server.close())

describe('a setup link', () => {
  test('creates one operator account, is recorded, and then says what to do instead', async () => {
    const link = await server.setupLink()
    const first = await create(link, 'maria')
    expect(first.status).toBe(200)
    expect(first.text).toContain(`${server.url}/mcp/notes`)
    const { items } = await server.store.accounts.list(DEFAULT_TENANT, { cursor: null, limit: 10 })
    expect(items.map(({ username, roles, status }) => ({ username, roles, status }))).toEqual([
      { username: 'maria', roles: ['operator', 'user'], status: 'active' },
    ])
    expect(server.events).toMatchObject([{ activity: 'setup', outcome: 'success' }])

    const again = await new RawBrowser().open(link)
    expect(again.status).toBe(403)
    expect(again.text).toContain('<code>sallyport user add</code>')
    expect(again.text).not.toContain(tokenOf(link))
    expect(server.events.at(-1)).toMatchObject({ activity: 'setup', outcome: 'refused', reason: 'setupLinkInvalid' })
  })

  test('used by eight browsers at once creates one account', async () => {
    const link = await server.setupLink()
    const opened = await Promise.all(Array.from({ length: 8 }, () => open(link)))
    const answers = await Promise.all(opened.map((submit, index) => submit(`user-${index}`)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 403 || status === 409)).toHaveLength(7)
    expect(await server.store.accounts.count(DEFAULT_TENANT)).toBe(1)
    const written = await server.store.audit.latest(DEFAULT_TENANT, 50)
    expect(written.filter(({ body }) => JSON.parse(body).status === 'success')).toHaveLength(1)
  })

  test('is not used up by looking at it, nor by a password that is refused', async () => {
    const link = await server.setupLink()
    await new RawBrowser().open(link)
    const submit = await open(link)
    const short = await submit('maria', 'short')
    expect(short.status).toBe(422)
    expect(short.text).not.toContain('value="short"')
    expect((await submit('maria', 'violet anchor teapot', 'another one')).status).toBe(422)
    expect((await submit('Not a name', 'violet anchor teapot')).status).toBe(422)
    expect(await server.store.accounts.count(DEFAULT_TENANT)).toBe(0)
    expect((await submit('maria')).status).toBe(200)
  })

  test('expires, also while its form is open', async () => {
    const link = await server.setupLink(600)
    const submit = await open(link)
    clock.forward(601)
    expect((await new RawBrowser().open(link)).status).toBe(403)
    expect((await submit('maria')).status).toBe(403)
    expect(await server.store.accounts.count(DEFAULT_TENANT)).toBe(0)
  })

  test('stops working when a newer one is printed', async () => {
    const older = await server.setupLink()
    const submit = await open(older)
    const newer = await server.setupLink()
    expect((await submit('maria')).status).toBe(403)
    expect((await create(newer, 'maria')).status).toBe(200)
  })

  test('printed before an account was made in another way creates nothing', async () => {
    const link = await server.setupLink()
    const submit = await open(link)
    const other = await startPages()
    await server.store.accounts.create(other.account, [])
    await other.close()
    expect((await submit('intruder')).status).toBeGreaterThanOrEqual(403)
    expect(await server.store.accounts.count(DEFAULT_TENANT)).toBe(1)
  })

  test.each(['', 'x', 'A'.repeat(43), '../../etc', `${'A'.repeat(43)}'--`])('cannot be guessed: %j', async (token) => {
    await server.setupLink()
    const answer = await new RawBrowser().open(`${server.url}/setup?token=${encodeURIComponent(token)}`)
    expect(answer.status).toBe(403)
    if (token.length > 1) expect(answer.text).not.toContain(token)
  })

  test('is not sent on by a form from elsewhere, nor with a token of another browser', async () => {
    const link = await server.setupLink()
    const page = await new RawBrowser().open(link)
    const stranger = new RawBrowser()
    await stranger.open(link)
    const fields = fieldsFor(page, link, 'intruder', 'violet anchor teapot', 'violet anchor teapot')
    const crossSite = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
    expect((await stranger.post(`${server.url}/setup`, fields, crossSite)).status).toBe(403)
    expect((await stranger.post(`${server.url}/setup`, fields)).status).toBe(403)
    expect(await server.store.accounts.count(DEFAULT_TENANT)).toBe(0)
    expect(server.events.map(({ reason }) => reason)).toEqual(['formFromElsewhere', 'formTokenInvalid'])
  })

  test('leaves the address bar with the first post: the form goes to a path without it', async () => {
    const page = await new RawBrowser().open(await server.setupLink())
    expect(page.text).toContain(`<form method="post" action="${server.url}/setup">`)
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
  })
})

type Submit = (username: string, password?: string, repeat?: string) => Promise<RawAnswer>

async function open(link: string): Promise<Submit> {
  const browser = new RawBrowser()
  const page = await browser.open(link)
  return (username, password = 'violet anchor teapot', repeat = password) =>
    browser.post(`${server.url}/setup`, fieldsFor(page, link, username, password, repeat))
}

async function create(link: string, username: string): Promise<RawAnswer> {
  return (await open(link))(username)
}

function fieldsFor(page: RawAnswer, link: string, username: string, password: string, repeat: string) {
  return [
    ['form_token', hiddenField(page, 'form_token')],
    ['token', tokenOf(link)],
    ['username', username],
    ['password', password],
    ['repeat', repeat],
  ] as const
}

function tokenOf(link: string): string {
  return new URL(link).searchParams.get('token') ?? ''
}
