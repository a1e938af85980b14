import { describe, expect, it } from 'vitest'
import { asClientId, asSubjectId, type ClientId, type TenantId } from '#core/ids.ts'
import type { Store } from '#store/ports/store.ts'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, account, auditIds, entry, FIRST_PAGE, feedOf, NOW, newKey, OTHER, readPages } from './samples.ts'

const ADA = asSubjectId('ada')
const KEY = asClientId('key_1')
const YEAR = 365 * 86_400

const addAda = (store: Store, tenant: TenantId = ACME) =>
  store.accounts.create(account({ tenant, subject: ADA, username: 'ada' }), [])

const rotation = (name: string, seen = 0, previousEndsAt = NOW + 300, expiresAt = NOW + 2000) => ({
  seen,
  secret: { secretId: name, hash: `hash of ${name}`, createdAt: NOW + 10, endsAt: expiresAt },
  previousEndsAt,
  expiresAt,
})

onEveryEngine('api keys', (store) => {
  const secretsOf = async (keyId: ClientId = KEY) =>
    Object.fromEntries(
      ((await store().apiKeys.find(ACME, keyId))?.secrets ?? []).map(({ secretId, endsAt }) => [secretId, endsAt]),
    )

  describe('create', () => {
    it('keeps the key with its secret and a numbered grant for each server, and finds it by the secret', async () => {
      await addAda(store())
      const key = newKey()
      const audit = entry()
      expect(await store().apiKeys.create(key, 10, [audit])).toBe('created')
      const { secret, grants, ...rest } = key
      const expected = {
        ...rest,
        revokedAt: null,
        revokedCause: null,
        lastUsedAt: null,
        rotations: 0,
        secrets: [secret],
        grants: grants.map((one, index) => ({ ...one, number: index + 1, revokedAt: null, revokedCause: null })),
      }
      expect(await store().apiKeys.findBySecret(ACME, secret.secretId)).toEqual(expected)
      expect(await store().apiKeys.find(ACME, KEY)).toEqual(expected)
      expect(await auditIds(store())).toEqual([audit.id])
      expect((await store().grants.list(ACME, { clientId: KEY, liveAt: NOW }, FIRST_PAGE)).items).toHaveLength(2)
    })

    it('is for active accounts only, and then nothing is left behind', async () => {
      expect(await store().apiKeys.create(newKey(), 10, [entry()])).toBe('subjectNotActive')
      await addAda(store())
      await store().accounts.setStatus(ACME, ADA, 'disabled', NOW, [])
      expect(await store().apiKeys.create(newKey(), 10, [entry()])).toBe('subjectNotActive')
      expect(await store().apiKeys.find(ACME, KEY)).toBeNull()
      expect((await store().grants.list(ACME, {}, FIRST_PAGE)).items).toEqual([])
      expect(await auditIds(store())).toEqual([])
    })

    it('stops at the limit, which revoked and expired keys do not count towards', async () => {
      await addAda(store())
      const make = (name: string, expiresAt = NOW + 1000) =>
        store().apiKeys.create(newKey({ keyId: asClientId(name), expiresAt }), 2, [])
      expect(await make('a')).toBe('created')
      expect(await make('expired', NOW)).toBe('created')
      expect(await make('b')).toBe('created')
      expect(await make('c')).toBe('full')
      expect(await store().apiKeys.revoke(ACME, asClientId('a'), 'operator', NOW, [])).toBe('revoked')
      expect(await make('c')).toBe('created')
    })

    it('belongs to its tenant', async () => {
      await addAda(store())
      await store().apiKeys.create(newKey(), 10, [])
      expect(await store().apiKeys.find(OTHER, KEY)).toBeNull()
      expect(await store().apiKeys.findBySecret(OTHER, `first of ${KEY}`)).toBeNull()
      expect(await store().apiKeys.revoke(OTHER, KEY, 'x', NOW, [])).toBe('unknown')
      expect(await store().apiKeys.rotate(OTHER, KEY, rotation('second'), NOW, [])).toBe('unknown')
      await store().apiKeys.noteUses(OTHER, [{ keyId: KEY, at: NOW }])
      expect((await store().apiKeys.find(ACME, KEY))?.lastUsedAt).toBeNull()
    })
  })

  it('lists newest first, in pages, by subject and by what lives', async () => {
    await addAda(store())
    await store().accounts.create(account({ subject: asSubjectId('bob'), username: 'bob' }), [])
    for (let index = 0; index < 5; index += 1)
      await store().apiKeys.create(newKey({ keyId: asClientId(`key_${index}`), createdAt: NOW + index }), 10, [])
    await store().apiKeys.create(newKey({ keyId: asClientId('of bob'), subject: asSubjectId('bob') }), 10, [])
    await store().apiKeys.revoke(ACME, asClientId('key_2'), 'operator', NOW + 5, [])
    const all = await readPages(2, (page) => store().apiKeys.list(ACME, { subject: ADA, liveAt: NOW + 6 }, page))
    expect(all.map(({ keyId }) => keyId)).toEqual(['key_4', 'key_3', 'key_1', 'key_0'])
    expect(all.map(({ grants }) => grants.length)).toEqual([2, 2, 2, 2])
    expect((await store().apiKeys.list(ACME, {}, FIRST_PAGE)).items).toHaveLength(6)
    expect((await store().apiKeys.list(ACME, { liveAt: NOW + YEAR }, FIRST_PAGE)).items).toEqual([])
  })

  describe('rotate', () => {
    it('adds a secret; the old one ends after the overlap, the key and its grants later', async () => {
      await addAda(store())
      await store().apiKeys.create(newKey(), 10, [])
      const audit = entry()
      expect(await store().apiKeys.rotate(ACME, KEY, rotation('second'), NOW + 10, [audit])).toBe('rotated')
      expect(await secretsOf()).toEqual({ second: NOW + 2000, [`first of ${KEY}`]: NOW + 300 })
      const key = await store().apiKeys.find(ACME, KEY)
      expect(key).toMatchObject({ rotations: 1, expiresAt: NOW + 2000 })
      expect(key?.grants.map(({ expiresAt }) => expiresAt)).toEqual([NOW + 2000, NOW + 2000])
      expect(await auditIds(store())).toEqual([audit.id])
      expect(await feedOf(store())).toEqual([])
    })

    it('never makes the old one live longer than it would have', async () => {
      await addAda(store())
      await store().apiKeys.create(newKey(), 10, [])
      await store().apiKeys.rotate(ACME, KEY, rotation('second', 0, NOW + 1999), NOW + 10, [])
      expect(await secretsOf()).toMatchObject({ [`first of ${KEY}`]: NOW + 1000 })
    })

    it('without overlap ends the old one at once, and the feed says so', async () => {
      await addAda(store())
      await store().apiKeys.create(newKey(), 10, [])
      await store().apiKeys.rotate(ACME, KEY, rotation('second', 0, NOW + 10), NOW + 10, [])
      expect(await secretsOf()).toMatchObject({ [`first of ${KEY}`]: NOW + 10 })
      expect(await feedOf(store())).toEqual([`acme token first of ${KEY}`])
    })

    it('within an overlap ends the oldest at once: never more than two live', async () => {
      await addAda(store())
      await store().apiKeys.create(newKey(), 10, [])
      await store().apiKeys.rotate(ACME, KEY, rotation('second'), NOW + 10, [])
      const third = { ...rotation('third', 1), secret: { ...rotation('third').secret, createdAt: NOW + 20 } }
      await store().apiKeys.rotate(ACME, KEY, third, NOW + 20, [])
      expect(await secretsOf()).toEqual({ third: NOW + 2000, second: NOW + 300, [`first of ${KEY}`]: NOW + 20 })
      expect(await feedOf(store())).toEqual([`acme token first of ${KEY}`])
    })

    it('does nothing for what is over, and never brings it back', async () => {
      await addAda(store())
      await store().apiKeys.create(newKey(), 10, [])
      const rotate = (at: number) => store().apiKeys.rotate(ACME, KEY, rotation('second'), at, [entry()])
      expect(await rotate(NOW + 1000)).toBe('notLive')
      await store().accounts.setStatus(ACME, ADA, 'disabled', NOW, [])
      await store().accounts.setStatus(ACME, ADA, 'active', NOW, [])
      expect(await rotate(NOW + 10)).toBe('notLive')
      expect(await store().apiKeys.find(ACME, KEY)).toMatchObject({ rotations: 0, expiresAt: NOW + 1000 })
      await store().apiKeys.revoke(ACME, KEY, 'operator', NOW, [])
      expect(await rotate(NOW + 10)).toBe('notLive')
      expect(await store().apiKeys.rotate(ACME, asClientId('nope'), rotation('x'), NOW, [])).toBe('unknown')
      expect(await secretsOf()).toEqual({ [`first of ${KEY}`]: NOW + 1000 })
      expect(await auditIds(store())).toEqual([])
    })

    it('leaves a grant revoked that was', async () => {
      await addAda(store())
      await store().apiKeys.create(newKey(), 10, [])
      const [first] = (await store().apiKeys.find(ACME, KEY))?.grants ?? []
      if (first === undefined) throw new Error('no grant')
      await store().grants.revoke(ACME, { grantId: first.grantId }, 'user', NOW, [])
      expect(await store().apiKeys.rotate(ACME, KEY, rotation('second'), NOW + 10, [])).toBe('rotated')
      expect(await store().grants.find(ACME, first.grantId)).toMatchObject({ revokedAt: NOW, expiresAt: NOW + 1000 })
    })
  })

  it('revoke ends the key and all its grants once, and the feed says so', async () => {
    await addAda(store())
    const key = newKey()
    await store().apiKeys.create(key, 10, [])
    expect(await store().apiKeys.revoke(ACME, KEY, 'operator', NOW + 5, [entry()])).toBe('revoked')
    expect(await store().apiKeys.find(ACME, KEY)).toMatchObject({
      revokedAt: NOW + 5,
      revokedCause: 'operator',
      grants: [{ revokedAt: NOW + 5 }, { revokedAt: NOW + 5 }],
    })
    expect(await feedOf(store())).toEqual([
      ...key.grants.map(({ grantId }) => `acme grant ${grantId}`),
      `acme client ${KEY}`,
    ])
    expect(await store().apiKeys.revoke(ACME, KEY, 'again', NOW + 6, [entry()])).toBe('notLive')
    expect(await auditIds(store())).toHaveLength(1)
  })

  it('notes the last use of many at once, and never an earlier one', async () => {
    await addAda(store())
    for (const name of ['a', 'b']) await store().apiKeys.create(newKey({ keyId: asClientId(name) }), 10, [])
    const note = (a: number, b: number) =>
      store().apiKeys.noteUses(ACME, [
        { keyId: asClientId('b'), at: b },
        { keyId: asClientId('a'), at: a },
        { keyId: asClientId('gone'), at: NOW },
      ])
    await note(NOW + 1, NOW + 9)
    await note(NOW + 2, NOW + 3)
    const used = async (name: string) => (await store().apiKeys.find(ACME, asClientId(name)))?.lastUsedAt
    expect([await used('a'), await used('b')]).toEqual([NOW + 2, NOW + 9])
  })
})
