import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { isConsent, type ProviderWorld, startProviderWorld, visitProvider } from '../support/provider-login.ts'
import { logInAtProvider } from '../support/provider-token.ts'
import { type IssuedTokens, initialize, requestToken } from '../support/scripted-client.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../support/upstream-http.ts'

let upstream: ScriptedUpstream
let corp: HandMadeProvider
let world: ProviderWorld
beforeAll(async () => {
  // Hours pass between two refreshes; what is measured in real time goes on.
  vi.useFakeTimers({ toFake: ['Date'] })
  upstream = await startScriptedUpstream(() => false)
  corp = await startHandMadeProvider()
  const section = [
    `issuer: '${corp.issuer}', clientId: ${PROVIDER_CLIENT}, network: loopback, accounts: opened`,
    'roles: { map: { staff: [user] } }',
    'recheck: { everySeconds: 900, unreachableSeconds: 3600 }',
  ]
  world = await startProviderWorld(`  corp: { ${section.join(', ')} }`, upstream.url)
})
afterAll(async () => {
  await world.whole.close()
  await corp.close()
  await upstream.close()
  vi.useRealTimers()
})
let person = 0
beforeEach(() => {
  person += 1
  corp.script.claims = { sub: `corp-${person}`, groups: ['staff'] }
  corp.script.refresh = 'takes'
})
afterEach(() => vi.setSystemTime(vi.getRealSystemTime()))

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
const logIn = () => logInAtProvider({ origin: world.origin, provider: 'corp' })
const doorOf = async ({ access_token }: IssuedTokens) => {
  const answer = await initialize(fetch, `${world.origin}/mcp/notes`, access_token)
  await answer.text()
  return answer.status
}
const refresh = ({ refresh_token, clientId }: IssuedTokens) =>
  requestToken(fetch, `${world.origin}/oauth/token`, {
    grant_type: 'refresh_token',
    refresh_token: refresh_token ?? '',
    client_id: clientId,
  })
const refreshed = async (tokens: IssuedTokens): Promise<IssuedTokens> => {
  const answer = await refresh(tokens)
  expect(answer.status).toBe(200)
  return { clientId: tokens.clientId, ...((await answer.json()) as Omit<IssuedTokens, 'clientId'>) }
}
const asked = () => corp.tokenRequests.filter(({ form }) => form.get('grant_type') === 'refresh_token').length

describe('a refresh', () => {
  it('asks the provider again with what it gave last, but not twice a minute', async () => {
    const before = asked()
    let tokens = await refreshed(await logIn())
    expect(asked()).toBe(before)
    for (const round of [1, 2, 3]) {
      later(61)
      tokens = await refreshed(tokens)
      expect(asked()).toBe(before + round)
    }
    expect(await doorOf(tokens)).toBe(200)
  })

  it('keeps the refresh token where no new one comes', async () => {
    let tokens = await logIn()
    corp.script.refresh = 'keepsToken'
    for (let round = 0; round < 3; round += 1) {
      later(61)
      tokens = await refreshed(tokens)
    }
    expect(await doorOf(tokens)).toBe(200)
  })

  it.each(['takes', 'withoutIdToken'] as const)('follows what it says of groups now (it %s)', async (kind) => {
    const tokens = await logIn()
    expect(await doorOf(tokens)).toBe(200)
    corp.script.refresh = kind
    corp.script.claims = { sub: `corp-${person}`, groups: [] }
    later(61)
    const answer = await refresh(tokens)
    await answer.text()
    expect(await doorOf(tokens)).toBe(403)
    expect((await world.whole.log()).map(({ reason }) => reason)).toContain('rolesByProvider')
  })

  it.each<[string, () => void, string]>([
    ['refuses', () => Object.assign(corp.script, { refresh: 'refuses' }), 'goneAtProvider'],
    [
      'names somebody else',
      () => Object.assign(corp.script, { claims: { sub: 'corp-other', groups: ['staff'] } }),
      'subjectChanged',
    ],
    [
      'keeps the groups back',
      () => Object.assign(corp.script, { claims: { sub: `corp-${person}`, _claim_names: { groups: 'elsewhere' } } }),
      'groupsUnknown',
    ],
  ])('ends everything of whom it %s', async (_how, change, reason) => {
    const tokens = await logIn()
    const other = await logIn()
    change()
    later(61)
    const answer = await refresh(tokens)
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    expect([await doorOf(tokens), await doorOf(other)]).toEqual([401, 401])
    expect((await world.whole.log()).find(({ activity }) => activity === 'logout')).toMatchObject({ reason })
  })

  it('goes on while the provider is down, for so long; then nothing is given, nothing is used up, and it comes back', async () => {
    const first = await logIn()
    corp.script.refresh = 'breaks'
    later(3_000)
    const tokens = await refreshed(first)
    later(700)
    const answer = await refresh(tokens)
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: 'temporarily_unavailable' }])
    expect(answer.headers.get('retry-after')).not.toBeNull()
    // Nobody knows whether they are still there: not let in, and not told to log in anew.
    expect(await doorOf(tokens)).toBe(503)
    corp.script.refresh = 'takes'
    later(60)
    expect(await doorOf(await refreshed(tokens))).toBe(200)
    const reasons = (await world.whole.log()).map(({ reason }) => reason)
    expect(reasons).toContain('providerSilentTooLong')
    expect(reasons).toContain('providerAnswersAgain')
  })
})

it('nobody comes in whom the provider gave nothing to be asked again with', async () => {
  delete corp.script.refresh
  const browser = world.newBrowser()
  const page = await browser.open(await visitProvider(browser, await world.beginAuthorization(browser), 'corp'))
  expect([page.status, isConsent(page)]).toEqual([502, false])
  const reasons = (await world.whole.log()).filter(({ outcome }) => outcome === 'refused').map(({ reason }) => reason)
  expect(reasons).toContain('refreshTokenMissing')
})

it('a provider that the configuration has no longer vouches for nobody: the next app asks for a new login', async () => {
  const browser = world.newBrowser()
  const tokens = await logInAtProvider({ origin: world.origin, provider: 'corp', browser })
  expect(isConsent(await world.beginAuthorization(browser))).toBe(true)
  const port = new URL(world.origin).port
  await world.whole.reconfigure(
    `version: 1\ngateway: { publicUrl: 'http://127.0.0.1:${port}' }\nservers:\n  notes: { http: { url: '${upstream.url}', network: loopback } }\n`,
  )
  const answer = await refresh(tokens)
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_grant' }])
  expect(await doorOf(tokens)).toBe(401)
  expect(isConsent(await world.beginAuthorization(browser))).toBe(false)
})
