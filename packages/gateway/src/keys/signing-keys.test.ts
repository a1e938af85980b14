import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT,
} from 'jose'
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
  const [one, two] = [await load(), await load()]
  expect(JSON.stringify(one)).toBe(JSON.stringify(two))
})

it('the active key signs ES256 tokens that the published set verifies', async () => {
  const { active, publicJwks } = await load()
  const token = await new SignJWT({ sub: 'somebody' })
    .setProtectedHeader({ alg: active.alg, kid: active.kid })
    .sign(await importJWK(active.privateJwk, active.alg))
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys: [...publicJwks] }))
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
  ['made for another purpose', (key: StoredSigningKey) => ({ ...key, purpose: 'cookie' as const })],
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
  await expect(load({ ...port, list })).rejects.toThrow(SealBroken)
})

const TIMES = { createdAt: 1, dueAt: null, activatedAt: 1, retiredAt: null } as const

/** A key as `loadSigningKeys` seals it, under the name given or its own. */
async function storedKey(status: StoredSigningKey['status'], name: string | null = null): Promise<StoredSigningKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  const kid = name ?? (await calculateJwkThumbprint(jwk))
  const sealed = sealer.seal(Buffer.from(JSON.stringify(jwk)), `default|accessToken|${kid}`)
  const shape = { tenant: DEFAULT_TENANT, purpose: 'accessToken', algorithm: 'ES256', ...TIMES } as const
  return { ...shape, kid, status, sealed, publicJwk: null }
}

function cookieKey(status: StoredSigningKey['status'], byte: number): StoredSigningKey {
  const sealed = sealer.seal(new Uint8Array(32).fill(byte), `default|cookie|${status}`)
  const shape = { tenant: DEFAULT_TENANT, purpose: 'cookie', algorithm: 'HS256', ...TIMES } as const
  return { ...shape, kid: status, status, sealed, publicJwk: null }
}

const portOf = (tokens: StoredSigningKey[], cookies: StoredSigningKey[]): SigningKeysPort => ({
  ...opened.store.signingKeys,
  list: async (_tenant, purpose) => (purpose === 'cookie' ? cookies : tokens),
  addFirst: async (key) => (key.purpose === 'cookie' ? cookies : tokens),
})

it('the active key signs wherever it stands; the others are published and verify', async () => {
  const [retiring, active] = [await storedKey('retiring'), await storedKey('active')]
  const cookies = [cookieKey('retiring', 3), cookieKey('next', 2), cookieKey('active', 1)]
  const keys = await load(portOf([retiring, active], cookies))
  expect(keys.active.kid).toBe(active.kid)
  expect(keys.publicJwks.map(({ kid, use }) => [kid, use])).toEqual([
    [retiring.kid, 'sig'],
    [active.kid, 'sig'],
  ])
  expect(keys.cookieKeys.map((key) => Buffer.from(key, 'base64url')[0])).toEqual([1, 2, 3])
  await expect(load(portOf([retiring], cookies))).rejects.toThrow('no signing key of the tenant is active')
})

it('a key under a name that is not its thumbprint is refused, however well it is sealed', async () => {
  const planted = await storedKey('retiring', 'planted')
  await expect(load(portOf([await storedKey('active'), planted], [cookieKey('active', 1)]))).rejects.toThrow(SealBroken)
})
