import { describe, expect, it } from 'vitest'
import type { SubjectId } from '#core/ids.ts'
import type { AccountLink } from '#store/ports/account-links.ts'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, account, auditIds, entry, NOW, newSubject, OTHER, race } from './samples.ts'

const ISSUER = 'https://idp.example'
const link = (subject: SubjectId, changes: Partial<AccountLink> = {}): AccountLink => ({
  tenant: ACME,
  issuer: ISSUER,
  externalSubject: 'ext-1',
  subject,
  linkedAt: NOW,
  linkedBy: 'operator',
  ...changes,
})

onEveryEngine('account links', (store) => {
  const add = async (changes: Partial<Parameters<typeof account>[0]> = {}) => {
    const made = account({ subject: newSubject(), username: `u${Math.random().toString(36).slice(2, 10)}`, ...changes })
    await store().accounts.create(made, [])
    return made.subject
  }
  const first = { onlyFirst: true }
  const any = { onlyFirst: false }

  describe('an account that is opened for somebody from elsewhere', () => {
    const opening = (changes: Partial<AccountLink> = {}, username = `u${Math.random().toString(36).slice(2, 10)}`) => {
      const made = account({ subject: newSubject(), username })
      return [made, link(made.subject, { linkedBy: 'provider', ...changes })] as const
    }

    it('is there with its link, and recorded', async () => {
      const [made, its] = opening()
      expect(await store().accountLinks.openAccount(made, its, [entry()])).toBe('opened')
      expect(await store().accounts.find(ACME, made.subject)).toEqual(made)
      expect(await store().accountLinks.find(ACME, ISSUER, 'ext-1')).toEqual(its)
      expect(await auditIds(store())).toHaveLength(1)
    })

    it('is neither there nor recorded when the person is somebody already, or the name is taken', async () => {
      const [made, its] = opening()
      await store().accountLinks.openAccount(made, its, [])
      const [second, ofTheSame] = opening()
      expect(await store().accountLinks.openAccount(second, ofTheSame, [entry()])).toBe('taken')
      const [namesake, another] = opening({ externalSubject: 'ext-2' }, made.username)
      expect(await store().accountLinks.openAccount(namesake, another, [entry()])).toBe('usernameTaken')
      expect(await store().accounts.count(ACME)).toBe(1)
      expect(await store().accountLinks.find(ACME, ISSUER, 'ext-2')).toBeNull()
      expect(await auditIds(store())).toEqual([])
    })
  })

  describe('who an account is elsewhere', () => {
    it('comes back as it was linked, byte for byte, and in its tenant alone', async () => {
      const subject = await add()
      expect(await store().accountLinks.link(link(subject), any, [entry()])).toBe('linked')
      expect(await store().accountLinks.find(ACME, ISSUER, 'ext-1')).toEqual(link(subject))
      for (const [tenant, issuer, external] of [
        [OTHER, ISSUER, 'ext-1'],
        [ACME, `${ISSUER}/`, 'ext-1'],
        [ACME, ISSUER, 'EXT-1'],
        [ACME, ISSUER, 'ext-1 '],
      ] as const)
        expect(await store().accountLinks.find(tenant, issuer, external)).toBeNull()
      expect(await store().accountLinks.list(ACME, subject)).toEqual([link(subject)])
      expect(await auditIds(store())).toHaveLength(1)
    })

    it('is one account: another is refused and nothing changes; the same is told that it is so', async () => {
      const [subject, other] = [await add(), await add()]
      await store().accountLinks.link(link(subject), any, [])
      expect(await store().accountLinks.link(link(other), any, [entry()])).toBe('taken')
      expect(await store().accountLinks.link(link(subject), any, [entry()])).toBe('linked')
      expect(await store().accountLinks.list(ACME, other)).toEqual([])
      expect(await auditIds(store())).toEqual([])
    })

    it('is not added to an account that is somebody else there, where only the first counts', async () => {
      const subject = await add()
      await store().accountLinks.link(link(subject), first, [])
      const second = link(subject, { externalSubject: 'ext-2' })
      expect(await store().accountLinks.link(second, first, [entry()])).toBe('hasOther')
      expect(await store().accountLinks.link(link(subject, { issuer: 'https://other.example' }), first, [])).toBe(
        'linked',
      )
      expect(await store().accountLinks.link(second, any, [])).toBe('linked')
    })

    it('is nobody where there is no account, or it is disabled', async () => {
      const subject = await add({ status: 'disabled' })
      expect(await store().accountLinks.link(link(subject), any, [entry()])).toBe('unknown')
      expect(await store().accountLinks.link(link(newSubject()), any, [entry()])).toBe('unknown')
      expect(await auditIds(store())).toEqual([])
    })

    it('of eight accounts that would be it at once, one is', async () => {
      const subjects = await Promise.all(Array.from({ length: 8 }, () => add()))
      const outcomes = await race((caller) =>
        store().accountLinks.link(link(subjects[caller] ?? newSubject()), first, [entry()]),
      )
      expect(outcomes).toEqual(
        new Map([
          ['linked', 1],
          ['taken', 7],
        ]),
      )
      expect(await auditIds(store())).toHaveLength(1)
    })

    it('of eight identities that would be one account at once, one is', async () => {
      const subject = await add()
      const outcomes = await race((caller) =>
        store().accountLinks.link(link(subject, { externalSubject: `ext-${caller}` }), first, [entry()]),
      )
      expect(outcomes).toEqual(
        new Map([
          ['linked', 1],
          ['hasOther', 7],
        ]),
      )
    })

    it('is taken back once, and only from the account that it is', async () => {
      const subject = await add()
      await store().accountLinks.link(link(subject), any, [])
      expect(await store().accountLinks.unlink(ACME, link(newSubject()), [entry()])).toBe('unknown')
      const outcomes = await race(() => store().accountLinks.unlink(ACME, link(subject), [entry()]))
      expect(outcomes).toEqual(
        new Map([
          ['unlinked', 1],
          ['unknown', 7],
        ]),
      )
      expect(await store().accountLinks.find(ACME, ISSUER, 'ext-1')).toBeNull()
      expect(await auditIds(store())).toHaveLength(1)
    })
  })
})
