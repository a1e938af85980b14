import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asClientId, asGrantId, asServerId, asSubjectId, asTokenId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import { newApiKeyText } from '#identity/api-key-text.ts'
import { forgeKeyText } from '../support/forge-key-text.ts'
import { type FrontDoor, startFrontDoor } from '../support/front-door.ts'

const SUBJECT = asSubjectId('subject-1')
const HOUR = 3600

let door: FrontDoor
let made = 0
beforeAll(async () => {
  door = await startFrontDoor()
})
afterAll(() => door.close())
beforeEach(() => {
  door.upstreamSaw.length = 0
  door.records.length = 0
  door.keyUses.length = 0
})
afterEach(() => {
  expect(door.failures).toEqual([])
})

interface MadeKey {
  readonly keyId: ReturnType<typeof asClientId>
  readonly text: string
  readonly secretId: string
}

async function makeKey(
  options: { readonly servers?: readonly string[]; readonly seconds?: number } = {},
): Promise<MadeKey> {
  made += 1
  const now = door.clock.nowSeconds()
  const keyId = asClientId(`key_${made}`)
  const expiresAt = now + (options.seconds ?? HOUR)
  const { text, secretId, hash } = newApiKeyText(systemRandom)
  const outcome = await door.store.apiKeys.create(
    {
      tenant: DEFAULT_TENANT,
      keyId,
      name: 'a key',
      subject: SUBJECT,
      createdAt: now,
      createdBy: 'test',
      expiresAt,
      secret: { secretId, hash, createdAt: now, endsAt: expiresAt },
      grants: (options.servers ?? ['files']).map((server) => ({
        tenant: DEFAULT_TENANT,
        grantId: asGrantId(`grant of ${keyId} at ${server}`),
        subject: SUBJECT,
        clientId: keyId,
        server: asServerId(server),
        resource: door.url(server),
        scopes: [`${server}:read`],
        createdAt: now,
        expiresAt,
      })),
    },
    100,
    [],
  )
  expect(outcome).toBe('created')
  return { keyId, text: text.reveal(), secretId }
}

async function rotate(key: MadeKey, overlapSeconds: number, seen = 0): Promise<MadeKey> {
  const now = door.clock.nowSeconds()
  const { text, secretId, hash } = newApiKeyText(systemRandom)
  const expiresAt = now + HOUR
  const outcome = await door.store.apiKeys.rotate(
    DEFAULT_TENANT,
    key.keyId,
    {
      seen,
      secret: { secretId, hash, createdAt: now, endsAt: expiresAt },
      previousEndsAt: now + overlapSeconds,
      expiresAt,
    },
    now,
    [],
  )
  expect(outcome).toBe('rotated')
  return { keyId: key.keyId, text: text.reveal(), secretId }
}

/** Time passes for everybody, and the feed is read. */
async function pass(seconds: number): Promise<void> {
  door.clock.advanceMs(seconds * 1000)
  await door.revocations.poll()
}

async function expectLetIn(token: string, server = 'files'): Promise<void> {
  door.upstreamSaw.length = 0
  await door.post({ token, server })
  expect(door.upstreamSaw.length).toBeGreaterThan(0)
}

/** The one challenge; nothing reached the upstream; one record has the reason; no text repeats the key. */
async function expectRefused(token: string, reason: string, server = 'files'): Promise<void> {
  door.upstreamSaw.length = 0
  door.records.length = 0
  door.keyUses.length = 0
  const answer = await door.post({ token, server })
  expect([answer.status, answer.challenge?.includes('error="invalid_token"')]).toEqual([401, true])
  expect(door.upstreamSaw).toEqual([])
  expect(door.keyUses).toEqual([])
  expect(door.records.map(({ outcome, reason: why }) => [outcome, why])).toEqual([
    ['refused', `tokenInvalid: ${reason}`],
  ])
  expect(JSON.stringify([answer.text, answer.challenge, door.records])).not.toContain(token.slice(-40))
}

it('a key opens its door, and the records say that it was a key, which one, and which of its secrets', async () => {
  const key = await makeKey()
  await expectLetIn(key.text)
  expect(door.records[0]).toMatchObject({
    activity: 'authenticate',
    outcome: 'success',
    subject: 'subject-1',
    clientId: key.keyId,
    grantId: `grant of ${key.keyId} at files`,
    server: 'files',
    scopesGranted: ['files:read'],
    detail: { credential: 'apiKey', tokenId: key.secretId },
  })
  expect(JSON.stringify(door.records)).not.toContain(key.text.slice(-40))
  expect(door.keyUses.every((used) => used === key.keyId)).toBe(true)
  expect(door.keyUses.length).toBeGreaterThan(0)
})

it('an access token cannot name a key and a key cannot pass for a token: the first letters choose the road', async () => {
  await expectRefused(`ey${newApiKeyText(systemRandom).text.reveal()}`, 'tokenNotCompact')
  const token = await door.mint.mint({ jti: asTokenId('spk_x'), client_id: 'key_1' })
  // Signed by us for another client than the grant's: the grant's row decides.
  await expectRefused(token, 'grantMismatch')
})

describe('a key is refused', () => {
  it('at a server that it is not bound to, however often, and goes on opening its own', async () => {
    const key = await makeKey()
    await expectRefused(key.text, 'audienceMismatch', 'notes')
    await expectRefused(key.text, 'audienceMismatch', 'notes')
    await expectLetIn(key.text)
    await expectRefused(key.text, 'audienceMismatch', 'notes')
    const both = await makeKey({ servers: ['files', 'notes'] })
    await expectLetIn(both.text, 'files')
    await expectLetIn(both.text, 'notes')
  })

  it('in the query, under any name, also when the header has it too', async () => {
    const key = await makeKey()
    for (const query of [`access_token=${key.text}`, `api_key=${key.text}`, `k=${key.text}`, `x=Bearer+${key.text}`]) {
      for (const token of [undefined, key.text]) {
        door.records.length = 0
        const answer = await door.post({ path: `/mcp/files?${query}`, ...(token === undefined ? {} : { token }) })
        expect([query, answer.status]).toEqual([query, 400])
        expect(door.records.map(({ reason }) => reason)).toEqual(['tokenInQuery'])
      }
    }
    expect(door.upstreamSaw).toEqual([])
  })

  it('in other headers than Authorization', async () => {
    const key = await makeKey()
    const inHeader = await door.post({ headers: { 'x-api-key': key.text } })
    expect(inHeader.status).toBeGreaterThanOrEqual(400)
    const asBasic = await door.post({ headers: { authorization: `Basic ${btoa(`x:${key.text}`)}` } })
    expect(asBasic.status).toBe(401)
    expect(door.upstreamSaw).toEqual([])
  })

  it('with a guessed secret under a known id', async () => {
    const key = await makeKey()
    await expectLetIn(key.text)
    const guess = newApiKeyText(systemRandom).text.reveal()
    expect(guess).not.toContain(key.secretId)
    await expectRefused(forgeKeyText(key.secretId), 'apiKeyUnknown')
    await expectRefused(guess, 'apiKeyUnknown')
    await expectLetIn(key.text)
  })

  it('cut, padded, in another case or with a changed letter, without the store being asked', async () => {
    const { text } = await makeKey()
    for (const bad of [
      text.slice(0, -1),
      `${text}=`,
      `${text}a`,
      text.toLowerCase(),
      `spk_${text}`,
      'spk_',
      'spk_x.y.z',
    ])
      await expectRefused(bad, 'apiKeyMalformed')
    await expectRefused(`SPK_${text.slice(4)}`, 'tokenNotCompact')
  })

  it('once it has expired, though it was let in a moment before', async () => {
    const key = await makeKey({ seconds: 120 })
    await expectLetIn(key.text)
    await pass(119)
    await expectLetIn(key.text)
    await pass(1)
    await expectRefused(key.text, 'apiKeyExpired')
  })

  it('once it is revoked: from the next reading of the feed on, out of every cache', async () => {
    const key = await makeKey({ servers: ['files', 'notes'] })
    await expectLetIn(key.text)
    await door.store.apiKeys.revoke(DEFAULT_TENANT, key.keyId, 'operator', door.clock.nowSeconds(), [])
    await door.revocations.poll()
    await expectRefused(key.text, 'revoked')
    await expectRefused(key.text, 'apiKeyRevoked', 'notes')
    await pass(61)
    await expectRefused(key.text, 'apiKeyRevoked')
  })

  it('at the one server whose grant was revoked, and opens the others', async () => {
    const key = await makeKey({ servers: ['files', 'notes'] })
    await expectLetIn(key.text, 'files')
    const grantId = asGrantId(`grant of ${key.keyId} at files`)
    await door.store.grants.revoke(DEFAULT_TENANT, { grantId }, 'user', door.clock.nowSeconds(), [])
    await door.revocations.poll()
    await expectRefused(key.text, 'revoked', 'files')
    await expectLetIn(key.text, 'notes')
    await pass(61)
    await expectRefused(key.text, 'grantRevoked', 'files')
  })

  it('once its account is disabled, and stays so when that is enabled again', async () => {
    const key = await makeKey()
    await expectLetIn(key.text)
    const set = (status: 'active' | 'disabled') =>
      door.store.accounts.setStatus(DEFAULT_TENANT, SUBJECT, status, door.clock.nowSeconds(), [])
    await set('disabled')
    await door.revocations.poll()
    await expectRefused(key.text, 'revoked')
    await set('active')
    await pass(61)
    await expectRefused(key.text, 'grantRevoked')
  })

  it('with 503 and no challenge while the feed cannot be read: a good key is not thrown away', async () => {
    const key = await makeKey()
    await expectLetIn(key.text)
    door.upstreamSaw.length = 0
    door.breakFeed(true)
    door.clock.advanceMs(2_000)
    const answer = await door.post({ token: key.text })
    expect([answer.status, answer.challenge]).toEqual([503, null])
    expect(door.upstreamSaw).toEqual([])
    door.breakFeed(false)
    await door.revocations.poll()
    await expectLetIn(key.text)
  })
})

describe('a rotated key', () => {
  it('has two secrets for the overlap, then the old one ends by itself while the new one goes on', async () => {
    const old = await makeKey()
    await expectLetIn(old.text)
    const fresh = await rotate(old, 900)
    await expectLetIn(old.text)
    await expectLetIn(fresh.text)
    await pass(899)
    await expectLetIn(old.text)
    await pass(1)
    await expectRefused(old.text, 'apiKeyRotatedAway')
    await expectLetIn(fresh.text)
  })

  it('without overlap, the old secret is refused from the next reading of the feed on', async () => {
    const old = await makeKey()
    await expectLetIn(old.text)
    const fresh = await rotate(old, 0)
    await door.revocations.poll()
    await expectRefused(old.text, 'revoked')
    await expectLetIn(fresh.text)
    await pass(61)
    await expectRefused(old.text, 'apiKeyRotatedAway')
  })

  it('dies whole: revoking it ends the old secret and the new one', async () => {
    const old = await makeKey()
    const fresh = await rotate(old, 900)
    await expectLetIn(old.text)
    await expectLetIn(fresh.text)
    await door.store.apiKeys.revoke(DEFAULT_TENANT, old.keyId, 'operator', door.clock.nowSeconds(), [])
    await door.revocations.poll()
    await expectRefused(old.text, 'revoked')
    await expectRefused(fresh.text, 'revoked')
  })

  it('ends the secret before the last one too when it is rotated again within the overlap', async () => {
    const first = await makeKey()
    await expectLetIn(first.text)
    const second = await rotate(first, 900)
    await pass(1)
    const third = await rotate(first, 900, 1)
    await door.revocations.poll()
    await expectRefused(first.text, 'revoked')
    await expectLetIn(second.text)
    await expectLetIn(third.text)
  })
})

describe('many bad keys', () => {
  it('lock nobody out: a good key from the same address is still let in', async () => {
    const key = await makeKey()
    for (let index = 0; index < 700; index += 1) await door.post({ token: newApiKeyText(systemRandom).text.reveal() })
    door.records.length = 0
    await expectLetIn(key.text)
  })
})
