import { createLocalJWKSet, importJWK, jwtVerify, SignJWT } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { asTenantId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { SigningKeysPort, StoredSigningKey } from '#store/ports/signing-keys.ts'
import type { Store } from '#store/ports/store.ts'
import { openTestStore } from '../../test/support/store.ts'
import { createSealer, SealBroken } from './sealer.ts'
import { type KeyAudit, loadSigningKeys } from './signing-keys.ts'

const sealer = createSealer(new Uint8Array(32), systemRandom)
let opened: { store: Store; close(): Promise<void> }
let entries: number

const audit: KeyAudit = {
  entry: (event) => {
    entries += 1
    const body = JSON.stringify(event)
    return { id: `e${entries}`, tenant: event.tenant, timeMs: 0, requestId: null, body, personal: null }
  },
}
const load = (port: SigningKeysPort = opened.store.signingKeys, tenant = DEFAULT_TENANT) =>
  loadSigningKeys(port, sealer, tenant, systemClock, systemRandom, audit)

beforeEach(async () => {
  entries = 0
  opened = await openTestStore()
})
afterEach(() => opened.close())

it('first starts that race end up with the same keys, one of each purpose, each recorded once', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => load()))
  expect(new Set(all.map((keys) => JSON.stringify(keys))).size).toBe(1)
  expect(await opened.store.signingKeys.list(DEFAULT_TENANT, 'accessToken')).toHaveLength(1)
  expect(await opened.store.signingKeys.list(DEFAULT_TENANT, 'cookie')).toHaveLength(1)
  expect(await opened.store.audit.latest(DEFAULT_TENANT, 100)).toHaveLength(2)
})

it('a later start finds the keys of the first', async () => {
  expect(await load()).toEqual(await load())
})

it('the active key signs ES256 tokens that the published set verifies', async () => {
  const { active, publicJwks } = await load()
  const token = await new SignJWT({ sub: 'somebody' })
    .setProtectedHeader({ alg: active.alg, kid: active.kid })
    .sign(await importJWK(active.privateJwk, active.alg))
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys: publicJwks }))
  expect([protectedHeader.alg, payload.sub]).toEqual(['ES256', 'somebody'])
})

it('the published set has no private part', async () => {
  const { publicJwks, active } = await load()
  expect(publicJwks.map((jwk) => Object.keys(jwk).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']])
  expect(JSON.stringify(publicJwks)).not.toContain(active.privateJwk.d)
})

it('the store holds neither private key nor cookie key in the clear', async () => {
  const { active, cookieKeys } = await load()
  const port = opened.store.signingKeys
  const rows = [...(await port.list(DEFAULT_TENANT, 'accessToken')), ...(await port.list(DEFAULT_TENANT, 'cookie'))]
  const kept = Buffer.concat(rows.map((row) => Buffer.from(row.sealed)))
  expect(kept.includes(active.privateJwk.d ?? '')).toBe(false)
  expect(kept.includes(Buffer.from(cookieKeys[0] ?? '', 'base64url'))).toBe(false)
  expect(JSON.stringify(rows.map((row) => row.publicJwk))).not.toContain(active.privateJwk.d)
})

it('cookie keys are 32 bytes', async () => {
  const { cookieKeys } = await load()
  expect(cookieKeys.map((key) => Buffer.from(key, 'base64url').length)).toEqual([32])
})

it('tenants have keys of their own', async () => {
  const [one, two] = [await load(), await load(opened.store.signingKeys, asTenantId('other'))]
  expect(one.active.kid).not.toBe(two.active.kid)
  expect(one.cookieKeys).not.toEqual(two.cookieKeys)
})

it.each([
  ['moved to another tenant', (key: StoredSigningKey) => ({ ...key, tenant: asTenantId('other') })],
  ['renamed', (key: StoredSigningKey) => ({ ...key, kid: 'planted' })],
  [
    'changed',
    (key: StoredSigningKey) => ({ ...key, sealed: key.sealed.map((byte, i) => (i === 30 ? byte ^ 1 : byte)) }),
  ],
])('a stored key that was %s is refused, also while it only retires', async (_, change) => {
  await load()
  const port = opened.store.signingKeys
  const list: SigningKeysPort['list'] = async (tenant, purpose) => {
    const keys = await port.list(tenant, purpose)
    return purpose === 'accessToken' ? [...keys, ...keys.map((key) => change({ ...key, status: 'retiring' }))] : keys
  }
  await expect(load({ addFirst: port.addFirst, list })).rejects.toThrow(SealBroken)
})
