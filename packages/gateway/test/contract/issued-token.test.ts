import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import { asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import { type AccessTokenVerifier, createAccessTokenVerifier } from '#identity/access-tokens.ts'
import { type LiveRevocations, startRevocations } from '#identity/revocations.ts'
import { AdjustableClock } from '../support/adjustable-clock.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'

/** The two halves of the gateway that meet in a token: what one issues, the other accepts, and what one revokes, the other refuses. */
describe('a token of the authorization server at the front door', () => {
  let clock: AdjustableClock
  let server: AuthorizationServerUnderTest
  let revocations: LiveRevocations
  let verifier: AccessTokenVerifier
  beforeAll(async () => {
    clock = new AdjustableClock(Date.now())
    server = await startAuthorizationServer({ clock })
    revocations = startRevocations({ feed: server.store.feed, clock: systemClock })
    await revocations.poll()
    const { store, keys } = server
    verifier = createAccessTokenVerifier({
      tenant: DEFAULT_TENANT,
      keys,
      issuer: server.url,
      store,
      revocations,
      clock: systemClock,
    })
  })
  afterAll(async () => {
    revocations.stop()
    await server.close()
  })

  const issue = async () => {
    const { code, verifier: secret } = await authorize(server)
    const { body } = await redeem(server, code, secret)
    return { access: String(body['access_token']), refresh: String(body['refresh_token']), code, secret }
  }
  const reasonOf = async (token: string, at = server.resource('files')) => {
    await revocations.poll()
    const result = await verifier.verify(token, at)
    return result.ok ? 'accepted' : result.refusal.reason
  }

  it('becomes the principal who consented, for that server and those scopes', async () => {
    const { access } = await issue()
    expect(await verifier.verify(access, server.resource('files'))).toMatchObject({
      ok: true,
      value: {
        tenant: 'default',
        subject: server.subject,
        clientId: 'client-1',
        scopes: ['files:read'],
        resource: `${server.url}/mcp/files`,
        authTime: expect.any(Number),
      },
    })
    expect(await reasonOf(access, server.resource('memory'))).toBe('audienceMismatch')
  })

  it('stays good when it is refreshed, and dies with its family when a refresh token is used twice', async () => {
    const first = await issue()
    const { body } = await refresh(server, first.refresh)
    const second = String(body['access_token'])
    expect([await reasonOf(first.access), await reasonOf(second)]).toEqual(['accepted', 'accepted'])
    // Longer than anybody would repeat it for.
    clock.forward(20)
    await refresh(server, first.refresh)
    expect([await reasonOf(first.access), await reasonOf(second)]).toEqual(['revoked', 'revoked'])
  })

  it('dies when its code is used twice', async () => {
    const { access, code, secret } = await issue()
    expect(await reasonOf(access)).toBe('accepted')
    await redeem(server, code, secret)
    expect(await reasonOf(access)).toBe('revoked')
  })

  it('dies with its account', async () => {
    const { access } = await issue()
    expect(await reasonOf(access)).toBe('accepted')
    await server.store.accounts.setStatus(
      DEFAULT_TENANT,
      asSubjectId(server.subject),
      'disabled',
      systemClock.nowSeconds(),
      [],
    )
    expect(await reasonOf(access)).toBe('revoked')
  })
})
