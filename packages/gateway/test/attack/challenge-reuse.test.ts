import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  authorizeUrl,
  pkce,
  redeem,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { OAuthBrowser } from '../support/oauth-browser.ts'

/**
 * Who learned a verifier of before, from a log or a client that makes it once, sends the person through another authorization with the same
 * challenge. Expected: a challenge gets one code, whoever asks how often at once.
 */
let server: AuthorizationServerUnderTest
beforeEach(async () => {
  server = await startAuthorizationServer()
})
afterEach(() => server.close())

const grants = async () => (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 50 })).items

it('a challenge that had its code gets no other: the client is told at its own address', async () => {
  const once = pkce()
  const first = await authorize(server, { pkce: once })
  const again = await authorize(server, { pkce: once })
  expect(again.redirect.searchParams.get('code')).toBeNull()
  expect(Object.fromEntries(again.redirect.searchParams)).toMatchObject({
    error: 'invalid_request',
    state: 'state-1',
    iss: server.url,
  })
  expect(again.redirect.searchParams.get('error_description')).toMatch(/code_challenge was used before.*\(request /)
  expect(server.events.at(-1)).toMatchObject({ outcome: 'refused', reason: 'challengeReused' })
  // The code of the first is what it was.
  expect((await redeem(server, first.code, once.verifier)).status).toBe(200)
})

it('eight authorizations at once with one challenge get one code', async () => {
  const { challenge } = pkce()
  const ends = await Promise.all(
    Array.from({ length: 8 }, () => new OAuthBrowser(server.url).follow(authorizeUrl(server.url, challenge))),
  )
  const codes = ends
    .map((end) => ('left' in end ? end.left.searchParams.get('code') : null))
    .filter((code) => code !== null)
  expect(codes).toHaveLength(1)
})

it('a page that is loaded again before the decision costs nothing', async () => {
  const once = pkce()
  await new OAuthBrowser(server.url).follow(authorizeUrl(server.url, once.challenge, { prompt: 'none' }))
  expect(await grants()).toEqual([])
  expect((await authorize(server, { pkce: once })).code).not.toBe('')
})
