import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '#core/ids.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'

let server: AuthorizationServerUnderTest
beforeEach(async () => {
  server = await startAuthorizationServer()
})
afterEach(async () => {
  await server.close()
})

it('a code sent 20 times at once is redeemed once, and then everything it gave is dead (RFC 9700 §4.5)', async () => {
  const { code, verifier } = await authorize(server)
  const headBefore = await server.store.feed.head()
  const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(server, code, verifier)))

  const winners = answers.filter(({ status }) => status === 200)
  expect(winners).toHaveLength(1)
  const losers = answers.filter(({ status }) => status !== 200)
  expect(losers.map(({ status, body }) => ({ status, error: body['error'] }))).toEqual(
    Array.from({ length: 19 }, () => ({ status: 400, error: 'invalid_grant' })),
  )

  const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
  expect(grant?.revokedCause).toBe('codeReplayed')
  // The access token dies by the feed: every replica denies its `gid` from this entry on.
  const feed = await server.store.feed.since(headBefore, 100)
  expect(feed.filter(({ kind, id }) => kind === 'grant' && id === grant?.grantId)).toHaveLength(1)

  const dead = await refresh(server, String(winners[0]?.body['refresh_token']))
  expect(dead).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })

  const issued = server.events.filter(({ activity, outcome }) => activity === 'token.issue' && outcome === 'success')
  const replayed = server.events.filter(({ reason }) => reason === 'codeReplayed')
  expect(replayed.length).toBeGreaterThan(0)
  // Events of lost batches were made but never stored; the log has exactly one issue.
  expect(issued.length).toBeGreaterThan(0)
  const stored = await server.store.audit.latest(DEFAULT_TENANT, 200)
  expect(stored.filter(({ body }) => body.includes('"token.issue"') && body.includes('tokenId'))).toHaveLength(1)
})
