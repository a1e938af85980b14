import { generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { isConsent, type ProviderWorld, startProviderWorld, visitProvider } from '../support/provider-login.ts'
import { logInAtProvider } from '../support/provider-token.ts'
import { type IssuedTokens, initialize, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

/**
 * Whoever can post to the gateway says that somebody has logged out at their provider. Expected: only the provider's own fresh word about its
 * own people counts, once; everything else is 400 and ends nothing.
 */
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
let upstream: ScriptedUpstream
let corp: HandMadeProvider
let evil: HandMadeProvider
let world: ProviderWorld
let tokens: IssuedTokens
let tokenNumber = 0
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => false)
  corp = await startHandMadeProvider()
  evil = await startHandMadeProvider()
  const provider = (name: string, { issuer }: HandMadeProvider, more = '') =>
    `  ${name}: { issuer: '${issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened, roles: { always: [user] }${more} }`
  const yaml = [provider('corp', corp), provider('evil', evil, ', logoutEnds: session')]
  world = await startProviderWorld(yaml.join('\n'), upstream.url)
})
afterAll(async () => {
  await world.whole.close()
  await corp.close()
  await evil.close()
  await upstream.close()
})
beforeEach(async () => {
  corp.script.claims = { sub: 'corp-ada', sid: 'corp-session' }
  evil.script.claims = { sub: 'evil-ada', sid: 'evil-session' }
})

const now = () => Math.floor(Date.now() / 1000)
const claims = (changes: JWTPayload = {}): JWTPayload => {
  tokenNumber += 1
  return {
    iss: corp.issuer,
    aud: PROVIDER_CLIENT,
    iat: now(),
    exp: now() + 120,
    jti: `logout-${tokenNumber}`,
    events: { [EVENT]: {} },
    sub: 'corp-ada',
    ...changes,
  }
}
const without = (name: string, changes: JWTPayload = {}): JWTPayload =>
  Object.fromEntries(Object.entries(claims(changes)).filter(([claim]) => claim !== name))
const typ = { typ: 'logout+jwt' }
const send = (token: string, provider = 'corp') =>
  requestToken(fetch, `${world.origin}/oidc/logout/${provider}`, { logout_token: token })
const isLetIn = async ({ access_token }: IssuedTokens) => {
  const answer = await initialize(fetch, `${world.origin}/mcp/notes`, access_token)
  await answer.text()
  return answer.status === 200
}
const refresh = ({ refresh_token, clientId }: IssuedTokens) =>
  requestToken(fetch, `${world.origin}/oauth/token`, {
    grant_type: 'refresh_token',
    refresh_token: refresh_token ?? '',
    client_id: clientId,
  })
const logIn = (provider = 'corp') => logInAtProvider({ origin: world.origin, provider })
const logouts = async () => (await world.whole.log()).filter(({ activity }) => activity === 'logout')

describe('the provider’s own word', () => {
  it('ends tokens, the family, API keys and the login, is recorded, and is answered without a body to keep', async () => {
    tokens = await logIn()
    expect(await isLetIn(tokens)).toBe(true)
    const [ada] = (JSON.parse((await world.whole.admin('GET', '/users')).text) as { items: { username: string }[] })
      .items
    const made = await world.whole.admin('POST', '/keys', {
      user: ada?.username,
      name: 'nightly',
      servers: [{ server: 'notes', scopes: ['notes:read'] }],
      expiresInSeconds: 3600,
    })
    expect(made.status, made.text).toBe(201)
    const key = { ...tokens, access_token: (JSON.parse(made.text) as { key: string }).key }
    expect(await isLetIn(key)).toBe(true)
    const answer = await send(await corp.sign(claims(), typ))
    expect([answer.status, await answer.text(), answer.headers.get('cache-control')]).toEqual([200, '', 'no-store'])
    expect([await isLetIn(tokens), await isLetIn(key)]).toEqual([false, false])
    const refreshed = await refresh(tokens)
    expect([refreshed.status, await refreshed.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    expect((await logouts())[0]).toMatchObject({ outcome: 'success', reason: 'loggedOutAtProvider' })
  })

  it('about a session ends the login at our pages too: the next app asks for a new one', async () => {
    const browser = world.newBrowser()
    await logInAtProvider({ origin: world.origin, provider: 'evil', browser })
    expect(isConsent(await world.beginAuthorization(browser))).toBe(true)
    const token = without('sub', { iss: evil.issuer, sid: 'evil-session' })
    expect((await send(await evil.sign(token, typ), 'evil')).status).toBe(200)
    expect(isConsent(await world.beginAuthorization(browser))).toBe(false)
  })

  it('while somebody is on the way back from there: they are not let in', async () => {
    corp.script.claims = { sub: 'corp-ada', sid: 'on-the-way' }
    const browser = world.newBrowser()
    const callback = await visitProvider(browser, await world.beginAuthorization(browser), 'corp')
    expect((await send(await corp.sign(without('sub', { sid: 'on-the-way' }), typ))).status).toBe(200)
    expect(isConsent(await browser.open(callback))).toBe(false)
    const [refused] = (await world.whole.log()).filter(({ activity }) => activity === 'login')
    expect(refused).toMatchObject({ outcome: 'refused', reason: 'loginEndedMeanwhile' })
  })

  it('about nobody here is taken, and ends nothing', async () => {
    tokens = await logIn()
    expect((await send(await corp.sign(claims({ sub: 'corp-stranger' }), typ))).status).toBe(200)
    expect(await isLetIn(tokens)).toBe(true)
    expect((await logouts())[0]).toMatchObject({ reason: 'logoutOfNobody' })
  })

  it.each([['logout+jwt'], ['JWT'], [undefined]])('is taken with the type %s', async (type) => {
    tokens = await logIn()
    expect((await send(await corp.sign(claims(), type === undefined ? {} : { typ: type }))).status).toBe(200)
    expect(await isLetIn(tokens)).toBe(false)
  })
})

describe('what is not the provider’s fresh word', () => {
  const stranger = generateKeyPair('ES256')
  const forged = async (payload: JWTPayload, header: object) =>
    new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', kid: 'corp-1', ...header })
      .sign((await stranger).privateKey)

  beforeAll(async () => {
    tokens = await logIn()
  })

  it.each<[string, () => Promise<string>, string]>([
    ['signed by a stranger with the provider’s key id', () => forged(claims(), typ), 'logoutTokenInvalid'],
    ['without a signature', async () => new UnsecuredJWT(claims()).encode(), 'logoutTokenInvalid'],
    [
      'signed with HMAC and the client id',
      () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', kid: 'corp-1' })
          .sign(Buffer.from(PROVIDER_CLIENT.padEnd(32))),
      'logoutTokenInvalid',
    ],
    ['with a key that came along', async () => forged(claims(), { ...typ, jwk: { kty: 'EC' } }), 'logoutTokenInvalid'],
    ['signed by another provider as this one', () => evil.sign(claims(), typ), 'logoutTokenInvalid'],
    ['of another provider', () => evil.sign(claims({ iss: evil.issuer }), typ), 'logoutTokenInvalid'],
    ['for another client', () => corp.sign(claims({ aud: 'another-client' }), typ), 'logoutTokenForAnother'],
    ['from an hour ago', () => corp.sign(claims({ iat: now() - 3600 }), typ), 'logoutTokenTooOld'],
    ['from the future', () => corp.sign(claims({ iat: now() + 600 }), typ), 'logoutTokenTooOld'],
    ['that has expired', () => corp.sign(claims({ exp: now() - 200 }), typ), 'logoutTokenTooOld'],
    ['without a time', () => corp.sign(without('iat'), typ), 'logoutTokenTooOld'],
    ['without an id', () => corp.sign(without('jti'), typ), 'logoutTokenClaimMissing'],
    ['about nobody', () => corp.sign(without('sub'), typ), 'logoutTokenClaimMissing'],
    ['about a number', () => corp.sign(claims({ sid: 7 }), typ), 'logoutTokenClaimMissing'],
    ['about a very long name', () => corp.sign(claims({ sub: 'x'.repeat(256) }), typ), 'logoutTokenClaimMissing'],
    ['without an event', () => corp.sign(without('events'), typ), 'logoutTokenNotALogout'],
    ['with another event', () => corp.sign(claims({ events: { 'urn:other': {} } }), typ), 'logoutTokenNotALogout'],
    [
      'with an event that is none',
      () => corp.sign(claims({ events: { [EVENT]: 'yes' } }), typ),
      'logoutTokenNotALogout',
    ],
    ['with a nonce, as ID tokens have', () => corp.sign(claims({ nonce: 'n' }), typ), 'logoutTokenNotALogout'],
    ['of the type of an access token', () => corp.sign(claims(), { typ: 'at+jwt' }), 'logoutTokenTypeWrong'],
    ['that is no token', async () => 'x.y.z', 'logoutTokenInvalid'],
    ['that is empty', async () => '', 'malformedBody'],
    ['that is huge', async () => 'x'.repeat(20_000), 'logoutTokenInvalid'],
  ])('%s: 400, and nothing ends', async (_how, make, reason) => {
    const answer = await send(await make())
    expect(answer.status).toBe(400)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual({
      error: 'invalid_request',
      error_description: expect.stringMatching(/^This is no logout token that counts here \(request [\w-]+\)$/),
    })
    expect(await isLetIn(tokens)).toBe(true)
    expect((await logouts()).map((record) => record.reason)).toContain(reason)
  })

  it('at a provider that there is not', async () => {
    expect((await send(await corp.sign(claims(), typ), 'nobody')).status).toBe(400)
    expect(await isLetIn(tokens)).toBe(true)
  })

  it('in another form, or twice in one', async () => {
    const token = await corp.sign(claims(), typ)
    const url = `${world.origin}/oidc/logout/corp`
    const json = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ logout_token: token }),
    }
    expect((await fetch(url, json)).status).toBe(400)
    const twice = `logout_token=${token}&logout_token=${token}`
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await fetch(url, { method: 'POST', headers: form, body: twice })).status).toBe(400)
    expect((await fetch(`${url}?logout_token=${token}`)).status).toBe(405)
    expect(await isLetIn(tokens)).toBe(true)
  })

  it('that was used before, replayed against a new login: refused, also by eight at once', async () => {
    const word = await corp.sign(claims(), typ)
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(word)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200, 400, 400, 400, 400, 400, 400, 400,
    ])
    corp.script.claims = { sub: 'corp-ada', sid: 'another-session' }
    tokens = await logIn()
    expect((await send(word)).status).toBe(400)
    expect(await isLetIn(tokens)).toBe(true)
  })
})
