import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'

describe('a refresh token in two hands (RFC 9700 §4.14.2)', () => {
  let server: AuthorizationServerUnderTest
  let clock: AdjustableClock
  beforeEach(async () => {
    clock = new AdjustableClock(Date.now())
    server = await startAuthorizationServer({ clock })
  })
  afterEach(async () => {
    await server.close()
  })

  async function firstToken(): Promise<string> {
    const { code, verifier } = await authorize(server)
    const { body } = await redeem(server, code, verifier)
    return String(body['refresh_token'])
  }

  async function revokedCauses(): Promise<(string | null)[]> {
    const grants = await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })
    return grants.items.map(({ revokedCause }) => revokedCause)
  }

  it('is rotated at every use, and the family expires when the first one would have', async () => {
    const { code, verifier } = await authorize(server)
    const first = await redeem(server, code, verifier)
    const second = await refresh(server, String(first.body['refresh_token']))
    const third = await refresh(server, String(second.body['refresh_token']))
    expect(third.status).toBe(200)
    expect(new Set([first, second, third].map(({ body }) => body['refresh_token'])).size).toBe(3)
    expect(new Set([first, second, third].map(({ body }) => decodeJwt(String(body['access_token'])).gid)).size).toBe(1)
    const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
    expect((grant?.expiresAt ?? 0) - (grant?.createdAt ?? 0)).toBe(14_400)
  })

  it('used again later kills the family: the thief and the owner both lose', async () => {
    const first = await firstToken()
    const second = await refresh(server, first)
    expect(second.status).toBe(200)
    clock.forward(20)
    expect(await refresh(server, first)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await revokedCauses()).toEqual(['refreshTokenReused'])
    expect(await refresh(server, String(second.body['refresh_token']))).toMatchObject({ status: 400 })
    const refused = server.events.filter(({ reason }) => reason === 'refreshTokenReused')
    expect(refused).toHaveLength(1)
    expect(refused[0]).toMatchObject({ activity: 'token.refresh', outcome: 'refused', clientId: 'client-1' })
  })

  it('used 8 times at once never forks: all get the same answer, and the family lives', async () => {
    const first = await firstToken()
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(server, first)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200))
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(await revokedCauses()).toEqual([null])
    expect((await refresh(server, String(answers[0]?.body['refresh_token']))).status).toBe(200)
  })

  it('of one client is worth nothing to another, and that kills nothing', async () => {
    const first = await firstToken()
    expect(await refresh(server, first, { client_id: 'client-2' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect((await refresh(server, first)).status).toBe(200)
  })

  it('yields no scope that was not granted (RFC 6749 §6)', async () => {
    const first = await firstToken()
    expect(await refresh(server, first, { scope: 'files:read files:write' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    })
    // Values that mean nothing are dropped, as they were at authorization.
    expect(await refresh(server, first, { scope: 'files:read offline_access' })).toMatchObject({
      status: 200,
      body: { scope: 'files:read' },
    })
  })

  it('is dead once its grant is revoked elsewhere, also when that happens while it is being used', async () => {
    const first = await firstToken()
    const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
    if (grant === undefined) throw new Error('no grant')
    const [answer] = await Promise.all([
      refresh(server, first),
      server.store.grants.revoke(DEFAULT_TENANT, { grantId: grant.grantId }, 'operator', grant.createdAt + 1, []),
    ])
    // Whichever came first: what it gave, if anything, is dead as well.
    const given = [first, answer.body['refresh_token']].filter((token) => typeof token === 'string')
    for (const token of given) expect(await refresh(server, token)).toMatchObject({ status: 400 })
    expect(await revokedCauses()).toEqual(['operator'])
  })
})
