import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { asClientId, asGrantId, asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { type FrontDoor, startFrontDoor } from '../support/front-door.ts'
import { openGrant, testGrant } from '../support/tokens.ts'

let door: FrontDoor
beforeAll(async () => {
  door = await startFrontDoor()
})
afterAll(() => door.close())
beforeEach(() => {
  door.upstreamSaw.length = 0
  door.records.length = 0
})
afterEach(() => {
  door.breakFeed(false)
  expect(door.failures).toEqual([])
})

/** A live grant of its own subject and client, and a token of it that has been accepted once, so that it is cached. */
async function cachedToken(name: string): Promise<string> {
  const subject = asSubjectId(`subject-${name}`)
  await door.store.accounts.create(
    {
      tenant: DEFAULT_TENANT,
      subject,
      username: name,
      displayName: name,
      passwordHash: 'none',
      roles: ['writer'],
      status: 'active',
      createdAt: door.clock.nowSeconds(),
      passwordChangedAt: door.clock.nowSeconds(),
    },
    [],
  )
  const ids = { grantId: asGrantId(`grant-${name}`), subject, clientId: asClientId(`client-${name}`) }
  await openGrant(door.store, testGrant(door.clock, { resource: door.url(), ...ids }))
  const token = await door.mint.mint({ gid: ids.grantId, sub: subject, client_id: ids.clientId, jti: `jti-${name}` })
  await door.post({ token })
  expect(door.upstreamSaw.length).toBeGreaterThan(0)
  door.upstreamSaw.length = 0
  door.records.length = 0
  return token
}

async function expectDead(token: string, reason = 'tokenInvalid: revoked'): Promise<void> {
  const answer = await door.post({ token })
  expect(answer.status).toBe(401)
  expect(answer.challenge).toContain('error="invalid_token"')
  expect(door.upstreamSaw).toEqual([])
  expect(door.records.map((record) => record.reason)).toContain(reason)
}

describe('a token that was accepted a moment ago', () => {
  it('is dead one poll after its grant was revoked', async () => {
    const token = await cachedToken('g')
    await door.store.grants.revoke(
      DEFAULT_TENANT,
      { grantId: asGrantId('grant-g') },
      'test',
      door.clock.nowSeconds(),
      [],
    )
    await door.revocations.poll()
    await expectDead(token)
  })

  it('is dead one poll after it was revoked itself, while its sibling lives', async () => {
    const token = await cachedToken('t')
    const sibling = await door.mint.mint({ gid: 'grant-t', sub: 'subject-t', client_id: 'client-t' })
    const now = door.clock.nowSeconds()
    await door.store.grants.revokeToken(DEFAULT_TENANT, 'jti-t', now + 900, now, [])
    await door.revocations.poll()
    await expectDead(token)
    await door.post({ token: sibling })
    expect(door.upstreamSaw.length).toBeGreaterThan(0)
  })

  it('is dead one poll after everything of its subject was revoked; a later grant lives', async () => {
    const token = await cachedToken('s')
    await door.store.grants.revoke(
      DEFAULT_TENANT,
      { subject: asSubjectId('subject-s') },
      'test',
      door.clock.nowSeconds(),
      [],
    )
    await door.revocations.poll()
    await expectDead(token)
    const again = {
      grantId: asGrantId('grant-s2'),
      subject: asSubjectId('subject-s'),
      clientId: asClientId('client-s'),
    }
    await openGrant(door.store, testGrant(door.clock, { resource: door.url(), ...again }))
    await door.post({ token: await door.mint.mint({ gid: 'grant-s2', sub: 'subject-s', client_id: 'client-s' }) })
    expect(door.upstreamSaw.length).toBeGreaterThan(0)
  })

  it('is dead one poll after everything of its client was revoked', async () => {
    const token = await cachedToken('c')
    await door.store.grants.revoke(
      DEFAULT_TENANT,
      { clientId: asClientId('client-c') },
      'test',
      door.clock.nowSeconds(),
      [],
    )
    await door.revocations.poll()
    await expectDead(token)
  })

  it('is dead one poll after its account was disabled', async () => {
    const token = await cachedToken('d')
    await door.store.accounts.setStatus(
      DEFAULT_TENANT,
      asSubjectId('subject-d'),
      'disabled',
      door.clock.nowSeconds(),
      [],
    )
    await door.revocations.poll()
    await expectDead(token)
  })

  it('stays dead after a restart, when only the feed knows of it', async () => {
    await cachedToken('r')
    const now = door.clock.nowSeconds()
    await door.store.grants.revokeToken(DEFAULT_TENANT, 'jti-r', now + 900, now, [])
    const { startRevocations } = await import('#identity/revocations.ts')
    const { createAccessTokenVerifier } = await import('#identity/access-tokens.ts')
    const revocations = startRevocations({ feed: door.store.feed, clock: door.clock })
    const verifier = createAccessTokenVerifier({
      tenant: DEFAULT_TENANT,
      keys: { version: 1, publicJwks: door.mint.publicJwks },
      issuer: door.origin,
      store: door.store,
      revocations,
      clock: door.clock,
    })
    const token = await door.mint.mint({ gid: 'grant-r', sub: 'subject-r', client_id: 'client-r', jti: 'jti-r' })
    expect(await verifier.verify(token, door.url())).toEqual({
      ok: false,
      refusal: { kind: 'invalid', reason: 'revoked' },
    })
    revocations.stop()
  })
})

describe('a change feed that cannot be read', () => {
  it('makes every token 503 with Retry-After after one second, and never a challenge', async () => {
    const token = await cachedToken('f')
    door.breakFeed(true)
    await door.revocations.poll().catch(() => {})
    door.clock.advanceMs(1_000)
    for (const shown of [token, await door.mint.mint(), 'forged.token.here']) {
      const answer = await door.post({ token: shown })
      expect([answer.status, answer.challenge, answer.headers.get('retry-after')]).toEqual([503, null, '1'])
    }
    expect(door.upstreamSaw).toEqual([])
    // Those who show nothing still learn how to log in.
    expect((await door.post()).status).toBe(401)
    door.breakFeed(false)
    await door.post({ token })
    expect(door.upstreamSaw.length).toBeGreaterThan(0)
  })
})
