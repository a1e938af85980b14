import { describe, expect, it } from 'vitest'
import type { StoredSigningKey } from '#store/ports/signing-keys.ts'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, auditIds, entry, NOW, OTHER } from './samples.ts'

function key(changes: Partial<StoredSigningKey> = {}): StoredSigningKey {
  return {
    tenant: ACME,
    kid: 'kid',
    purpose: 'accessToken',
    algorithm: 'ES256',
    status: 'active',
    sealed: new Uint8Array([0, 1, 254, 255]),
    publicJwk: '{"kty":"EC"}',
    createdAt: NOW,
    dueAt: null,
    activatedAt: NOW,
    retiredAt: null,
    ...changes,
  }
}

onEveryEngine('signing keys', (store) => {
  it('a key comes back as it went in', async () => {
    expect(await store().signingKeys.list(ACME, 'accessToken')).toEqual([])
    expect(await store().signingKeys.addFirst(key(), [])).toEqual([key()])
    expect(await store().signingKeys.list(ACME, 'accessToken')).toEqual([key()])
  })

  it.each([2, 8])('%i first starts at once agree on one key, recorded once', async (callers) => {
    const answers = await Promise.all(
      Array.from({ length: callers }, (_, i) => store().signingKeys.addFirst(key({ kid: `kid-${i}` }), [entry()])),
    )
    const [first] = answers
    for (const answer of answers) expect(answer).toEqual(first)
    expect(await store().signingKeys.list(ACME, 'accessToken')).toEqual(first)
    expect(first).toHaveLength(1)
    expect(await auditIds(store())).toHaveLength(1)
  })

  it('tenants and purposes are apart, also under the same key id', async () => {
    await store().signingKeys.addFirst(key(), [])
    const cookie = key({ purpose: 'cookie', publicJwk: null })
    const foreign = key({ tenant: OTHER, sealed: new Uint8Array([9]) })
    expect(await store().signingKeys.addFirst(cookie, [])).toEqual([cookie])
    expect(await store().signingKeys.addFirst(foreign, [])).toEqual([foreign])
    expect(await store().signingKeys.list(ACME, 'accessToken')).toEqual([key()])
  })

  describe('succession', () => {
    const next = (changes: Partial<StoredSigningKey> = {}) =>
      key({ kid: 'next', status: 'next', activatedAt: null, ...changes })
    const states = async () =>
      (await store().signingKeys.list(ACME, 'accessToken')).map(({ kid, status }) => [kid, status])

    it('the next key takes over from the one that signs: both change, and the feed says so', async () => {
      await store().signingKeys.addFirst(key(), [])
      expect(await store().signingKeys.addNext(next(), [])).toBe(true)
      const before = await store().feed.head()
      expect(await store().signingKeys.promote(ACME, { active: 'kid', next: 'next', at: NOW + 5 }, [entry()])).toBe(
        true,
      )
      expect(await store().signingKeys.list(ACME, 'accessToken')).toEqual([
        key({ status: 'retiring', retiredAt: NOW + 5 }),
        next({ status: 'active', activatedAt: NOW + 5 }),
      ])
      expect((await store().feed.since(before, 10)).map(({ kind, id }) => [kind, id])).toEqual([
        ['signingKeys', 'next'],
      ])
    })

    it.each(['promote', 'withdraw'] as const)('%s does nothing where either key is another by now', async (step) => {
      await store().signingKeys.addFirst(key(), [])
      await store().signingKeys.addNext(next(), [])
      const [before, head] = [await states(), await store().feed.head()]
      for (const succession of [
        { active: 'other', next: 'next' },
        { active: 'kid', next: 'other' },
        { active: 'next', next: 'kid' },
        { active: 'kid', next: 'kid' },
      ])
        expect(await store().signingKeys[step](ACME, { ...succession, at: NOW }, [entry()])).toBe(false)
      expect(await store().signingKeys[step](OTHER, { active: 'kid', next: 'next', at: NOW }, [entry()])).toBe(false)
      expect([await states(), await store().feed.head(), await auditIds(store())]).toEqual([before, head, []])
    })

    it('a key that is withdrawn is gone at once', async () => {
      await store().signingKeys.addFirst(key(), [])
      await store().signingKeys.addNext(next(), [])
      expect(await store().signingKeys.withdraw(ACME, { active: 'kid', next: 'next', at: NOW }, [])).toBe(true)
      expect(await states()).toEqual([['next', 'active']])
    })

    it('each algorithm has its own', async () => {
      await store().signingKeys.addFirst(key(), [])
      const rsa = key({ kid: 'rsa', algorithm: 'RS256' })
      expect(await store().signingKeys.addFirst(rsa, [])).toEqual([key(), rsa])
      expect(await store().signingKeys.addNext(next(), [])).toBe(true)
      expect(await store().signingKeys.addNext(next({ kid: 'again' }), [])).toBe(false)
      expect(await store().signingKeys.addNext(next({ kid: 'rsa next', algorithm: 'RS256' }), [])).toBe(true)
    })

    it('is asked for once: the earliest wish counts, and only of a next key', async () => {
      await store().signingKeys.addFirst(key(), [])
      await store().signingKeys.addNext(next(), [])
      const due = async () => (await store().signingKeys.list(ACME, 'accessToken')).map(({ dueAt }) => dueAt)
      expect(await store().signingKeys.makeDue(ACME, 'next', NOW + 9, [])).toBe(true)
      expect(await store().signingKeys.makeDue(ACME, 'next', NOW + 20, [])).toBe(true)
      expect(await due()).toEqual([null, NOW + 9])
      expect(await store().signingKeys.makeDue(ACME, 'kid', NOW, [entry()])).toBe(false)
      expect(await auditIds(store())).toEqual([])
    })

    it('a retired key is deleted when its time is over and not before', async () => {
      await store().signingKeys.addFirst(key(), [])
      await store().signingKeys.addNext(next(), [])
      await store().signingKeys.promote(ACME, { active: 'kid', next: 'next', at: NOW }, [])
      expect(await store().signingKeys.removeRetired(ACME, 'kid', NOW - 1, [entry()])).toBe(false)
      expect(await store().signingKeys.removeRetired(ACME, 'next', NOW, [entry()])).toBe(false)
      expect(await store().signingKeys.removeRetired(ACME, 'kid', NOW, [])).toBe(true)
      expect(await states()).toEqual([['next', 'active']])
    })
  })
})
