import { expect, it } from 'vitest'
import { CursorInvalid } from '#store/ports/page.ts'
import { onEveryEngine } from './on-every-engine.ts'
import {
  ACME,
  account,
  auditIds,
  document,
  entry,
  FIRST_PAGE,
  feedOf,
  NOW,
  newSubject,
  OTHER,
  openGrant,
  race,
  readPages,
} from './samples.ts'

onEveryEngine('accounts', (store) => {
  it('an account comes back as it went in, by subject and by name', async () => {
    const ada = account()
    expect(await store().accounts.create(ada, [])).toBe('created')
    expect(await store().accounts.find(ACME, ada.subject)).toEqual(ada)
    expect(await store().accounts.findByUsername(ACME, ada.username)).toEqual(ada)
    expect(await store().accounts.find(ACME, newSubject())).toBeNull()
    expect(await store().accounts.findByUsername(ACME, 'nobody')).toBeNull()
  })

  it.each([2, 8])(
    'of %i callers who want the same name, one gets it, and only that one is recorded',
    async (callers) => {
      const outcomes = await race(() => store().accounts.create(account({ username: 'ada' }), [entry()]), callers)
      expect(outcomes).toEqual(
        new Map([
          ['created', 1],
          ['usernameTaken', callers - 1],
        ]),
      )
      expect(await store().accounts.count(ACME)).toBe(1)
      expect(await auditIds(store())).toHaveLength(1)
    },
  )

  it('the setup link makes exactly one account, however many use it at once', async () => {
    await store().accounts.issueSetupLink(ACME, 'hash', NOW + 60)
    const outcomes = await race(() => store().accounts.createFirst(account(), 'hash', NOW, [entry()]))
    expect(outcomes).toEqual(
      new Map([
        ['created', 1],
        ['alreadySetUp', 7],
      ]),
    )
    expect(await store().accounts.count(ACME)).toBe(1)
    expect(await auditIds(store())).toHaveLength(1)
  })

  it.each([
    ['unknown', 'another', NOW],
    ['expired', 'hash', NOW + 60],
    ['replaced', 'old', NOW],
  ])('an %s setup link makes no account and stays as it was', async (_, link, now) => {
    await store().accounts.issueSetupLink(ACME, 'old', NOW + 60)
    await store().accounts.issueSetupLink(ACME, 'hash', NOW + 60)
    expect(await store().accounts.setupLinkIsValid(ACME, link, now)).toBe(false)
    expect(await store().accounts.createFirst(account(), link, now, [entry()])).toBe('linkInvalid')
    expect(await store().accounts.count(ACME)).toBe(0)
    expect(await auditIds(store())).toEqual([])
    expect(await store().accounts.setupLinkIsValid(ACME, 'hash', NOW)).toBe(true)
  })

  it('the setup link of one tenant is nothing in another', async () => {
    await store().accounts.issueSetupLink(ACME, 'hash', NOW + 60)
    expect(await store().accounts.setupLinkIsValid(OTHER, 'hash', NOW)).toBe(false)
    expect(await store().accounts.createFirst(account({ tenant: OTHER }), 'hash', NOW, [])).toBe('linkInvalid')
  })

  it('a setup link works only while there is no account', async () => {
    await store().accounts.issueSetupLink(ACME, 'hash', NOW + 60)
    await store().accounts.create(account(), [])
    expect(await store().accounts.createFirst(account(), 'hash', NOW, [])).toBe('alreadySetUp')
    expect(await store().accounts.setupLinkIsValid(ACME, 'hash', NOW)).toBe(false)
  })

  it('a setup link and an account made at the same moment: whichever is first, the link is used up', async () => {
    await store().accounts.issueSetupLink(ACME, 'hash', NOW + 60)
    const [created, first] = await Promise.all([
      store().accounts.create(account(), []),
      store().accounts.createFirst(account(), 'hash', NOW, []),
    ])
    // Who comes first is nobody's promise where they have a connection each.
    expect(created).toBe('created')
    expect(['created', 'alreadySetUp']).toContain(first)
    expect(await store().accounts.createFirst(account(), 'hash', NOW, [])).toBe('alreadySetUp')
    expect(await store().accounts.setupLinkIsValid(ACME, 'hash', NOW)).toBe(false)
  })

  it('lists by name in pages, each account once', async () => {
    const names = ['cy', 'ada', 'bo', 'dee', 'eve']
    for (const username of names) await store().accounts.create(account({ username }), [])
    await store().accounts.create(account({ username: 'foreign', tenant: OTHER }), [])
    for (const size of [1, 2, 5, 200]) {
      const listed = await readPages(size, (page) => store().accounts.list(ACME, page))
      expect(listed.map((listedAccount) => listedAccount.username)).toEqual(['ada', 'bo', 'cy', 'dee', 'eve'])
    }
  })

  it.each(['', 'garbage', 'e30', 'WzFd', 'WyJhIiwiYiJd'])(
    'a cursor that was never handed out is refused: %o',
    async (cursor) => {
      await expect(store().accounts.list(ACME, { cursor, limit: 10 })).rejects.toThrow(CursorInvalid)
    },
  )

  it.each(['setPassword', 'disable'] as const)(
    '%s ends every grant, code, token and login session of the subject and nobody else',
    async (change) => {
      const ada = account()
      await store().accounts.create(ada, [])
      const hers = await openGrant(store(), { subject: ada.subject })
      const expired = await openGrant(store(), { subject: ada.subject, expiresAt: NOW })
      const foreign = await openGrant(store(), { subject: ada.subject, tenant: OTHER })
      const another = await openGrant(store())
      const session = document({ model: 'Session', accountId: ada.subject })
      const token = document({ grantId: hers.grantId })
      const anotherSession = document({ model: 'Session', accountId: another.subject })
      const documents = [session, token, anotherSession].map((kept) => ({ kind: 'upsert', document: kept }) as const)
      await store().engine.commit(ACME, documents, [])
      await store().engine.commit(OTHER, documents, [])
      const record = entry()

      const outcome =
        change === 'disable'
          ? await store().accounts.setStatus(ACME, ada.subject, 'disabled', NOW, [record])
          : await store().accounts.setPassword(ACME, ada.subject, 'new hash', NOW, [record])

      expect(outcome).toBe('changed')
      const left = await store().grants.list(ACME, { liveAt: NOW }, FIRST_PAGE)
      expect(left.items.map((live) => live.grantId)).toEqual([another.grantId])
      expect((await store().grants.find(ACME, expired.grantId))?.revokedAt).toBeNull()
      expect((await store().grants.find(OTHER, foreign.grantId))?.revokedAt).toBeNull()
      expect(await store().engine.find(ACME, 'Session', session.id, NOW)).toBeNull()
      expect(await store().engine.find(ACME, 'RefreshToken', token.id, NOW)).toBeNull()
      expect(await store().engine.find(ACME, 'Session', anotherSession.id, NOW)).not.toBeNull()
      expect(await store().engine.find(OTHER, 'Session', session.id, NOW)).not.toBeNull()
      expect(await feedOf(store())).toEqual(
        [`acme grant ${hers.grantId}`, `acme subject ${ada.subject}`].concat(
          change === 'disable' ? [`acme membership ${ada.subject}`] : [],
        ),
      )
      const { number } = (await store().grants.find(ACME, another.grantId)) ?? { number: Number.NaN }
      const epoch = (await store().feed.since(0, 10)).find((told) => told.kind === 'subject')?.grantsBelow
      expect(epoch).toBeGreaterThan(number)
      expect(await auditIds(store())).toEqual([record.id])
    },
  )

  it('a new password is kept with its time', async () => {
    const ada = account()
    await store().accounts.create(ada, [])
    await store().accounts.setPassword(ACME, ada.subject, 'new hash', NOW + 5, [])
    expect(await store().accounts.find(ACME, ada.subject)).toEqual({
      ...ada,
      passwordHash: 'new hash',
      passwordChangedAt: NOW + 5,
    })
  })

  it('a grant cannot be opened for a disabled subject, and can again once it is active', async () => {
    const ada = account()
    await store().accounts.create(ada, [])
    await store().accounts.setStatus(ACME, ada.subject, 'disabled', NOW, [])
    const late = await openGrant(store(), { subject: ada.subject })
    expect(await store().grants.find(ACME, late.grantId)).toBeNull()
    await store().accounts.setStatus(ACME, ada.subject, 'active', NOW, [])
    const again = await openGrant(store(), { subject: ada.subject })
    expect(await store().grants.find(ACME, again.grantId)).not.toBeNull()
  })

  it('a grant opened while its subject is disabled is dead either way', async () => {
    for (let round = 0; round < 20; round += 1) {
      const ada = account()
      await store().accounts.create(ada, [])
      const [opened] = await Promise.all([
        openGrant(store(), { subject: ada.subject }),
        store().accounts.setStatus(ACME, ada.subject, 'disabled', NOW, []),
      ])
      expect((await store().grants.find(ACME, opened.grantId))?.revokedAt ?? NOW).toBe(NOW)
    }
  })

  it('new roles are kept and announced, and end no grant', async () => {
    const ada = account()
    await store().accounts.create(ada, [])
    const kept = await openGrant(store(), { subject: ada.subject })
    expect(await store().accounts.setRoles(ACME, ada.subject, [], NOW, [])).toBe('changed')
    // Readers that poll after the next clean-up must still hear of it.
    await store().engine.collectExpired(NOW, 100)
    expect((await store().accounts.find(ACME, ada.subject))?.roles).toEqual([])
    expect((await store().grants.find(ACME, kept.grantId))?.revokedAt).toBeNull()
    expect(await feedOf(store())).toEqual([`acme membership ${ada.subject}`])
  })

  it('a change to an account of another tenant is unknown and changes, announces and records nothing', async () => {
    const ada = account({ tenant: OTHER })
    await store().accounts.create(ada, [])
    const { accounts } = store()
    expect(await accounts.setPassword(ACME, ada.subject, 'x', NOW, [entry()])).toBe('unknown')
    expect(await accounts.setRoles(ACME, ada.subject, ['admin'], NOW, [entry()])).toBe('unknown')
    expect(await accounts.setStatus(ACME, ada.subject, 'disabled', NOW, [entry()])).toBe('unknown')
    expect(await accounts.find(OTHER, ada.subject)).toEqual(ada)
    expect(await feedOf(store())).toEqual([])
    expect(await auditIds(store())).toEqual([])
  })

  it('two tenants may hold the same subject and name', async () => {
    const ada = account()
    expect(await store().accounts.create(ada, [])).toBe('created')
    expect(await store().accounts.create({ ...ada, tenant: OTHER, roles: ['guest'] }, [])).toBe('created')
    expect((await store().accounts.find(ACME, ada.subject))?.roles).toEqual(['staff', 'ops'])
    expect((await store().accounts.find(OTHER, ada.subject))?.roles).toEqual(['guest'])
  })
})
