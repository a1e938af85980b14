import { expect, it } from 'vitest'
import { onEveryEngine } from './on-every-engine.ts'
import { ACME, NOW, newGrantId, newSubject, OTHER, openGrant } from './samples.ts'

onEveryEngine('feed', (store) => {
  it('starts empty at 0', async () => {
    expect(await store().feed.head()).toBe(0)
    expect(await store().feed.since(0, 10)).toEqual([])
  })

  it('numbers changes of all tenants in one line, in order of commit, without a gap', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store().grants.revokeToken(i % 2 === 0 ? ACME : OTHER, `jti-${i}`, NOW + 60, NOW, []),
      ),
    )
    const changes = await store().feed.since(0, 100)
    expect(changes.map((change) => change.number)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(new Set(changes.map((change) => change.id)).size).toBe(20)
    expect(await store().feed.head()).toBe(20)
  })

  it('a change announced after another was acknowledged has the higher number', async () => {
    let last = 0
    for (let i = 0; i < 10; i += 1) {
      await store().grants.revokeToken(ACME, `jti-${i}`, NOW + 60, NOW, [])
      const head = await store().feed.head()
      expect(head).toBeGreaterThan(last)
      last = head
    }
  })

  it('a reader who asks in steps misses nothing and sees nothing twice', async () => {
    for (let i = 0; i < 7; i += 1) await store().grants.revokeToken(ACME, `jti-${i}`, NOW + 60, NOW, [])
    const seen: string[] = []
    let position = 0
    for (;;) {
      const changes = await store().feed.since(position, 3)
      if (changes.length === 0) break
      seen.push(...changes.map((change) => change.id))
      position = changes.at(-1)?.number ?? position
    }
    expect(seen).toEqual(['jti-0', 'jti-1', 'jti-2', 'jti-3', 'jti-4', 'jti-5', 'jti-6'])
  })

  it('a batch that failed announces nothing and leaves no gap', async () => {
    const live = await openGrant(store())
    await store().engine.commit(
      ACME,
      [
        { kind: 'revokeGrant', grantId: live.grantId, cause: 'test', at: NOW },
        { kind: 'requireLiveGrant', grantId: newGrantId(), at: NOW },
      ],
      [],
    )
    expect(await store().feed.head()).toBe(0)
    await store().grants.revokeToken(ACME, 'jti', NOW + 60, NOW, [])
    expect(await store().feed.head()).toBe(1)
  })

  it('entries leave once nothing they speak of can be alive, and the head does not move back', async () => {
    const day = 86_400
    const subject = newSubject()
    await openGrant(store(), { subject, expiresAt: NOW + 10 * day })
    await store().grants.revokeToken(ACME, 'short', NOW + 60, NOW, [])
    await store().grants.revoke(ACME, { subject }, 'test', NOW, [])
    const kinds = async () => (await store().feed.since(0, 10)).map((change) => change.kind)
    await store().engine.collectExpired(NOW + 60 + day, 100)
    expect(await kinds()).toEqual(['token', 'grant', 'subject'])
    await store().engine.collectExpired(NOW + 61 + day, 100)
    expect(await kinds()).toEqual(['grant', 'subject'])
    await store().engine.collectExpired(NOW + 11 * day + 1, 100)
    expect(await kinds()).toEqual([])
    expect(await store().feed.head()).toBe(3)
  })
})
