import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { asClientId, asGrantId, DEFAULT_TENANT } from '#core/ids.ts'
import { formsOf, ScriptedBrowser } from '../e2e/support/browser.ts'
import {
  type AuthorizationServerUnderTest,
  CLIENT,
  startAuthorizationServer,
  type TokenAnswer,
  token,
} from '../support/authorization-server.ts'
import { DevicePerson } from '../support/device-person.ts'
import { OAuthBrowser, postForm, send } from '../support/oauth-browser.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const SECRET = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00'
const device = { grant_types: [GRANT, 'refresh_token'], redirect_uris: [], response_types: [] } as const

interface Begun {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
}

/** RFC 8628: codes guessed, stolen, entered for somebody else, confirmed and redeemed twice. */
describe('device codes', () => {
  let server: AuthorizationServerUnderTest
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    server = await startAuthorizationServer()
    server.registry.add('tv', device)
    server.registry.add('other-tv', device)
    server.registry.add('robot', { ...device, token_endpoint_auth_method: 'client_secret_post' }, { secret: SECRET })
  })
  afterEach(async () => {
    await server.close()
    vi.useRealTimers()
  })

  const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
  const ask = (fields: Record<string, string> | URLSearchParams) =>
    postForm(`${server.url}/oauth/device_authorization`, fields)

  async function begin(): Promise<Begun> {
    const answer = await ask({ client_id: 'tv', scope: 'files:read', resource: server.resource('files') })
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store'])
    return JSON.parse(answer.text) as Begun
  }

  const poll = (deviceCode: string, change: Record<string, string> = {}): Promise<TokenAnswer> =>
    token(server, { grant_type: GRANT, device_code: deviceCode, client_id: 'tv', ...change })

  async function entered({ user_code, verification_uri }: Begun): Promise<DevicePerson> {
    return (await DevicePerson.at(verification_uri)).enter(user_code)
  }

  async function allowed(begun: Begun): Promise<void> {
    // The pages of this test log in and consent by themselves.
    const person = await (await entered(begun)).press('confirm')
    expect(person.text).toContain('Your device is connected')
  }

  it('are not found by trying: twenty codes a browser, a hundred an address, each recorded', async () => {
    const begun = await begin()
    const person = await DevicePerson.at(begun.verification_uri)
    for (let count = 0; count < 20; count += 1) {
      await person.enter('BBBB-BBBB')
      expect([person.page.status, person.text.includes('This code is not known')]).toEqual([422, true])
    }
    const form = person.page
    await person.enter(begun.user_code)
    expect([person.page.status, person.text.includes('Too many codes')]).toEqual([429, true])
    person.page = form
    // Without the session's cookie an address has eighty left, and then none, whatever the browser.
    let refused = 0
    for (let count = 0; count < 90; count += 1) {
      const answer = await postForm(`${server.url}/device`, { user_code: 'CCCC-CCCC' })
      if (answer.status === 429) refused += 1
    }
    expect(refused).toBe(10)
    const stranger = await DevicePerson.at(begun.verification_uri)
    expect((await stranger.enter(begun.user_code)).page.status).toBe(429)
    const reasons = server.events.map(({ reason }) => reason)
    expect(reasons).toContain('userCodeUnknown')
    expect(reasons).toContain('userCodesTooMany')
    expect((await poll(begun.device_code)).body['error']).toBe('authorization_pending')
  })

  it('are not confirmed by another site, another browser, or a link', async () => {
    const begun = await begin()
    const mine = await entered(begun)
    const secret = formsOf(mine.page.html)[0]?.fields.find(({ name }) => name === 'xsrf')?.value ?? ''
    expect(secret).not.toBe('')
    const fields = { user_code: begun.user_code, decision: 'confirm' }
    const attempts = [
      await postForm(`${server.url}/device`, fields),
      await postForm(`${server.url}/device`, { ...fields, xsrf: secret }),
      await postForm(`${server.url}/device`, { ...fields, xsrf: secret }, { origin: 'https://evil.example' }),
      await postForm(`${server.url}/device`, { ...fields, xsrf: secret }, { 'sec-fetch-site': 'cross-site' }),
      await send(`${server.url}/device?${new URLSearchParams({ ...fields, xsrf: secret }).toString()}`),
      await send(`${server.url}/device`, { method: 'HEAD' }),
    ]
    for (const { status, headers } of attempts) {
      expect([200, 403, 405, 422]).toContain(status)
      expect(headers.location).toBeUndefined()
    }
    // Somebody else's session does not know the secret of this one.
    const other = await DevicePerson.at(begun.verification_uri)
    const [form] = formsOf(other.page.html)
    if (form === undefined) throw new Error('no form')
    const page = await other.browser.submit(other.page, form, Object.entries({ ...fields, xsrf: secret }))
    expect([page.status, page.html.includes('open for too long')]).toEqual([422, true])
    expect((await poll(begun.device_code)).body['error']).toBe('authorization_pending')
    expect((await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 9 })).items).toEqual([])
  })

  it('are not taken from a page of somebody else, whose visitor has our cookies', async () => {
    const begun = await begin()
    const browser = new OAuthBrowser(server.url)
    const page = await browser.get('/device')
    const xsrf = formsOf(page.text)[0]?.fields.find(({ name }) => name === 'xsrf')?.value ?? ''
    const cookie = [...browser.cookiesFor('/device')].map(([name, value]) => `${name}=${value}`).join('; ')
    const fields = { xsrf, user_code: begun.user_code, decision: 'confirm' }
    const post = (headers: Record<string, string>) => postForm(`${server.url}/device`, fields, { cookie, ...headers })
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ]) {
      const answer = await post(headers)
      expect([answer.status, answer.headers.location]).toEqual([403, undefined])
    }
    const ours = await post({ 'sec-fetch-site': 'same-origin', origin: server.url })
    expect(ours.headers.location).toMatch(/^\/login\//)
  })

  it('are confirmed once, of two people who do so at the same moment', async () => {
    const begun = await begin()
    const people = await Promise.all(Array.from({ length: 6 }, () => entered(begun)))
    await Promise.all(people.map((person) => person.press('confirm')))
    const ends = people.map(({ text }) => text.includes('Your device is connected'))
    expect(ends.filter(Boolean)).toHaveLength(1)
    expect((await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 9 })).items).toHaveLength(1)
    const late = await entered(begun)
    expect([late.page.status, late.text.includes('was used')]).toEqual([422, true])
  })

  it('give tokens once; a second use ends what the first one gave', async () => {
    const begun = await begin()
    await allowed(begun)
    const answers: TokenAnswer[] = []
    // Slower than the pace, each from another moment; the last ones come after the first has its tokens.
    for (let count = 0; count < 3; count += 1) {
      answers.push(await poll(begun.device_code))
      later(5)
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 400])
    expect(answers[1]?.body['error']).toBe('invalid_grant')
    const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 9 })).items
    expect(grant?.revokedCause).toBe('codeReplayed')
  })

  it('polled too fast, say so, and cost nobody else anything', async () => {
    const begun = await begin()
    expect((await poll(begun.device_code)).body['error']).toBe('authorization_pending')
    for (let count = 0; count < 5; count += 1)
      expect(await poll(begun.device_code)).toMatchObject({ status: 400, body: { error: 'slow_down' } })
    // Whoever has the code without being its client does not slow it down, and uses nothing up.
    expect((await poll(begun.device_code, { client_id: 'other-tv' })).body['error']).toBe('invalid_grant')
    await allowed(begun)
    later(5)
    expect((await poll(begun.device_code, { client_id: 'other-tv' })).body['error']).toBe('invalid_grant')
    expect((await poll(begun.device_code)).status).toBe(200)
  })

  it('of eight polls at the same moment, one gets tokens', async () => {
    const begun = await begin()
    await allowed(begun)
    const answers = await Promise.all(Array.from({ length: 8 }, () => poll(begun.device_code)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(answers.map(({ body }) => body['error']))).toEqual(new Set([undefined, 'slow_down']))
  })

  it('end after ten minutes, also for whoever has entered them', async () => {
    const begun = await begin()
    const person = await entered(begun)
    later(601)
    expect((await poll(begun.device_code)).body['error']).toBe('expired_token')
    await person.press('confirm')
    expect(person.page.status).toBe(422)
    const typed = await entered(begun)
    expect([typed.page.status, typed.text.includes('This code has expired')]).toEqual([422, true])
    later(700)
    expect((await poll(begun.device_code)).body['error']).toBe('invalid_grant')
  })

  it('give nothing once the grant, the account or the client has ended', async () => {
    for (const end of ['grant', 'account', 'client'] as const) {
      const begun = await begin()
      const subject = await server.addAccount(`person-${end}`, ['member'])
      server.person = { subject }
      await allowed(begun)
      const [grant] = (await server.store.grants.list(DEFAULT_TENANT, { subject }, { cursor: null, limit: 1 })).items
      if (end === 'grant')
        await server.store.grants.revoke(DEFAULT_TENANT, { grantId: asGrantId(grant?.grantId ?? '') }, 'test', 1, [])
      if (end === 'account') await server.store.accounts.setStatus(DEFAULT_TENANT, subject, 'disabled', 1, [])
      if (end === 'client')
        await server.store.grants.revoke(DEFAULT_TENANT, { clientId: asClientId('tv') }, 'test', 1, [])
      later(5)
      expect(await poll(begun.device_code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    }
  })

  it('are kept so that nobody who reads the store has one', async () => {
    const begun = await begin()
    await allowed(begun)
    const bare = begun.user_code.replace('-', '')
    const found = await server.store.engine.findByUserCode(DEFAULT_TENANT, 'DeviceCode', bare, 1)
    expect(found).toBeNull()
    expect(await server.store.engine.find(DEFAULT_TENANT, 'DeviceCode', begun.device_code, 1)).toBeNull()
    const log = JSON.stringify(await server.store.audit.latest(DEFAULT_TENANT, 200))
    for (const secret of [bare, begun.user_code, begun.device_code]) expect(log).not.toContain(secret)
  })

  it.each<[string, Record<string, string>, number, string]>([
    ['no client', { client_id: '' }, 400, 'invalid_request'],
    ['an unknown client', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['a client of people at browsers', { client_id: CLIENT }, 400, 'unauthorized_client'],
    ['a client without its secret', { client_id: 'robot' }, 401, 'invalid_client'],
    ['a client with another secret', { client_id: 'robot', client_secret: 'x' }, 401, 'invalid_client'],
    ['a foreign resource', { resource: 'https://evil.example/' }, 400, 'invalid_target'],
    ['no resource where there are several', { resource: '', scope: '' }, 400, 'invalid_target'],
    ['an oversized field', { scope: 'x'.repeat(70_000) }, 413, 'invalid_request'],
  ])('are not given for %s', async (_, change, status, error) => {
    const answer = await ask({ client_id: 'tv', scope: 'files:read', resource: server.resource('files'), ...change })
    expect([answer.status, JSON.parse(answer.text).error]).toEqual([status, error])
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  it.each(['client_id', 'scope', 'resource'])('are not given where %s comes twice', async (name) => {
    const fields = new URLSearchParams({ client_id: 'tv', scope: 'files:read', resource: server.resource('files') })
    fields.append(name, 'second')
    const answer = await ask(fields)
    expect([answer.status, JSON.parse(answer.text).error]).toEqual([400, 'invalid_request'])
  })

  it.each(['device_code', 'grant_type', 'client_id'])(
    'are not redeemed where %s is missing or comes twice',
    async (name) => {
      const begun = await begin()
      await allowed(begun)
      const fields = new URLSearchParams({ grant_type: GRANT, device_code: begun.device_code, client_id: 'tv' })
      fields.append(name, 'second')
      expect((await postForm(`${server.url}/oauth/token`, fields)).status).toBe(400)
      fields.delete(name)
      const missing = await postForm(`${server.url}/oauth/token`, fields)
      expect([missing.status, JSON.parse(missing.text).error]).toEqual([400, 'invalid_request'])
      expect((await poll(begun.device_code)).status).toBe(200)
    },
  )

  it('are entered at a page that runs no script and stays out of frames', async () => {
    const { page } = await DevicePerson.at(`${server.url}/device?user_code=%3Cscript%3Ealert(1)%3C/script%3E`)
    expect(page.html).not.toContain('<script')
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(page.headers.get('cache-control')).toBe('no-store')
    const browser = new ScriptedBrowser(server.url)
    const odd = await browser.open(`${server.url}/device?user_code=${'x'.repeat(6_000)}`)
    expect([200, 414]).toContain(odd.status)
  })
})
