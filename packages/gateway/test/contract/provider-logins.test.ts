import { describe, expect, it } from 'vitest'
import { asSubjectId } from '#core/ids.ts'
import type { EndedElsewhere, EndReach, NewProviderLogin } from '#store/ports/provider-logins.ts'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, account, auditIds, document, entry, grant, NOW, newSubject, OTHER, race } from './samples.ts'

const ISSUER = 'https://idp.example'
const login = (changes: Partial<NewProviderLogin> = {}): NewProviderLogin => ({
  tenant: ACME,
  loginId: 'login-1',
  provider: 'corp',
  issuer: ISSUER,
  externalSubject: 'ext-1',
  sid: 'sid-1',
  subject: asSubjectId('ada'),
  authenticatedAt: NOW - 60,
  expiresAt: NOW + 3600,
  refreshToken: null,
  checkedAt: NOW,
  checkDueAt: null,
  ...changes,
})
const whom = (changes: Partial<EndedElsewhere> = {}): EndedElsewhere => ({
  provider: 'corp',
  issuer: ISSUER,
  externalSubject: null,
  sid: null,
  ...changes,
})
const how = (reach: EndReach, mark = 'mark-1') => ({ reach, cause: 'gone', mark, markEndsAt: NOW + 300, now: NOW })

onEveryEngine('logins at identity providers', (store) => {
  const open = async (loginId: string | null, subject = asSubjectId('ada')) => {
    const opened = grant({ subject, loginId })
    const committed = await store().engine.commit(
      ACME,
      [
        ...(loginId === null ? [] : [{ kind: 'requireLogin', loginId, at: NOW } as const]),
        { kind: 'openGrant', grant: opened },
        { kind: 'insert', document: document({ id: `refresh ${opened.grantId}`, grantId: opened.grantId }) },
      ],
      [],
    )
    return { ...committed, grantId: opened.grantId }
  }
  const isLive = async (grantId: Awaited<ReturnType<typeof open>>['grantId']) =>
    (await store().grants.find(ACME, grantId))?.revokedAt === null

  it('comes back as it was begun, in its tenant alone', async () => {
    expect(await store().providerLogins.begin(login())).toBe('begun')
    expect(await store().providerLogins.find(ACME, 'login-1')).toEqual({
      ...login(),
      suspendedAt: null,
      endedAt: null,
      endedCause: null,
    })
    expect(await store().providerLogins.find(OTHER, 'login-1')).toBeNull()
    expect(await store().providerLogins.subjectsOf(OTHER, whom({ sid: 'sid-1' }))).toEqual([])
  })

  it.each<[string, Partial<NewProviderLogin>]>([
    ['over', { expiresAt: NOW }],
    ['of another tenant', { tenant: OTHER }],
  ])('opens nothing while it is %s', async (_how, changes) => {
    await store().providerLogins.begin(login(changes))
    const refused = await open('login-1')
    expect(refused).toMatchObject({ outcome: 'loginEnded', loginId: 'login-1' })
    expect(await store().grants.find(ACME, refused.grantId)).toBeNull()
  })

  describe('a session that the provider ended', () => {
    it('takes along everything that the person holds, once, recorded and announced', async () => {
      await store().accounts.create(account({ subject: asSubjectId('ada'), username: 'ada' }), [])
      await store().providerLogins.begin(login())
      await store().providerLogins.begin(login({ loginId: 'login-2', sid: 'sid-2' }))
      await store().providerLogins.begin(
        login({ loginId: 'of-eve', sid: 'sid-3', externalSubject: 'ext-2', subject: asSubjectId('eve') }),
      )
      const [one, two, byKey] = [await open('login-1'), await open('login-2'), await open(null)]
      const ofEve = await open('of-eve', asSubjectId('eve'))
      expect(await store().providerLogins.subjectsOf(ACME, whom({ sid: 'sid-1' }))).toEqual(['ada'])
      expect(
        await store().providerLogins.endElsewhere(ACME, whom({ sid: 'sid-1' }), how('everything'), [entry()]),
      ).toEqual({ outcome: 'ended', logins: 2 })
      for (const { grantId } of [one, two, byKey]) expect(await isLive(grantId)).toBe(false)
      expect(await isLive(ofEve.grantId)).toBe(true)
      expect(await store().engine.find(ACME, 'RefreshToken', `refresh ${one.grantId}`, NOW)).toBeNull()
      expect(await store().providerLogins.find(ACME, 'login-2')).toMatchObject({ endedAt: NOW, endedCause: 'gone' })
      expect((await store().feed.since(0, 100)).map(({ kind, id }) => `${kind} ${id}`)).toContain('subject ada')
      expect(await auditIds(store())).toHaveLength(1)
      expect(await open('login-1')).toMatchObject({ outcome: 'loginEnded' })
    })

    it('takes along its own grants alone, where that is the rule, and the logins at our pages', async () => {
      await store().providerLogins.begin(login())
      await store().providerLogins.begin(login({ loginId: 'login-2', sid: 'sid-2' }))
      const [one, two] = [await open('login-1'), await open('login-2')]
      const session = document({ model: 'Session', id: 'session', accountId: 'ada' })
      await store().engine.commit(ACME, [{ kind: 'insert', document: session }], [])
      expect(await store().providerLogins.endElsewhere(ACME, whom({ sid: 'sid-1' }), how('session'), [])).toEqual({
        outcome: 'ended',
        logins: 1,
      })
      expect([await isLive(one.grantId), await isLive(two.grantId)]).toEqual([false, true])
      expect(await store().engine.find(ACME, 'Session', 'session', NOW)).toBeNull()
      expect((await store().feed.since(0, 100)).map(({ kind }) => kind)).toEqual(['grant'])
    })

    it('is over for who is on the way back from there, and for no other session', async () => {
      await store().providerLogins.endElsewhere(ACME, whom({ sid: 'sid-1' }), how('session'), [])
      expect(await store().providerLogins.begin(login())).toBe('ended')
      expect(await store().providerLogins.begin(login({ loginId: 'login-2', sid: 'sid-2' }))).toBe('begun')
      expect(await store().providerLogins.begin(login({ loginId: 'login-3', issuer: 'https://other.example' }))).toBe(
        'begun',
      )
    })

    it('leaves the person’s other sessions at the provider as they are: those may log in here again', async () => {
      await store().providerLogins.begin(login())
      await store().providerLogins.begin(login({ loginId: 'login-2', sid: 'sid-2' }))
      await store().providerLogins.endElsewhere(ACME, whom({ sid: 'sid-1' }), how('everything'), [])
      expect(await store().providerLogins.begin(login({ loginId: 'login-3', sid: 'sid-2' }))).toBe('begun')
    })

    it('of somebody else’s name is nobody’s', async () => {
      await store().providerLogins.begin(login())
      const { grantId } = await open('login-1')
      const both = whom({ sid: 'sid-1', externalSubject: 'ext-2' })
      expect(await store().providerLogins.endElsewhere(ACME, both, how('everything'), [])).toMatchObject({ logins: 0 })
      expect(await store().providerLogins.endElsewhere(ACME, whom(), how('everything', 'mark-2'), [])).toMatchObject({
        logins: 0,
      })
      expect(await isLive(grantId)).toBe(true)
    })
  })

  describe('a person whom the provider says gone', () => {
    it('is found by the link too, without any login', async () => {
      const made = account({ subject: newSubject(), username: 'ada' })
      await store().accounts.create(made, [])
      const link = { tenant: ACME, issuer: ISSUER, externalSubject: 'ext-1', subject: made.subject, linkedAt: NOW }
      await store().accountLinks.link({ ...link, linkedBy: 'operator' }, { onlyFirst: false }, [])
      const { grantId } = await open(null, made.subject)
      expect(await store().providerLogins.subjectsOf(ACME, whom({ externalSubject: 'ext-1' }))).toEqual([made.subject])
      await store().providerLogins.endElsewhere(ACME, whom({ externalSubject: 'ext-1' }), how('everything'), [])
      expect(await isLive(grantId)).toBe(false)
    })

    it('has to prove themselves anew: what came before counts no more', async () => {
      await store().providerLogins.endElsewhere(ACME, whom({ externalSubject: 'ext-1' }), how('everything'), [])
      expect(await store().providerLogins.begin(login({ authenticatedAt: NOW - 1 }))).toBe('ended')
      expect(await store().providerLogins.begin(login({ authenticatedAt: NOW }))).toBe('begun')
      expect(await store().providerLogins.begin(login({ loginId: 'of-eve', externalSubject: 'ext-2' }))).toBe('begun')
    })
  })

  it('ends once for one word, whoever brings it, and says so nowhere twice', async () => {
    await store().providerLogins.begin(login())
    const outcomes = await race(async () => {
      const whose = whom({ sid: 'sid-1' })
      return (await store().providerLogins.endElsewhere(ACME, whose, how('everything'), [entry()])).outcome
    })
    expect(Object.fromEntries(outcomes)).toEqual({ ended: 1, replayed: 7 })
    expect(await auditIds(store())).toHaveLength(1)
  })

  it('of a login that ends and one grant that is opened by it at the same moment, no grant is left', async () => {
    for (let round = 0; round < 8; round += 1) {
      const loginId = `login ${round}`
      await store().providerLogins.begin(login({ loginId, sid: `sid ${round}` }))
      const [opened] = await Promise.all([
        open(loginId),
        store().providerLogins.endElsewhere(ACME, whom({ sid: `sid ${round}` }), how('session', `mark ${round}`), []),
      ])
      expect(await isLive(opened.grantId)).toBe(false)
    }
  })

  it('is forgotten a day after it is over', async () => {
    await store().providerLogins.begin(login())
    const day = 24 * 3600
    expect(await store().providerLogins.collect(NOW + 3600 + day, 10)).toBe(0)
    expect(await store().providerLogins.collect(NOW + 3601 + day, 10)).toBe(1)
    expect(await store().providerLogins.find(ACME, 'login-1')).toBeNull()
  })
})
