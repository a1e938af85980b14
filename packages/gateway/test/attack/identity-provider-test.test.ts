import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '#cli/run.ts'
import { ScriptedBrowser } from '../e2e/support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { isConsent, type ProviderWorld, startProviderWorld, visitProvider } from '../support/provider-login.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/** `sallyport idp test`: what it tells, and that it does nothing else. */
let upstream: ScriptedUpstream
let corp: HandMadeProvider
let world: ProviderWorld
const GONE = 'http://127.0.0.1:1'
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  corp = await startHandMadeProvider()
  world = await startProviderWorld(
    [
      `  corp: { issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened, emailDomains: [corp.example], roles: { claim: groups, map: { staff: [user] } } }`,
      `  closed: { issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback }`,
      `  asked: { issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened, recheck: { everySeconds: 300, unreachableSeconds: 900 } }`,
      `  gone: { issuer: '${GONE}', clientId: ${PROVIDER_CLIENT}, network: loopback }`,
    ].join('\n'),
    upstream.url,
  )
  await world.whole.addUser('grace@corp.example')
  await world.whole.addUser('grace')
})
afterAll(async () => {
  await world.whole.close()
  await corp.close()
  await upstream.close()
})
beforeEach(() => {
  corp.script.claims = { sub: 'corp-ada', preferred_username: 'ada', groups: ['staff'] }
  for (const name of ['idToken', 'callback', 'unknownClient'] as const) delete corp.script[name]
})

interface Shown {
  readonly provider: string
  readonly result: Record<string, unknown> | null
}

async function begin(provider = 'corp') {
  const answer = await world.whole.admin('POST', `/identity-providers/${provider}/test`)
  return {
    status: answer.status,
    body: JSON.parse(answer.text) as { testId: string; url: string; redirectUri: string },
  }
}
async function resultOf(testId: string) {
  const answer = await world.whole.admin('GET', `/identity-provider-tests/${testId}`)
  return { status: answer.status, body: JSON.parse(answer.text) as Shown }
}
/** As a person's browser does it; answers the page that it ends on. */
async function visit(url: string, browser = world.newBrowser()) {
  const left = await browser.open(url)
  if (left.status !== 0) return left
  const back = await new ScriptedBrowser(corp.issuer).open(left.url)
  return await browser.open(back.url)
}
async function tryOut(provider?: string) {
  const { body } = await begin(provider)
  const page = await visit(body.url)
  return { page, ...(await resultOf(body.testId)).body }
}
const users = async () => {
  const { items } = JSON.parse((await world.whole.admin('GET', '/users')).text) as {
    readonly items: readonly { readonly username: string; readonly roles: readonly string[] }[]
  }
  return new Map(items.map(({ username, roles }) => [username, roles]))
}
const usernames = async () => [...(await users()).keys()]

describe('a login that is tried out', () => {
  it('shows the claims and what would become of them, and does none of it', async () => {
    const before = await usernames()
    const { page, result } = await tryOut()
    expect([page.status, page.html.includes('Nobody was signed in')]).toEqual([200, true])
    expect(result).toMatchObject({
      isLetIn: true,
      reason: null,
      claims: { iss: corp.issuer, sub: 'corp-ada', groups: ['staff'] },
      account: { username: 'ada', how: 'opened', roles: ['user'] },
      authentication: { at: null, amr: ['fed'], isMultiFactor: false },
    })
    expect(await usernames()).toEqual(before)
    const log = await world.whole.log()
    expect(
      log.filter(({ activity }) => activity === 'provider.test').map(({ activity, reason }) => [activity, reason]),
    ).toEqual([
      ['provider.test', null],
      ['provider.test', 'begun'],
    ])
    expect(log.some(({ activity }) => activity === 'login' || activity === 'account.change')).toBe(false)
    // No token, and no code, is told to anybody.
    const everything = JSON.stringify(result) + page.html + (await world.whole.exportLog())
    for (const secret of ['corp-access', 'eyJ', `code-${corp.authorizations.length}"`])
      expect(everything).not.toContain(secret)
  })

  it('would link an account by its verified address, and does not', async () => {
    corp.script.claims = { sub: 'corp-grace', email: 'grace@corp.example', email_verified: true, groups: ['staff'] }
    for (let round = 0; round < 2; round += 1)
      expect((await tryOut()).result).toMatchObject({
        isLetIn: true,
        account: { username: 'grace@corp.example', how: 'linkedByAddress' },
      })
    expect(JSON.parse((await world.whole.admin('GET', '/users/grace@corp.example/links')).text)).toEqual({ items: [] })
  })

  it('foresees no second identity of the same provider for one account', async () => {
    await world.whole.addUser('hedy@corp.example')
    const link = { issuer: corp.issuer, subject: 'corp-hedy' }
    await world.whole.admin('POST', '/users/hedy@corp.example/links', link)
    corp.script.claims = { sub: 'corp-other', email: 'hedy@corp.example', email_verified: true, groups: ['staff'] }
    expect((await tryOut()).result).toMatchObject({ isLetIn: false, reason: 'usernameTaken', account: null })
    corp.script.claims = { sub: 'corp-hedy', groups: ['staff'] }
    expect((await tryOut()).result).toMatchObject({
      isLetIn: true,
      account: { username: 'hedy@corp.example', how: 'linked' },
    })
  })

  it.each<[string, string, Partial<HandMadeProvider['script']>, string]>([
    ['nobody here', 'closed', {}, 'notLinked'],
    ['a name that is taken', 'corp', { claims: { sub: 'x', preferred_username: 'grace' } }, 'usernameTaken'],
    ['nothing to ask again with', 'asked', { claims: { sub: 'x' } }, 'refreshTokenMissing'],
    ['too many groups', 'corp', { claims: { sub: 'x', hasgroups: true } }, 'groupsUnknown'],
    ['another audience', 'corp', { idToken: (honest, sign) => sign({ ...honest, aud: 'other' }) }, 'idTokenInvalid'],
    ['another nonce', 'corp', { idToken: (honest, sign) => sign({ ...honest, nonce: 'other' }) }, 'idTokenInvalid'],
    ['an old login', 'corp', { claims: { sub: 'x', auth_time: 1 } }, 'authenticationTooOld'],
    ['no subject that can be used', 'corp', { claims: { sub: 'x'.repeat(300) } }, 'subjectMissing'],
  ])('says why not, and what to do: %s', async (_, provider, script, reason) => {
    Object.assign(corp.script, script)
    const { result } = await tryOut(provider)
    expect(result).toMatchObject({ isLetIn: false, reason, meaning: expect.any(String), action: expect.any(String) })
  })

  it('tells what the provider itself said', async () => {
    corp.script.callback = (honest) => {
      const iss = honest.get('iss') ?? ''
      const state = honest.get('state') ?? ''
      return new URLSearchParams({ error: 'access_denied', error_description: 'not assigned to this app', state, iss })
    }
    const { result } = await tryOut()
    expect(result).toMatchObject({ isLetIn: false, reason: 'providerRefused', claims: null })
    expect(result?.['said']).toContain('access_denied')
    expect(result?.['said']).toContain('not assigned to this app')
  })

  it.each([{}, { 'www-authenticate': 'Basic realm="corp"' }])(
    'tells that the secret is wrong, however the provider puts it: %o',
    async (headers) => {
      corp.script.unknownClient = headers
      const { result } = await tryOut()
      expect(result).toMatchObject({ isLetIn: false, reason: 'providerRefused' })
      expect(result?.['said']).toMatch('www-authenticate' in headers ? /401/ : /invalid_client.*wrong secret/)
    },
  )

  it('tells at once when the provider cannot be reached', async () => {
    const { status, body } = await begin('gone')
    expect([status, JSON.stringify(body)]).toEqual([502, expect.stringContaining('providerUnreachable')])
  })

  it('knows no provider that is not configured, and no test that was not begun', async () => {
    expect((await begin('evil')).status).toBe(404)
    expect((await resultOf('made-up')).status).toBe(404)
    expect((await visit(`${world.origin}/oidc/test/made-up`)).status).toBe(400)
  })
})

describe('what a test says', () => {
  const COMPARED: readonly (readonly [string, string, Record<string, unknown>])[] = [
    ['somebody new', 'corp', { preferred_username: 'ida', groups: ['staff'] }],
    ['somebody new without a role', 'corp', { preferred_username: 'joan', groups: ['others'] }],
    ['a name that reads as an address', 'corp', { preferred_username: 'ceo@corp.example', groups: ['staff'] }],
    ['a name that is taken', 'corp', { preferred_username: 'grace', groups: ['staff'] }],
    ['an address that is an account', 'corp', { email: 'lise@corp.example', email_verified: true, groups: ['staff'] }],
    ['an address that nobody verified', 'corp', { email: 'lise@corp.example', groups: ['staff'] }],
    ['an address of another domain', 'corp', { email: 'lise@else.example', email_verified: true, groups: ['staff'] }],
    ['groups that are unknown', 'corp', { preferred_username: 'mary', hasgroups: true }],
    ['nobody who is known', 'closed', { preferred_username: 'nina' }],
    ['nothing to ask again with', 'asked', { preferred_username: 'olga' }],
    ['a login that is too old', 'corp', { preferred_username: 'pia', groups: ['staff'], auth_time: 1 }],
  ]
  beforeAll(async () => {
    await world.whole.addUser('lise@corp.example')
  })

  it.each(COMPARED)('is what then happens: %s', async (name, provider, claims) => {
    corp.script.claims = { sub: `compared-${name}`, ...claims }
    const { result } = await tryOut(provider)
    const known = await users()
    const browser = world.newBrowser()
    const login = await world.beginAuthorization(browser)
    const page = await browser.open(await visitProvider(browser, login, provider))
    // Somebody without a role is let in, and may then do nothing.
    const said = (await world.whole.log()).find(({ activity }) => activity === 'login')
    expect([said?.outcome, said?.reason]).toEqual(
      result?.['isLetIn'] === true ? ['success', null] : ['refused', result?.['reason']],
    )
    if (result?.['isLetIn'] !== true) {
      expect([isConsent(page), await users()]).toEqual([false, known])
      return
    }
    const { username, roles } = result['account'] as { readonly username: string | null; readonly roles: string[] }
    const after = await users()
    const opened = [...after].find(([other]) => other === username || !known.has(other))
    expect(opened?.[1]).toEqual(roles)
    if (username !== null) expect(opened?.[0]).toBe(username)
  })
})

describe('between a test and a login', () => {
  it('the browser that began is the one that ends it', async () => {
    const { body } = await begin()
    const left = await world.newBrowser().open(body.url)
    const back = await new ScriptedBrowser(corp.issuer).open(left.url)
    expect((await world.newBrowser().open(back.url)).status).toBe(400)
    expect((await resultOf(body.testId)).body.result).toBeNull()
  })

  it('what comes back from a test logs nobody in, at an interaction of the same browser neither', async () => {
    const successes = async () =>
      (await world.whole.log()).filter(({ activity, outcome }) => activity === 'login' && outcome === 'success').length
    const before = await successes()
    const browser = world.newBrowser()
    const login = await world.beginAuthorization(browser)
    const { body } = await begin()
    expect((await visit(body.url, browser)).status).toBe(200)
    const returned = await browser.open(`${login.url.split('?')[0]}/return`)
    expect(returned.status).toBe(400)
    expect(await successes()).toBe(before)
  })

  it('a callback counts once', async () => {
    const { body } = await begin()
    const browser = world.newBrowser()
    const left = await browser.open(body.url)
    const back = await new ScriptedBrowser(corp.issuer).open(left.url)
    const pages = await Promise.all([browser.open(back.url), browser.open(back.url)])
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 400])
  })
})

describe('`sallyport idp test`', () => {
  async function run(argv: readonly string[], visitor: (url: string) => Promise<unknown>) {
    const [out, err] = [remember(), remember()]
    const streams = { stdin: Readable.from([]), stdout: out.stream, stderr: err.stream, cwd: world.whole.folder }
    const running = runCli(['idp', 'test', ...argv, '--state-dir', join(world.whole.folder, 'var')], {}, streams)
    if (argv[0] === 'corp') {
      const url = await eventually(() => {
        const found = /http\S+\/oidc\/test\/\S+/.exec(err.text())?.[0]
        if (found === undefined) throw new Error('no address was printed')
        return found
      })
      await visitor(url)
    }
    return { code: await running, out: out.text(), err: err.text() }
  }

  it('prints the claims and what they would become', async () => {
    const { code, out, err } = await run(['corp'], visit)
    expect(err).toContain(`${world.origin}/oidc/callback/corp`)
    expect(out).toMatch(/sub +"corp-ada"/)
    expect(out).toMatch(/Account +ada, would be opened/)
    expect(out).toMatch(/Roles +user/)
    expect(out).toContain('They would be let in.')
    expect(code).toBe(0)
  })

  it('prints why not, and exits with 1; with --json, the result alone', async () => {
    corp.script.claims = { sub: 'x', hasgroups: true }
    const people = await run(['corp'], visit)
    expect([people.code, people.out]).toEqual([1, expect.stringMatching(/groupsUnknown[\s\S]*application roles/)])
    const programs = await run(['corp', '--json'], visit)
    expect(JSON.parse(programs.out)).toMatchObject({ isLetIn: false, reason: 'groupsUnknown' })
  })

  it('says at once that the provider cannot be reached', async () => {
    const { code, err } = await run(['gone'], visit)
    expect([code, err]).toEqual([1, expect.stringContaining('could not be asked')])
  })
})

function remember() {
  let text = ''
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString('utf8')
      done()
    },
  })
  return { stream, text: () => text }
}
