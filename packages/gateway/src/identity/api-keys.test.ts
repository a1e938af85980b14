import { afterEach, beforeEach, expect, it } from 'vitest'
import { asClientId, asGrantId, asServerId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { ok } from '#core/result.ts'
import type { StoredApiKey } from '#store/ports/api-keys.ts'
import { type FakeClock, FILES, fakeClock, NOTES } from '../../test/support/tokens.ts'
import { newApiKeyText } from './api-key-text.ts'
import { createApiKeyVerifier } from './api-keys.ts'

let clock: FakeClock
let reads: string[]
let kept: StoredApiKey | null
let isStoreBroken: boolean
let isFeedStale: boolean
let replayed: (() => void)[]
let uses: string[]
let verifier: ReturnType<typeof createApiKeyVerifier>

const made = newApiKeyText({ bytes: (count) => new Uint8Array(count).fill(count) })
const text = made.text.reveal()
const DAY = 86_400

beforeEach(() => {
  clock = fakeClock()
  reads = []
  isStoreBroken = false
  isFeedStale = false
  replayed = []
  uses = []
  const now = clock.nowSeconds()
  kept = {
    tenant: DEFAULT_TENANT,
    keyId: asClientId('key_1'),
    name: 'nightly',
    subject: asSubjectId('ada'),
    createdAt: now,
    createdBy: 'test',
    expiresAt: now + 90 * DAY,
    revokedAt: null,
    revokedCause: null,
    lastUsedAt: null,
    rotations: 0,
    secrets: [{ secretId: made.secretId, hash: made.hash, createdAt: now, endsAt: now + 90 * DAY }],
    grants: [
      {
        tenant: DEFAULT_TENANT,
        grantId: asGrantId('grant'),
        number: 7,
        subject: asSubjectId('ada'),
        clientId: asClientId('key_1'),
        server: asServerId('files'),
        resource: FILES,
        scopes: ['files:read'],
        createdAt: now,
        expiresAt: now + 90 * DAY,
        revokedAt: null,
        revokedCause: null,
        clientDigest: null,
        loginId: null,
      },
    ],
  }
  verifier = createApiKeyVerifier({
    tenant: DEFAULT_TENANT,
    store: {
      apiKeys: {
        findBySecret: async (_tenant, secretId) => {
          reads.push(secretId)
          if (isStoreBroken) throw new Error('the disk is gone')
          return kept?.secrets.some((secret) => secret.secretId === secretId) === true ? kept : null
        },
      },
    },
    revocations: {
      isStale: () => isFeedStale,
      isRevoked: () => false,
      onChange: () => () => {},
      onReplay: (listener) => {
        replayed.push(listener)
        return () => {}
      },
    },
    tokens: { judge: async (principal) => ok(principal) },
    clock,
    uses: { note: ({ clientId }) => void uses.push(clientId) },
  })
})
afterEach(() => {
  expect(reads.every((secretId) => secretId === made.secretId)).toBe(true)
})

const change = (changes: Partial<StoredApiKey>) => {
  if (kept !== null) kept = { ...kept, ...changes }
}
const reasonOf = async (resource = FILES) => {
  const verified = await verifier.verify(text, resource)
  return verified.ok ? 'ok' : `${verified.refusal.kind} ${verified.refusal.reason}`
}

it('becomes a principal: of the account, through the key, good for a quarter of an hour at most', async () => {
  expect(await verifier.verify(text, FILES)).toEqual({
    ok: true,
    value: {
      tenant: 'default',
      subject: 'ada',
      kind: 'user',
      clientId: 'key_1',
      scopes: ['files:read'],
      resource: FILES,
      confirmation: null,
      acr: null,
      authTime: null,
      grantId: 'grant',
      grantNumber: 7,
      tokenId: made.secretId,
      expiresAt: clock.nowSeconds() + 900,
    },
  })
})

it('is good no longer than its secret and its grant', async () => {
  const now = clock.nowSeconds()
  const [secret] = kept?.secrets ?? []
  const [grant] = kept?.grants ?? []
  if (secret === undefined || grant === undefined) throw new Error('no key')
  change({ secrets: [{ ...secret, endsAt: now + 100 }] })
  expect(await verifier.verify(text, FILES)).toMatchObject({ value: { expiresAt: now + 100 } })
  clock.advanceMs(61_000)
  change({ secrets: [secret], grants: [{ ...grant, expiresAt: now + 90 }] })
  expect(await verifier.verify(text, FILES)).toMatchObject({ value: { expiresAt: now + 90 } })
  // Within the minute that a look is remembered, and past the end.
  clock.advanceMs(29_000)
  expect(await reasonOf()).toBe('invalid grantExpired')
})

it('is looked up once a minute however busy, and each use is told', async () => {
  for (let call = 0; call < 50; call += 1) expect(await reasonOf()).toBe('ok')
  expect([reads.length, uses.length]).toEqual([1, 50])
  clock.advanceMs(60_000)
  expect(await reasonOf()).toBe('ok')
  expect(reads).toHaveLength(2)
})

it('a refused one costs one look in ten seconds, and is no use', async () => {
  change({ revokedAt: clock.nowSeconds() })
  for (let call = 0; call < 50; call += 1) expect(await reasonOf()).toBe('invalid apiKeyRevoked')
  expect([reads.length, uses.length]).toEqual([1, 0])
  clock.advanceMs(10_000)
  await reasonOf()
  expect(reads).toHaveLength(2)
})

it('what another store may answer is not remembered', async () => {
  expect(await reasonOf()).toBe('ok')
  const before = kept
  kept = null
  for (const listener of replayed) listener()
  expect(await reasonOf()).toBe('invalid apiKeyUnknown')
  kept = before
  for (const listener of replayed) listener()
  expect(await reasonOf()).toBe('ok')
})

it('is unavailable, not invalid, while the store or the feed cannot be read', async () => {
  isStoreBroken = true
  expect(await reasonOf()).toBe('unavailable storeUnavailable')
  isStoreBroken = false
  isFeedStale = true
  expect(await reasonOf()).toBe('unavailable revocationsStale')
  isFeedStale = false
  expect(await reasonOf()).toBe('ok')
})

it.each([
  [
    'a hash of something else',
    () => change({ secrets: (kept?.secrets ?? []).map((one) => ({ ...one, hash: 'x' })) }),
    'apiKeyUnknown',
  ],
  ['the key’s end', () => change({ expiresAt: clock.nowSeconds() }), 'apiKeyExpired'],
  [
    'the end of the secret',
    () => change({ secrets: (kept?.secrets ?? []).map((one) => ({ ...one, endsAt: clock.nowSeconds() })) }),
    'apiKeyRotatedAway',
  ],
  ['no grant at all', () => change({ grants: [] }), 'audienceMismatch'],
  [
    'a revoked grant',
    () => change({ grants: (kept?.grants ?? []).map((one) => ({ ...one, revokedAt: 1 })) }),
    'grantRevoked',
  ],
] as const)('%s refuses it', async (_name, alter, reason) => {
  alter()
  expect(await reasonOf()).toBe(`invalid ${reason}`)
  expect(uses).toEqual([])
})

it('is looked up for each server by itself', async () => {
  expect(await reasonOf()).toBe('ok')
  expect(await reasonOf(NOTES)).toBe('invalid audienceMismatch')
  expect(await reasonOf(`${FILES}/`)).toBe('invalid audienceMismatch')
  expect(await reasonOf()).toBe('ok')
})
