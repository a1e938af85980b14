import { expect, it } from 'vitest'
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
})
