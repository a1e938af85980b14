import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClientResolution } from '#authorization-server/clients/registry.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  pkce,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { postForm, send } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

const STATES: readonly [ClientResolution['kind'], ClientResolution, string][] = [
  ['unknown', { kind: 'unknown' }, 'is not known here'],
  ['pending', { kind: 'pending', name: 'Editor <script>' }, 'waits for approval'],
  ['removed', { kind: 'removed', cause: 'operator' }, 'was removed'],
  ['documentInvalid', { kind: 'documentInvalid', problem: 'it is not JSON' }, 'it is not JSON'],
]

describe('a client that may not be used', () => {
  let server: AuthorizationServerUnderTest
  beforeAll(async () => {
    server = await startAuthorizationServer()
  })
  afterAll(async () => {
    await server.close()
  })

  it.each(STATES)(
    '%s: the person gets an explanation, and nothing is sent to the redirect URI',
    async (kind, resolution, words) => {
      server.registry.resolutions.set(kind, resolution)
      const answer = await send(authorizeUrl(server.url, pkce().challenge, { client_id: kind }))
      expect(answer.status).toBe(400)
      expect(answer.headers.location).toBeUndefined()
      expect(answer.headers['content-type']).toContain('text/html')
      expect(answer.text).toContain(words)
      expect(answer.text).not.toContain('<script')
      expect(answer.text).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-7/)
    },
  )

  it.each(STATES)('%s: the token endpoint answers 401 invalid_client, the same for all', async (kind, resolution) => {
    server.registry.resolutions.set(kind, resolution)
    const answer = await postForm(`${server.url}/oauth/token`, {
      grant_type: 'authorization_code',
      code: 'x',
      code_verifier: pkce().verifier,
      redirect_uri: REDIRECT,
      client_id: kind,
    })
    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toEqual({
      error: 'invalid_client',
      error_description: expect.stringMatching(/^client authentication failed \(request [0-9a-f-]{36}\)$/),
    })
  })

  it('removed after its tokens were issued: neither its code nor its refresh token works', async () => {
    const redeemed = await authorize(server)
    const { body } = await redeem(server, redeemed.code, redeemed.verifier)
    const { code, verifier } = await authorize(server)
    const active = server.registry.resolutions.get('client-1')
    server.registry.resolutions.set('client-1', { kind: 'removed', cause: 'operator' })
    expect(await redeem(server, code, verifier)).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect(await refresh(server, String(body['refresh_token']))).toMatchObject({ status: 401 })
    if (active) server.registry.resolutions.set('client-1', active)
  })

  it('a confidential client has to prove itself, by the method that it registered', async () => {
    const secret = 'a secret of forty characters, more or less'
    server.registry.add('confidential', {}, { secret })
    const flow = () => authorize(server, { change: { client_id: 'confidential' } })
    const { code, verifier } = await flow()
    const fields = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT }
    const basic = (value: string) => ({
      authorization: `Basic ${Buffer.from(`confidential:${value}`).toString('base64')}`,
    })
    const url = `${server.url}/oauth/token`
    expect((await postForm(url, { ...fields, client_id: 'confidential' })).status).toBe(401)
    const wrong = await postForm(url, fields, basic('wrong'))
    expect(wrong.status).toBe(401)
    expect(wrong.headers['www-authenticate']).toContain('Basic')
    expect((await postForm(url, fields, basic(encodeURIComponent(secret)))).status).toBe(200)
    const reasons = server.events.map(({ reason }) => reason)
    expect(reasons).toEqual(expect.arrayContaining(['clientAuthMethodWrong', 'clientSecretWrong']))
  })
})
