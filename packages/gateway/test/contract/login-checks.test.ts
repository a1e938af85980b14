import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createAuditTrail } from '#audit/create-trail.ts'
import { createLoginChecks } from '#authorization-server/login/provider/login-checks.ts'
import { createOpenProvider } from '#authorization-server/login/provider/open-provider.ts'
import { sealRefreshToken } from '#authorization-server/login/provider/refresh-token-seal.ts'
import { asSubjectId } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { IdentityProvider } from '#core/snapshot.ts'
import { openSealer, type Sealer } from '#keys/sealer.ts'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import { type HandMadeProvider, PROVIDER_CLIENT, startHandMadeProvider } from '../support/hand-made-provider.ts'
import { testSnapshot } from '../support/snapshot.ts'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, account, grant } from './samples.ts'

/** What the schedule does, round by round, against a real provider and both stores. */
const ADA = asSubjectId('ada')
const EVERY = 900
const UNREACHABLE = 3_600
const DAY = 24 * 3600
let corp: HandMadeProvider
let folder: string
let sealer: Sealer
beforeAll(async () => {
  corp = await startHandMadeProvider()
  folder = await mkdtemp(join(tmpdir(), 'sallyport-checks-'))
  sealer = await openSealer(join(folder, 'key'))
})
afterAll(async () => {
  await corp.close()
  await rm(folder, { recursive: true, force: true })
})

onEveryEngine('the schedule on which providers are asked again', (store) => {
  let clock: AdjustableClock
  let provider: IdentityProvider
  let close: () => Promise<void>
  let round: () => Promise<void>
  let anotherRound: () => Promise<void>

  beforeEach(async () => {
    corp.script.claims = { sub: 'corp-ada', groups: ['staff'] }
    corp.script.refresh = 'takes'
    // The provider's clock is the machine's.
    clock = new AdjustableClock(Date.now())
    provider = {
      name: 'corp',
      profile: 'generic',
      apiUrl: null,
      title: 'Corp',
      issuer: corp.issuer,
      clientId: PROVIDER_CLIENT,
      secret: null,
      scopes: ['openid'],
      network: 'loopback',
      emailDomains: [],
      opensAccounts: true,
      multiFactorAcr: [],
      sessionSeconds: null,
      logoutEnds: 'everything',
      recheck: { everySeconds: EVERY, unreachableSeconds: UNREACHABLE },
      roles: { claim: 'groups', map: new Map([['staff', ['user']]]), always: [] },
    }
    const audit = createAuditTrail({ port: store().audit, sealer, clock, random: systemRandom })
    close = () => audit.close()
    const replica = () =>
      createLoginChecks({
        snapshots: {
          current: () => testSnapshot({ tenant: ACME, identityProviders: new Map([[provider.name, provider]]) }),
          onSwap: () => () => undefined,
        },
        store: store(),
        sealer,
        audit,
        clock,
        openProvider: createOpenProvider(clock),
        onSilent: () => undefined,
      })
    const [one, two] = [replica(), replica()]
    round = () => one.round()
    anotherRound = () => two.round()
    await store().accounts.create(account({ subject: ADA, username: 'ada', roles: ['user'] }), [])
  })
  afterEach(() => close())

  const begin = async (changes: { readonly expiresAt?: number; readonly provider?: string } = {}) => {
    const now = clock.nowSeconds()
    const loginId = `login-${Math.random()}`
    await store().providerLogins.begin({
      tenant: ACME,
      loginId,
      provider: 'corp',
      issuer: corp.issuer,
      externalSubject: 'corp-ada',
      sid: null,
      subject: ADA,
      authenticatedAt: now,
      expiresAt: now + 8 * 3600,
      refreshToken: sealRefreshToken(sealer, ACME, loginId, corp.newRefreshToken()),
      checkedAt: now,
      checkDueAt: now + EVERY,
      ...changes,
    })
    return loginId
  }
  const find = async (loginId: string) => {
    const login = await store().providerLogins.find(ACME, loginId)
    if (login === null) throw new Error('it is gone')
    return login
  }
  const key = async () => {
    const opened = grant({ subject: ADA, createdAt: clock.nowSeconds(), expiresAt: clock.nowSeconds() + 90 * DAY })
    await store().engine.commit(ACME, [{ kind: 'openGrant', grant: opened }], [])
    return async () => (await store().grants.find(ACME, opened.grantId))?.revokedAt === null
  }
  const asked = () => corp.tokenRequests.length

  it('asks nobody who is not due, and each who is once, whoever asks', async () => {
    const loginId = await begin()
    const before = asked()
    await round()
    expect(asked()).toBe(before)
    clock.forward(EVERY)
    await Promise.all([round(), anotherRound()])
    expect(asked()).toBe(before + 1)
    expect(await find(loginId)).toMatchObject({ checkedAt: clock.nowSeconds(), checkDueAt: clock.nowSeconds() + EVERY })
    clock.forward(EVERY)
    // With the token that came last.
    await anotherRound()
    expect((await find(loginId)).endedAt).toBeNull()
  })

  it('ends everything of whom the provider does not vouch for any more', async () => {
    const loginId = await begin()
    const isKeyLive = await key()
    corp.script.refresh = 'refuses'
    clock.forward(EVERY)
    await round()
    expect(await find(loginId)).toMatchObject({ endedCause: 'goneAtProvider', refreshToken: null, checkDueAt: null })
    expect(await isKeyLive()).toBe(false)
  })

  it('suspends whom nobody can be asked about for too long, and takes them back', async () => {
    const loginId = await begin()
    const isKeyLive = await key()
    corp.script.refresh = 'breaks'
    for (let minutes = 15; minutes <= 60; minutes += 15) {
      clock.forward(EVERY)
      await round()
      expect(await store().providerLogins.isSuspended(ACME, ADA)).toBe(false)
    }
    clock.forward(60)
    await round()
    expect(await store().providerLogins.isSuspended(ACME, ADA)).toBe(true)
    corp.script.refresh = 'takes'
    clock.forward(60)
    await round()
    expect(await store().providerLogins.isSuspended(ACME, ADA)).toBe(false)
    expect([(await find(loginId)).endedAt, await isKeyLive()]).toEqual([null, true])
    const kinds = (await store().feed.since(0, 100)).map(({ kind }) => kind)
    expect(kinds).toEqual(['membership', 'membership'])
  })

  it.each([
    ['of this login’s session alone, once the login is over', ['openid'], true],
    ['of the person, where the token outlives sessions', ['openid', 'offline_access'], false],
  ])('takes a refusal as the end %s', async (_what, scopes, isLeft) => {
    provider = { ...provider, scopes }
    const loginId = await begin({ expiresAt: clock.nowSeconds() + 1_000 })
    const isKeyLive = await key()
    corp.script.refresh = 'refuses'
    clock.forward(2_000)
    await round()
    expect([(await find(loginId)).endedCause, await isKeyLive()]).toEqual(['goneAtProvider', isLeft])
  })

  it('asks about an API key’s owner after the login is over, and forgets the login when there is nothing left to take away', async () => {
    const loginId = await begin({ expiresAt: clock.nowSeconds() + 1_000 })
    const before = asked()
    clock.forward(2 * DAY)
    await round()
    expect(asked()).toBe(before)
    await key()
    expect(await store().providerLogins.collect(clock.nowSeconds(), 10)).toBe(0)
    await round()
    expect(asked()).toBe(before + 1)
    clock.forward(91 * DAY)
    expect(await store().providerLogins.collect(clock.nowSeconds(), 10)).toBe(1)
    await expect(find(loginId)).rejects.toThrow('gone')
  })

  it('ends logins at providers that the configuration has no longer, and what waits for a rule that it has dropped', async () => {
    const [kept, other] = [await begin(), await begin({ provider: 'former' })]
    await round()
    expect([(await find(kept)).endedAt, (await find(other)).endedCause]).toEqual([null, 'providerRemoved'])
    await store().providerLogins.suspend(ACME, kept, clock.nowSeconds(), [])
    provider = { ...provider, recheck: null }
    clock.forward(EVERY)
    await round()
    expect((await find(kept)).endedCause).toBe('recheckTakenOut')
  })
})
