import { decodeJwt, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  CLIENT,
  OTHER_CLIENT,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { type Answer, postForm } from '../support/oauth-browser.ts'

describe('the revocation endpoint (RFC 7009)', () => {
  let server: AuthorizationServerUnderTest
  beforeEach(async () => {
    server = await startAuthorizationServer()
  })
  afterEach(async () => {
    await server.close()
  })

  async function tokens(): Promise<{ access: string; refresh: string }> {
    const { code, verifier } = await authorize(server)
    const { body } = await redeem(server, code, verifier)
    return { access: String(body['access_token']), refresh: String(body['refresh_token']) }
  }

  const revoke = (token: string, clientId: string = CLIENT): Promise<Answer> =>
    postForm(`${server.url}/oauth/revoke`, { token, client_id: clientId })

  it('a refresh token takes its whole grant with it', async () => {
    const given = await tokens()
    expect((await revoke(given.refresh)).status).toBe(200)
    expect(await refresh(server, given.refresh)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
    expect(grant?.revokedCause).toBe('revokedByClient')
    const revoked = server.events.filter(({ activity }) => activity === 'token.revoke')
    expect(revoked).toEqual([
      expect.objectContaining({ outcome: 'success', grantId: grant?.grantId, clientId: CLIENT }),
    ])
  })

  it('an access token dies alone, by the feed; its refresh token goes on', async () => {
    const given = await tokens()
    const head = await server.store.feed.head()
    expect((await revoke(given.access)).status).toBe(200)
    const feed = await server.store.feed.since(head, 10)
    expect(feed.map(({ kind, id }) => ({ kind, id }))).toEqual([{ kind: 'token', id: decodeJwt(given.access).jti }])
    expect((await refresh(server, given.refresh)).status).toBe(200)
  })

  it('another client revokes nothing, and learns nothing', async () => {
    const given = await tokens()
    const head = await server.store.feed.head()
    expect((await revoke(given.refresh, OTHER_CLIENT)).status).toBe(200)
    expect((await revoke(given.access, OTHER_CLIENT)).status).toBe(200)
    expect(await server.store.feed.since(head, 10)).toEqual([])
    expect((await refresh(server, given.refresh)).status).toBe(200)
  })

  it('a client that cannot authenticate revokes nothing', async () => {
    server.registry.add('confidential', {}, { secret: 'a secret of forty characters, more or less' })
    const given = await tokens()
    const head = await server.store.feed.head()
    expect((await revoke(given.access, 'confidential')).status).toBe(401)
    expect((await revoke(given.access, 'unknown')).status).toBe(401)
    expect(await server.store.feed.since(head, 10)).toEqual([])
  })

  it('tokens that nobody knows, forged ones included, are answered with 200 and change nothing', async () => {
    const given = await tokens()
    const claims = decodeJwt(given.access)
    const { privateKey } = await generateKeyPair('ES256')
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: server.keys.active.kid })
      .sign(privateKey)
    const head = await server.store.feed.head()
    const [header, payload] = given.access.split('.')
    for (const token of ['nonsense', forged, `${header}.${payload}.`, 'eyJhbGciOiJub25lIn0.e30.']) {
      expect((await revoke(token)).status).toBe(200)
    }
    expect(await server.store.feed.since(head, 10)).toEqual([])
  })

  it('no token is an invalid request', async () => {
    const answer = await postForm(`${server.url}/oauth/revoke`, { client_id: CLIENT })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' })
  })
})
