import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'

describe('a consent form that grants more than the role allows', () => {
  let server: AuthorizationServerUnderTest
  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  beforeEach(() => {
    server.person = {}
    server.events.length = 0
  })
  afterAll(async () => {
    await server.close()
  })

  async function grants(): Promise<number> {
    return (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 100 })).items.length
  }

  it.each([
    [['files:admin']],
    [['files:read', 'files:destructive']],
    [['memory:read']],
    [['files:*']],
    [['openid']],
    [['files:tool:delete_everything']],
    [[]],
  ])('granting %j opens no grant; the client gets access_denied', async (scopes) => {
    const before = await grants()
    server.person = { scopes }
    const { redirect } = await authorize(server, { change: { scope: 'files:read files:admin' } })
    expect(redirect.searchParams.get('error')).toBe('access_denied')
    expect(redirect.searchParams.has('code')).toBe(false)
    expect(await grants()).toBe(before)
    const consents = server.events.filter(({ activity }) => activity === 'consent')
    expect(consents).toHaveLength(1)
    expect(consents[0]).toMatchObject({
      outcome: 'refused',
      reason: scopes.length === 0 ? 'noScopeGranted' : 'scopeBeyondRole',
    })
  })

  it('somebody without a role for the server can grant nothing', async () => {
    const subject = await server.addAccount('nobody', ['nobody'])
    server.person = { subject }
    const { redirect } = await authorize(server)
    expect(redirect.searchParams.get('error')).toBe('access_denied')
  })

  it.each([
    ['fewer than asked', 'files:read files:write files:send', ['files:read']],
    ['more than asked', 'files:read', ['files:read', 'files:write']],
    ['others than asked', 'files:write', ['files:read', 'files:send']],
    ['more, when nothing was asked', null, ['files:read', 'files:write', 'files:send']],
  ])('the token carries exactly what was granted: %s', async (_, scope, granted) => {
    server.person = { scopes: granted }
    const { code, verifier } = await authorize(server, { change: { scope } })
    const issued = await redeem(server, code, verifier)
    expect(issued.body['scope']).toBe(granted.join(' '))
    expect(decodeJwt(String(issued.body['access_token'])).scope).toBe(granted.join(' '))
    const again = await refresh(server, String(issued.body['refresh_token']))
    expect(decodeJwt(String(again.body['access_token'])).scope).toBe(granted.join(' '))
    const [consent] = server.events.filter(({ activity }) => activity === 'consent')
    expect(consent?.scopesGranted).toEqual(granted)
    const grant =
      consent?.grantId === undefined ? null : await server.store.grants.find(DEFAULT_TENANT, consent.grantId)
    expect(grant?.scopes).toEqual(granted)
    expect(grant?.resource).toBe(server.resource('files'))
  })

  it('a client that names no scope is offered the baseline', async () => {
    server.shown.length = 0
    await authorize(server, { change: { scope: null } })
    expect(server.shown.at(-1)?.scopesRequested).toEqual(['files:read'])
  })
})
