import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  CLIENT,
  pkce,
  redeem,
  startAuthorizationServer,
  token,
} from '../support/authorization-server.ts'
import { OAuthBrowser } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

describe('an attacker who has a code, or a client that forgets PKCE (RFC 7636, RFC 9700 §2.1.1)', () => {
  let server: AuthorizationServerUnderTest
  beforeEach(async () => {
    server = await startAuthorizationServer()
  })
  afterEach(async () => {
    await server.close()
  })

  const cases: readonly [string, Readonly<Record<string, string | null>>, string][] = [
    ['no challenge', { code_challenge: null, code_challenge_method: null }, 'pkceMissing'],
    ['the plain method', { code_challenge_method: 'plain' }, 'pkceMethodWrong'],
    ['a challenge without method, which would mean plain', { code_challenge_method: null }, 'pkceMethodMissing'],
    ['a method without challenge', { code_challenge: null }, 'invalidRequest'],
    ['a challenge that is too short', { code_challenge: 'short' }, 'invalidRequest'],
  ]
  it.each(cases)('an authorization request with %s is refused before anybody is asked', async (_, change, reason) => {
    const end = await new OAuthBrowser(server.url).follow(authorizeUrl(server.url, pkce().challenge, change))
    expect('left' in end && end.left.searchParams.get('error')).toBe('invalid_request')
    expect('left' in end && end.left.searchParams.has('code')).toBe(false)
    expect(server.shown).toEqual([])
    expect(refusals(server)).toEqual([reason])
  })

  it('confidential clients need it as well', async () => {
    server.registry.add('confidential', {}, { secret: 'a secret of forty characters, more or less' })
    const change = { client_id: 'confidential', code_challenge: null, code_challenge_method: null }
    const end = await new OAuthBrowser(server.url).follow(authorizeUrl(server.url, '', change))
    expect('left' in end && end.left.searchParams.get('error')).toBe('invalid_request')
  })

  it.each([
    ['a wrong verifier', { code_verifier: pkce().verifier }, 'pkceVerifierWrong'],
    ['the challenge as verifier', { code_verifier: 'challenge' }, 'pkceVerifierWrong'],
  ])('a code with %s yields nothing, and the right verifier still redeems it', async (_, change, reason) => {
    const { verifier, challenge } = pkce()
    const { code } = await authorize(server, { pkce: { verifier, challenge } })
    const wrong = change.code_verifier === 'challenge' ? { code_verifier: challenge } : change
    const refused = await redeem(server, code, verifier, wrong)
    expect(refused.status).toBe(400)
    expect(refused.body['error']).toBe('invalid_grant')
    expect(refusals(server)).toEqual([reason])
    expect((await redeem(server, code, verifier)).status).toBe(200)
  })

  it('a code without verifier yields nothing', async () => {
    const { code } = await authorize(server)
    const refused = await token(server, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT,
      client_id: CLIENT,
    })
    expect(refused.status).toBe(400)
    expect(refused.body['error']).toBe('invalid_grant')
    expect(refusals(server)).toEqual(['pkceVerifierMissing'])
  })

  it('a stolen code is worth nothing to another client', async () => {
    const { code, verifier } = await authorize(server)
    const refused = await redeem(server, code, verifier, { client_id: 'client-2' })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(refusals(server)).toEqual(['clientMismatch'])
    // The attempt is not the owner's fault.
    expect((await redeem(server, code, verifier)).status).toBe(200)
  })

  it('a code redeemed twice kills its grant, and the tokens it gave (RFC 6749 §4.1.2)', async () => {
    const { code, verifier } = await authorize(server)
    const first = await redeem(server, code, verifier)
    const second = await redeem(server, code, verifier)
    expect(second).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(refusals(server)).toEqual(['codeReplayed'])
    const grants = await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })
    expect(grants.items.map(({ revokedCause }) => revokedCause)).toEqual(['codeReplayed'])
    const refreshed = await token(server, {
      grant_type: 'refresh_token',
      refresh_token: String(first.body['refresh_token']),
      client_id: CLIENT,
    })
    expect(refreshed).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })
})

function refusals(server: AuthorizationServerUnderTest): (string | undefined)[] {
  return server.events.filter(({ outcome }) => outcome === 'refused').map(({ reason }) => reason)
}
