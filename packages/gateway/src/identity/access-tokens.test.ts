import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asGrantId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import type { FeedEntry } from '#store/ports/feed.ts'
import type { StoredGrant } from '#store/ports/grants.ts'
import { eventually } from '../../test/support/eventually.ts'
import { openTestStore } from '../../test/support/store.ts'
import {
  createMint,
  type FakeClock,
  FILES,
  fakeClock,
  ISSUER,
  NOTES,
  openGrant,
  type TokenMint,
  testGrant,
} from '../../test/support/tokens.ts'
import { type AccessTokenVerifier, createAccessTokenVerifier } from './access-tokens.ts'
import { type LiveRevocations, startRevocations } from './revocations.ts'

type TestStore = Awaited<ReturnType<typeof openTestStore>>

let opened: TestStore
let clock: FakeClock
let mint: TokenMint
let revocations: LiveRevocations
let verifier: AccessTokenVerifier
let grantReads: number
let grantsFail: boolean

beforeAll(async () => {
  opened = await openTestStore()
  clock = fakeClock()
  await openGrant(opened.store, testGrant(clock))
})

afterAll(() => opened.close())

beforeEach(async () => {
  clock = fakeClock()
  mint = await createMint(clock)
  revocations = startRevocations({ feed: opened.store.feed, clock })
  await revocations.poll()
  grantReads = 0
  grantsFail = false
  const grants = {
    find: (...of: Parameters<typeof opened.store.grants.find>) => {
      grantReads += 1
      if (grantsFail) throw new Error('no store')
      return opened.store.grants.find(...of)
    },
  }
  verifier = createAccessTokenVerifier({
    tenant: DEFAULT_TENANT,
    keys: { version: 1, publicJwks: mint.publicJwks },
    issuer: ISSUER,
    store: { grants },
    revocations,
    clock,
  })
  return () => revocations.stop()
})

const reasonOf = async (token: string, resource = FILES) => {
  const result = await verifier.verify(token, resource)
  return result.ok ? 'accepted' : `${result.refusal.kind}: ${result.refusal.reason}`
}

describe('access tokens', () => {
  it('become a principal that knows its grant', async () => {
    const token = await mint.mint({ jti: 'j', acr: 'pwd', auth_time: 1_799_999_990 })
    const result = await verifier.verify(token, FILES)
    expect(result).toEqual({
      ok: true,
      value: {
        tenant: 'default',
        subject: 'subject-1',
        kind: 'user',
        clientId: 'client-1',
        scopes: ['files:read', 'files:write'],
        resource: FILES,
        acr: 'pwd',
        authTime: 1_799_999_990,
        grantId: 'grant-1',
        grantNumber: expect.any(Number),
        tokenId: 'j',
        expiresAt: clock.nowSeconds() + 900,
        confirmation: null,
        delegation: null,
      },
    })
  })

  it('may spell their type in full (RFC 9068 §2.1)', async () => {
    expect(await reasonOf(await mint.mint({}, { typ: 'application/at+jwt' }))).toBe('accepted')
  })

  it.each([
    ['another issuer', { iss: 'http://127.0.0.1:8701' }, 'issuerMismatch'],
    ['the issuer with a slash', { iss: `${ISSUER}/` }, 'issuerMismatch'],
    ['no issuer', { iss: undefined }, 'issuerMismatch'],
    ['two audiences', { aud: [FILES, NOTES] }, 'audienceNotSingle'],
    ['a list of one audience', { aud: [FILES] }, 'audienceNotSingle'],
    ['no audience', { aud: undefined }, 'audienceNotSingle'],
    ['no subject', { sub: undefined }, 'claimMissing'],
    ['an empty subject', { sub: '' }, 'claimMissing'],
    ['no client', { client_id: undefined }, 'claimMissing'],
    ['no grant', { gid: undefined }, 'claimMissing'],
    ['no token id', { jti: undefined }, 'claimMissing'],
    ['no scope', { scope: undefined }, 'claimMissing'],
    ['scopes as a list', { scope: ['files:read'] }, 'claimMissing'],
    ['no expiry', { exp: undefined }, 'claimMissing'],
    ['no time of issue', { iat: undefined }, 'claimMissing'],
    ['a day of life', { exp: 1_800_086_400 }, 'livesTooLong'],
    ['31 minutes of life', { exp: 1_800_001_860 }, 'livesTooLong'],
    ['expiry this very second', { iat: 1_799_999_100, exp: 1_800_000_000 }, 'expired'],
    ['issue in six seconds', { iat: 1_800_000_006 }, 'issuedInFuture'],
    ['validity in six seconds', { nbf: 1_800_000_006 }, 'notYetValid'],
    ['a key that is no thumbprint', { cnf: { jkt: 'x' } }, 'confirmationUnknown'],
    ['a binding that nobody here can check', { cnf: { kid: 'x' } }, 'confirmationUnknown'],
    ['a numeric acr', { acr: 1 }, 'claimMalformed'],
    ['an unknown grant', { gid: 'grant-2' }, 'grantUnknown'],
    ['another subject than its grant', { sub: 'subject-2' }, 'grantMismatch'],
    ['another client than its grant', { client_id: 'client-2' }, 'grantMismatch'],
    ['another server than its grant', { aud: NOTES }, 'grantMismatch'],
    ['a scope more than its grant', { scope: 'files:read files:write files:admin' }, 'grantMismatch'],
  ])('with %s are invalid', async (_name, claims, reason) => {
    const token = await mint.mint(claims)
    expect(await reasonOf(token)).toBe(`invalid: ${reason}`)
    expect(await reasonOf(token)).toBe(`invalid: ${reason}`)
  })

  it('issued five seconds ahead of us are valid', async () => {
    expect(await reasonOf(await mint.mint({ iat: 1_800_000_005, nbf: 1_800_000_005 }))).toBe('accepted')
  })

  it('that were too early are judged again as soon as they are not', async () => {
    const early = await mint.mint({ iat: 1_800_000_006 })
    const notYet = await mint.mint({ nbf: 1_800_000_006 })
    expect(await reasonOf(early)).toBe('invalid: issuedInFuture')
    expect(await reasonOf(notYet)).toBe('invalid: notYetValid')
    clock.advanceMs(1_000)
    await revocations.poll()
    expect(await reasonOf(early)).toBe('accepted')
    expect(await reasonOf(notYet)).toBe('accepted')
  })

  it('do not outlive their grant', async () => {
    const grantId = asGrantId('grant-short')
    await openGrant(opened.store, testGrant(clock, { grantId, expiresAt: clock.nowSeconds() + 60 }))
    const [one, two] = [await mint.mint({ gid: grantId, jti: 'one' }), await mint.mint({ gid: grantId, jti: 'two' })]
    expect(await reasonOf(one)).toBe('accepted')
    clock.advanceMs(60_000)
    await revocations.poll()
    expect(await reasonOf(two)).toBe('invalid: grantExpired')
  })

  it('are refused at another server, fresh and cached', async () => {
    const token = await mint.mint()
    expect(await reasonOf(token, NOTES)).toBe('invalid: audienceMismatch')
    expect(await reasonOf(token, FILES)).toBe('accepted')
    expect(await reasonOf(token, NOTES)).toBe('invalid: audienceMismatch')
    expect(await reasonOf(token, `${FILES}/`)).toBe('invalid: audienceMismatch')
  })
})

describe('the cache of verified tokens', () => {
  it('believes a signature for good and a grant for a minute: one that ended, or cannot be read, refuses', async () => {
    const grantId = asGrantId('grant-minute')
    const minute = clock.nowSeconds() + 60
    await openGrant(opened.store, testGrant(clock, { grantId, expiresAt: minute }))
    const token = await mint.mint({ gid: grantId, jti: 'minute', exp: minute + 600 })
    expect(await reasonOf(token)).toBe('accepted')
    clock.advanceMs(59_999)
    await revocations.poll()
    expect(await reasonOf(token)).toBe('accepted')
    clock.advanceMs(1)
    await revocations.poll()
    grantsFail = true
    expect(await reasonOf(token)).toBe('unavailable: storeUnavailable')
    grantsFail = false
    expect(await reasonOf(token)).toBe('invalid: grantExpired')
    expect(await reasonOf(token)).toBe('invalid: grantExpired')
  })

  it('asks the store once a minute per token, however many callers come at once', async () => {
    const token = await mint.mint()
    const answers = await Promise.all(Array.from({ length: 50 }, () => reasonOf(token)))
    expect(new Set(answers)).toEqual(new Set(['accepted']))
    expect(grantReads).toBe(1)
    clock.advanceMs(59_999)
    await reasonOf(token)
    expect(grantReads).toBe(1)
    clock.advanceMs(1)
    await reasonOf(token)
    expect(grantReads).toBe(2)
  })

  it('does not outlive the token', async () => {
    const token = await mint.mint({ exp: clock.nowSeconds() + 30 })
    expect(await reasonOf(token)).toBe('accepted')
    clock.advanceMs(29_999)
    expect(await reasonOf(token)).toBe('accepted')
    clock.advanceMs(1)
    expect(await reasonOf(token)).toBe('invalid: expired')
  })

  it('does not mistake one token for another', async () => {
    const good = await mint.mint()
    expect(await reasonOf(good)).toBe('accepted')
    const flipped = good.at(-2) === 'A' ? 'B' : 'A'
    expect(await reasonOf(`${good.slice(0, -2)}${flipped}${good.slice(-1)}`)).toBe('invalid: signatureInvalid')
    expect(await reasonOf(good)).toBe('accepted')
  })
})

describe('a flood of bad tokens', () => {
  const ATTACKER = '198.51.100.7'
  const forge = (good: string, index: number) =>
    `${good.slice(0, -8)}${index.toString(36).padStart(6, 'A')}${good.slice(-2)}`

  it('leaves every good token in, also new ones from the same address', async () => {
    const known = await mint.mint()
    const fresh = await mint.mint({ jti: 'fresh' })
    expect((await verifier.verify(known, FILES, ATTACKER)).ok).toBe(true)
    for (let index = 0; index < 700; index += 1)
      expect((await verifier.verify(forge(known, index), FILES, ATTACKER)).ok).toBe(false)
    expect((await verifier.verify(known, FILES, ATTACKER)).ok).toBe(true)
    expect((await verifier.verify(fresh, FILES, ATTACKER)).ok).toBe(true)
  })

  it('is verified one after another once it is one, and beyond a few waiting it hears 503; others notice nothing', async () => {
    const known = await mint.mint()
    for (let index = 0; index < 600; index += 1) await verifier.verify(forge(known, index), FILES, ATTACKER)
    const answers = Promise.all(
      Array.from({ length: 200 }, (_, index) => verifier.verify(forge(known, 1_000 + index), FILES, ATTACKER)),
    )
    const other = await verifier.verify(await mint.mint({ jti: 'other' }), FILES, '198.51.100.8')
    expect(other.ok).toBe(true)
    const kinds = (await answers).map((answer) => (answer.ok ? 'accepted' : answer.refusal.kind))
    expect(kinds.filter((kind) => kind === 'invalid')).toHaveLength(65)
    expect(kinds.filter((kind) => kind === 'unavailable')).toHaveLength(135)
  })
})

describe('keys', () => {
  it('are unavailable, not invalid, when there are none', async () => {
    verifier = createAccessTokenVerifier({
      tenant: DEFAULT_TENANT,
      keys: { version: 1, publicJwks: [] },
      issuer: ISSUER,
      store: opened.store,
      revocations,
      clock,
    })
    expect(await reasonOf(await mint.mint())).toBe('unavailable: noKeys')
  })

  it('of other algorithms and curves are never used', async () => {
    const [jwk] = mint.publicJwks
    for (const changed of [{ alg: 'HS256' }, { kty: 'oct', k: 'c2VjcmV0' }, { crv: 'P-384' }, { kty: 'RSA' }]) {
      const publicJwks = [{ ...jwk, ...changed }]
      verifier = createAccessTokenVerifier({
        tenant: DEFAULT_TENANT,
        keys: { version: 1, publicJwks },
        issuer: ISSUER,
        store: opened.store,
        revocations,
        clock,
      })
      expect(await reasonOf(await mint.mint())).toBe('unavailable: noKeys')
    }
  })
})

describe('a store that cannot answer', () => {
  it('makes tokens unavailable, and is asked again', async () => {
    let isBroken = true
    const grants = {
      find: async (...of: Parameters<typeof opened.store.grants.find>) => {
        if (isBroken) throw new Error('disk gone')
        return opened.store.grants.find(...of)
      },
    }
    verifier = createAccessTokenVerifier({
      tenant: DEFAULT_TENANT,
      keys: { version: 1, publicJwks: mint.publicJwks },
      issuer: ISSUER,
      store: { grants },
      revocations,
      clock,
    })
    const token = await mint.mint()
    expect(await reasonOf(token)).toBe('unavailable: storeUnavailable')
    isBroken = false
    expect(await reasonOf(token)).toBe('accepted')
  })
})

describe('races with the change feed', () => {
  /** A store whose grant read and feed the test opens by hand. */
  function held() {
    let release: (grant: StoredGrant) => void = () => {}
    let entries: FeedEntry[] = []
    const feed = {
      head: async () => 0,
      since: async () => {
        const now = entries
        entries = []
        return now
      },
    }
    const grants = {
      find: () =>
        new Promise<StoredGrant>((resolve) => {
          release = resolve
        }),
    }
    return {
      feed,
      grants,
      publish: (entry: FeedEntry) => entries.push(entry),
      answer: (grant: StoredGrant) => release(grant),
    }
  }
  const live = (): StoredGrant => ({
    ...testGrant(clock),
    number: 7,
    revokedAt: null,
    revokedCause: null,
    clientDigest: null,
    loginId: null,
  })
  const until = (condition: () => boolean) => eventually(() => expect(condition()).toBe(true))

  it.each([
    ['grant', 'grant-1', null],
    ['subject', 'subject-1', 8],
    ['client', 'client-1', 8],
    ['tenant', 'default', 8],
    ['token', 'jti-race', null],
    // A missing bound revokes everything.
    ['subject', 'subject-1', null],
  ] as const)('a %s revoked while its grant is being read is refused, and stays so', async (kind, id, grantsBelow) => {
    const { feed, grants, publish, answer } = held()
    let isReading = false
    const spied = {
      find: () => {
        isReading = true
        return grants.find()
      },
    }
    const raced = startRevocations({ feed, clock })
    await raced.poll()
    verifier = createAccessTokenVerifier({
      tenant: DEFAULT_TENANT,
      keys: { version: 1, publicJwks: mint.publicJwks },
      issuer: ISSUER,
      store: { grants: spied },
      revocations: raced,
      clock,
    })
    const token = await mint.mint({ jti: 'jti-race' })
    const pending = reasonOf(token)
    await until(() => isReading)
    publish({ number: 1, tenant: DEFAULT_TENANT, kind, id, at: clock.nowSeconds(), grantsBelow })
    await raced.poll()
    answer(live())
    expect(await pending).toBe('invalid: revoked')
    expect(await reasonOf(token)).toBe('invalid: revoked')
    raced.stop()
  })

  it('a subject revoked before the grant was opened does not touch it', async () => {
    const { feed, grants, publish, answer } = held()
    publish({
      number: 1,
      tenant: DEFAULT_TENANT,
      kind: 'subject',
      id: 'subject-1',
      at: clock.nowSeconds(),
      grantsBelow: 7,
    })
    const raced = startRevocations({ feed, clock })
    await raced.poll()
    verifier = createAccessTokenVerifier({
      tenant: DEFAULT_TENANT,
      keys: { version: 1, publicJwks: mint.publicJwks },
      issuer: ISSUER,
      store: { grants },
      revocations: raced,
      clock,
    })
    const pending = reasonOf(await mint.mint())
    const answering = setInterval(() => answer(live()), 1)
    expect(await pending).toBe('accepted')
    clearInterval(answering)
    raced.stop()
  })

  it('a feed that falls silent while the grant is read makes the token unavailable', async () => {
    let isSilent = false
    const feed = {
      head: async () => 0,
      since: async () => {
        if (isSilent) throw new Error('gone')
        return []
      },
    }
    const grants = {
      find: async () => {
        isSilent = true
        clock.advanceMs(1_000)
        return live()
      },
    }
    const silent = startRevocations({ feed, clock })
    await silent.poll()
    verifier = createAccessTokenVerifier({
      tenant: DEFAULT_TENANT,
      keys: { version: 1, publicJwks: mint.publicJwks },
      issuer: ISSUER,
      store: { grants },
      revocations: silent,
      clock,
    })
    expect(await reasonOf(await mint.mint())).toBe('unavailable: revocationsStale')
    silent.stop()
  })
})

describe('revocation in the real store', () => {
  it('of a grant bites on a cached token at the next poll, and on a fresh one at once', async () => {
    await openGrant(
      opened.store,
      testGrant(clock, { grantId: asGrantId('grant-r'), subject: asSubjectId('subject-r') }),
    )
    const claims = { gid: 'grant-r', sub: 'subject-r' }
    const cached = await mint.mint(claims)
    expect(await reasonOf(cached)).toBe('accepted')
    await opened.store.grants.revoke(DEFAULT_TENANT, { grantId: asGrantId('grant-r') }, 'test', clock.nowSeconds(), [])
    expect(await reasonOf(await mint.mint(claims))).toBe('invalid: grantRevoked')
    await revocations.poll()
    expect(await reasonOf(cached)).toBe('invalid: revoked')
  })
})

describe('a principal that is judged again', () => {
  const judged = async (token: string, later: () => Promise<void> | void, resource = FILES) => {
    const verified = await verifier.verify(token, FILES)
    if (!verified.ok) throw new Error(verified.refusal.reason)
    await later()
    const result = await verifier.judge(verified.value, resource)
    return result.ok ? 'accepted' : `${result.refusal.kind}: ${result.refusal.reason}`
  }

  it('stands while nothing has changed', async () => {
    expect(await judged(await mint.mint(), () => {})).toBe('accepted')
  })

  it('falls with its time, its grant, the feed and at another door', async () => {
    const short = await mint.mint({ exp: clock.nowSeconds() + 30 })
    expect(await judged(short, () => clock.advanceMs(30_000))).toBe('invalid: expired')
    expect(await judged(await mint.mint(), () => {}, 'http://127.0.0.1:8700/mcp/other')).toBe(
      'invalid: audienceMismatch',
    )
    await openGrant(
      opened.store,
      testGrant(clock, { grantId: asGrantId('grant-j'), subject: asSubjectId('subject-j') }),
    )
    const revoked = await judged(await mint.mint({ gid: 'grant-j', sub: 'subject-j' }), async () => {
      await opened.store.grants.revoke(
        DEFAULT_TENANT,
        { grantId: asGrantId('grant-j') },
        'test',
        clock.nowSeconds(),
        [],
      )
      await revocations.poll()
    })
    expect(revoked).toBe('invalid: revoked')
    expect(await judged(await mint.mint(), () => revocations.stop())).toBe('unavailable: revocationsStale')
  })
})
