import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeAsPerson } from '../e2e/support/authorize.ts'
import { formsOf, ScriptedBrowser } from '../e2e/support/browser.ts'
import { DevicePerson } from '../support/device-person.ts'
import { dpopKey } from '../support/dpop-key.ts'
import { isConsent, visitProvider } from '../support/provider-login.ts'
import { initialize, REDIRECT_URI, requestToken } from '../support/scripted-client.ts'
import { type Household, startTenants, type TenantsWorld } from '../support/tenants.ts'

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** A browser whose cookies can be taken away from it. They are kept under the names that the other household's would have, as well as their own. */
function watchedBrowser(origin: string) {
  const cookies = new Map<string, string>()
  const send: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const split = pair.indexOf('=')
      cookies.set(pair.slice(0, split), pair.slice(split + 1))
    }
    return response
  }
  const stolenFor = ({ name }: Household) => {
    const plain = (cookie: string) => cookie.replace(/_(?:acme|beta)(?=\.sig$|$)/, '')
    const named = (cookie: string) => {
      const [base = '', signature] = plain(cookie).split('.sig')
      return `${base}${name === null ? '' : `_${name}`}${signature === undefined ? '' : '.sig'}`
    }
    const all = [...cookies].flatMap(([cookie, value]) =>
      [...new Set([cookie, plain(cookie), named(cookie)])].map((each) => [each, value] as const),
    )
    return [...new Map(all)].map(([cookie, value]) => `${cookie}=${value}`).join('; ')
  }
  return { browser: new ScriptedBrowser(origin, send), cookies, stolenFor }
}

function authorizationUrl(at: Household): string {
  const url = new URL(`${at.issuer}/oauth/authorize`)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: 'desk',
    redirect_uri: REDIRECT_URI,
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state',
    resource: at.resource,
    scope: 'notes:read',
  }).toString()
  return url.href
}

let world: TenantsWorld
beforeAll(async () => {
  world = await startTenants()
}, 60_000)
afterAll(() => world.close())

describe.each([
  ['acme', 'beta'],
  ['acme', 'root'],
  ['root', 'acme'],
] as const)('a browser with everything that %s gave it, at %s', (giver, taker) => {
  const from = () => world[giver]
  const at = () => world[taker]

  it('is not logged in', async () => {
    const watched = watchedBrowser(world.origin)
    await authorizeAsPerson(authorizationUrl(from()), from().alice, { browser: watched.browser })
    expect([...watched.cookies.keys()].some((name) => name.startsWith('__Host-sallyport-session'))).toBe(true)
    const cookie = watched.stolenFor(at())
    const answer = await fetch(authorizationUrl(at()), { redirect: 'manual', headers: { cookie } })
    expect(answer.headers.get('location')).toMatch(
      new RegExp(`^${new URL(at().issuer).pathname.replace(/^\/$/, '')}/login/`),
    )
    // At home it is: consent is all that is asked.
    expect(isConsent(await watched.browser.open(authorizationUrl(from())))).toBe(true)
  })

  it('has no interaction, and its form is nobody’s', async () => {
    const watched = watchedBrowser(world.origin)
    const page = await watched.browser.open(authorizationUrl(from()))
    expect(page.url.startsWith(`${from().issuer}/login/`)).toBe(true)
    const form = formsOf(page.html).find(({ fields }) => fields.some(({ name }) => name === 'password'))
    expect(form?.action.startsWith(`${from().issuer}/login/`)).toBe(true)
    const there = page.url.replace(from().issuer, at().issuer)
    const headers = { cookie: watched.stolenFor(at()), 'sec-fetch-site': 'same-origin' }
    const looked = await fetch(there, { headers, redirect: 'manual' })
    expect(looked.status).toBeGreaterThanOrEqual(400)
    expect(await looked.text()).not.toContain('name="password"')
    const fields = (form?.fields ?? []).filter(({ type }) => type === 'hidden').map(({ name, value }) => [name, value])
    const body = new URLSearchParams({ ...Object.fromEntries(fields), ...at().alice })
    const sent = await fetch(there, { method: 'POST', headers, body, redirect: 'manual' })
    expect(sent.status).toBeGreaterThanOrEqual(400)
    expect(sent.headers.get('location')).toBeNull()
  })

  it('has no device’s code', async () => {
    const begun = await requestToken(fetch, `${from().issuer}/oauth/device_authorization`, {
      client_id: 'tv',
      resource: from().resource,
      scope: 'notes:read',
    })
    expect(begun.status).toBe(200)
    const codes = (await begun.json()) as { device_code: string; user_code: string; verification_uri: string }
    expect(codes.verification_uri).toBe(`${from().issuer}/device`)
    const poll = async (household: Household) => {
      const fields = { grant_type: DEVICE_CODE, client_id: 'tv', device_code: codes.device_code }
      const answer = await requestToken(fetch, `${household.issuer}/oauth/token`, fields)
      return (await answer.json()) as { error?: string }
    }
    expect(await poll(at())).toMatchObject({ error: 'invalid_grant' })
    const stranger = await DevicePerson.at(`${at().issuer}/device`)
    await stranger.enter(codes.user_code)
    expect(stranger.text).not.toContain('Terminal')
    const person = await DevicePerson.at(codes.verification_uri)
    await person.enter(codes.user_code)
    expect(person.text).toContain('Terminal')
    await person.press('confirm')
    await person.logIn(from().alice)
    await person.press('allow')
    expect(await poll(from())).toMatchObject({ access_token: expect.any(String) })
  })

  it('brings no provider’s word, and whom the provider vouched for there is nobody here', async () => {
    const subject = `${giver}-at-${taker}`
    world.corp.script.claims = { sub: subject, preferred_username: subject }
    const browser = new ScriptedBrowser(world.origin)
    const callback = await visitProvider(browser, await browser.open(authorizationUrl(from())), 'corp')
    expect(callback.startsWith(`${from().issuer}/oidc/callback/corp?`)).toBe(true)
    const people = async (household: Household) => (await household.admin('GET', '/users?limit=200')).text
    const [before, asked] = [await people(at()), world.corp.tokenRequests.length]
    const foreign = await browser.open(callback.replace(from().issuer, at().issuer))
    expect([foreign.status, isConsent(foreign)]).toEqual([400, false])
    expect(world.corp.tokenRequests).toHaveLength(asked)
    expect(isConsent(await browser.open(callback))).toBe(true)
    expect(await people(at())).toBe(before)
  })

  it('proves nothing with a proof for another’s address', async () => {
    const key = await dpopKey()
    const given = await from().code()
    const withNonce = async (ask: (nonce: { nonce?: string }) => Promise<Response>) => {
      const first = await ask({})
      const nonce = first.headers.get('dpop-nonce')
      return nonce === null ? first : await ask({ nonce })
    }
    const redeemed = await withNonce(async (nonce) =>
      fetch(`${from().issuer}/oauth/token`, {
        method: 'POST',
        headers: { dpop: await key.proof({ htu: `${from().issuer}/oauth/token`, ...nonce }) },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: given.code,
          code_verifier: given.verifier,
          client_id: 'desk',
          redirect_uri: REDIRECT_URI,
        }),
      }),
    )
    expect(redeemed.status).toBe(200)
    const { access_token: token = '', token_type: type } = (await redeemed.json()) as Record<string, string>
    expect(type).toBe('DPoP')
    const show = async (htu: string) => {
      const answer = await withNonce(async (nonce) => {
        const proof = await key.proof({ htu, token, ...nonce })
        const send: typeof fetch = (input, init) => {
          const headers = {
            ...Object.fromEntries(new Headers(init?.headers)),
            authorization: `DPoP ${token}`,
            dpop: proof,
          }
          return fetch(input, { ...init, headers })
        }
        return initialize(send, from().resource, null)
      })
      return answer.status
    }
    expect(await show(at().resource)).toBe(401)
    expect(await show(from().resource)).toBe(200)
  })
})

it('gives cookies for the whole host names of their own, and the others paths', async () => {
  const names = new Map<string, string[]>()
  for (const household of [world.root, world.acme, world.beta]) {
    const watched = watchedBrowser(world.origin)
    await authorizeAsPerson(authorizationUrl(household), household.alice, { browser: watched.browser })
    names.set(
      household.name ?? '',
      [...watched.cookies.keys()].filter((name) => name.startsWith('__Host-')),
    )
  }
  expect(names.get('')?.every((name) => !name.includes('_acme') && !name.includes('_beta'))).toBe(true)
  expect(names.get('acme')?.every((name) => /_acme(?:\.sig)?$/.test(name))).toBe(true)
  expect(names.get('beta')?.every((name) => /_beta(?:\.sig)?$/.test(name))).toBe(true)
  expect(names.get('acme')?.length).toBeGreaterThan(1)
})
