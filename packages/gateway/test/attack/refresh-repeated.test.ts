import { createHash } from 'node:crypto'
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
import { dpopKey } from '../support/dpop-key.ts'
import { postForm } from '../support/oauth-browser.ts'
import { REDIRECT } from '../support/test-registry.ts'

/**
 * A thief has a refresh token that its client has used a moment ago. For 20 seconds its use may be repeated by the same client. Expected: only
 * by that client, as it was proven then, while the grant lives, and only as long as nobody has gone on from the answer.
 */
let server: AuthorizationServerUnderTest
let clock: AdjustableClock
beforeEach(async () => {
  clock = new AdjustableClock(Date.now())
  server = await startAuthorizationServer({ clock })
})
afterEach(() => server.close())

async function used(): Promise<{ readonly first: string; readonly answer: Record<string, unknown> }> {
  const { code, verifier } = await authorize(server)
  const first = String((await redeem(server, code, verifier)).body['refresh_token'])
  const { status, body } = await refresh(server, first)
  expect(status).toBe(200)
  return { first, answer: body }
}
const REFUSED = { status: 400, body: { error: 'invalid_grant' } }
const grantNow = async () => {
  const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
  if (grant === undefined) throw new Error('no grant')
  return grant
}
const documents = async () =>
  (await server.store.feed.since(0, 100)).map(({ kind }) => kind).filter((kind) => kind === 'grant')
const reasons = () => server.events.map(({ reason }) => reason).filter((reason) => reason !== undefined)

describe('the use of a refresh token, repeated', () => {
  it('within 20 seconds: byte for byte the same answer, once on record, and the family goes on', async () => {
    const { first, answer } = await used()
    clock.forward(19)
    expect(await refresh(server, first)).toEqual({ status: 200, body: answer })
    expect(server.events.filter(({ reason }) => reason === 'repeated')).toMatchObject([
      { activity: 'token.refresh', outcome: 'success', clientId: 'client-1', grantId: (await grantNow()).grantId },
    ])
    expect((await refresh(server, String(answer['refresh_token']))).status).toBe(200)
    expect((await grantNow()).revokedAt).toBeNull()
  })

  it('after 20 seconds: the family dies, and what the client got with it', async () => {
    const { first, answer } = await used()
    clock.forward(20)
    expect(await refresh(server, first)).toMatchObject(REFUSED)
    expect(await refresh(server, String(answer['refresh_token']))).toMatchObject(REFUSED)
    expect([(await grantNow()).revokedCause, await documents()]).toEqual(['refreshTokenReused', ['grant']])
    expect(reasons()).toContain('refreshTokenReused')
  })

  it('by another client: refused, and nothing happens to the family', async () => {
    const { first, answer } = await used()
    expect(await refresh(server, first, { client_id: 'client-2' })).toMatchObject(REFUSED)
    expect((await refresh(server, String(answer['refresh_token']))).status).toBe(200)
  })

  it('after the client has gone on: refused, nothing is given out, and the client keeps what it has', async () => {
    const { first, answer } = await used()
    const next = await refresh(server, String(answer['refresh_token']))
    expect(next.status).toBe(200)
    const late = await refresh(server, first)
    expect(late).toMatchObject(REFUSED)
    expect(JSON.stringify(late.body)).not.toContain('_token')
    expect(reasons()).toContain('refreshTokenOvertaken')
    expect((await refresh(server, String(next.body['refresh_token']))).status).toBe(200)
  })

  it('after the grant was revoked, or the account disabled: refused', async () => {
    const { first } = await used()
    const { grantId } = await grantNow()
    await server.store.grants.revoke(DEFAULT_TENANT, { grantId }, 'operator', clock.nowSeconds(), [])
    expect(await refresh(server, first)).toMatchObject(REFUSED)
    const other = await used()
    await server.store.accounts.setStatus(DEFAULT_TENANT, server.subject, 'disabled', clock.nowSeconds(), [])
    expect(await refresh(server, other.first)).toMatchObject(REFUSED)
  })

  it('with other scopes: the answer is the same, never more; scopes beyond the grant are refused', async () => {
    const { first, answer } = await used()
    expect(await refresh(server, first, { scope: 'files:write' })).toMatchObject({ body: { error: 'invalid_scope' } })
    expect(await refresh(server, first, { scope: 'files:read' })).toEqual({ status: 200, body: answer })
  })

  it('of a token bound to a key: only with that key, and each proof once', async () => {
    const key = await dpopKey()
    let nonce = ''
    const send = async (fields: Record<string, string>, by = key) => {
      const attempt = async () => {
        const proof = await by.proof({ htu: `${server.url}/oauth/token`, ...(nonce === '' ? {} : { nonce }) })
        const answer = await postForm(
          `${server.url}/oauth/token`,
          { client_id: 'client-1', ...fields },
          { dpop: proof },
        )
        nonce = String(answer.headers['dpop-nonce'] ?? nonce)
        return { proof, status: answer.status, body: JSON.parse(answer.text) as Record<string, unknown> }
      }
      const first = await attempt()
      return first.body['error'] === 'use_dpop_nonce' ? await attempt() : first
    }
    const { code, verifier } = await authorize(server)
    const redeemed = await send({
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: REDIRECT,
    })
    expect(redeemed.status, JSON.stringify(redeemed.body)).toBe(200)
    const fields = { grant_type: 'refresh_token', refresh_token: String(redeemed.body['refresh_token']) }
    const once = await send(fields)
    expect(once.status).toBe(200)
    const thief = await dpopKey()
    expect(await send(fields, thief)).toMatchObject(REFUSED)
    expect(await refresh(server, fields.refresh_token)).toMatchObject({ status: 400 })
    const replayed = await postForm(
      `${server.url}/oauth/token`,
      { client_id: 'client-1', ...fields },
      { dpop: once.proof },
    )
    expect(replayed.status).toBe(400)
    expect(replayed.text).toContain('invalid_dpop_proof')
    const again = await send(fields)
    expect(again.body).toEqual(once.body)
    const twice = await postForm(
      `${server.url}/oauth/token`,
      { client_id: 'client-1', ...fields },
      { dpop: again.proof },
    )
    expect([twice.status, twice.text.includes('invalid_dpop_proof')]).toEqual([400, true])
    expect((await grantNow()).revokedAt).toBeNull()
  })

  it('of a client that proves itself otherwise: with another key it gets no token that is bound to the first', async () => {
    server.registry.add('confidential', {}, { secret: 'a secret' })
    const authorization = `Basic ${Buffer.from('confidential:a%20secret').toString('base64')}`
    const [one, two] = [await dpopKey(), await dpopKey()]
    const url = `${server.url}/oauth/token`
    const { code, verifier } = await authorize(server, { change: { client_id: 'confidential' } })
    const redeemed = await postForm(
      url,
      { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT },
      { authorization },
    )
    const { refresh_token: refreshToken } = JSON.parse(redeemed.text) as { refresh_token: string }
    const fields = { grant_type: 'refresh_token', refresh_token: refreshToken }
    const ask = async (proof: string | null) =>
      await postForm(url, fields, { authorization, ...(proof === null ? {} : { dpop: proof }) })
    const nonce = String((await ask(await one.proof({ htu: url }))).headers['dpop-nonce'])
    const first = await ask(await one.proof({ htu: url, nonce }))
    expect(first.status, first.text).toBe(200)
    for (const proof of [await two.proof({ htu: url, nonce }), null]) {
      const answer = await ask(proof)
      expect([answer.status, answer.text.includes('access_token')]).toEqual([400, false])
    }
    expect(reasons()).toContain('proofKeyMismatch')
    expect((await ask(await one.proof({ htu: url, nonce }))).text).toBe(first.text)
  })

  it('while the grant is being revoked: nothing is given out', async () => {
    let revoke: (() => Promise<unknown>) | null = null
    const watched = await startAuthorizationServer({
      clock,
      wrapStore: (store) => ({
        ...store,
        engine: {
          ...store.engine,
          commit: async (...args) => {
            const now = revoke
            revoke = null
            await now?.()
            return await store.engine.commit(...args)
          },
        },
      }),
    })
    try {
      const { code, verifier } = await authorize(watched)
      const first = String((await redeem(watched, code, verifier)).body['refresh_token'])
      expect((await refresh(watched, first)).status).toBe(200)
      const [grant = null] = (await watched.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
      if (grant === null) throw new Error('no grant')
      revoke = () =>
        watched.store.grants.revoke(DEFAULT_TENANT, { grantId: grant.grantId }, 'operator', clock.nowSeconds(), [])
      expect(await refresh(watched, first)).toMatchObject(REFUSED)
      expect(revoke).toBeNull()
      expect(watched.events.at(-1)).toMatchObject({ outcome: 'refused', reason: 'grantRevoked' })
    } finally {
      await watched.close()
    }
  })

  it('what is kept of the answer opens by the token alone, and is erased when the time is over', async () => {
    const { first, answer } = await used()
    const rows = async () =>
      await server.store.engine.find(
        DEFAULT_TENANT,
        'RefreshToken',
        createHash('sha256').update(first).digest('base64url'),
        clock.nowSeconds(),
      )
    const kept = (await rows())?.reply
    expect(kept?.until).toBe(clock.nowSeconds() + 20)
    const sealed = Buffer.from(kept?.sealed ?? '', 'base64').toString('latin1')
    for (const text of [answer['access_token'], answer['refresh_token']]) expect(sealed).not.toContain(String(text))
    await server.store.engine.collectExpired(clock.nowSeconds() + 21, 100)
    expect((await rows())?.reply).toBeNull()
    expect(await refresh(server, first)).toMatchObject(REFUSED)
    expect((await grantNow()).revokedCause).toBe('refreshTokenReused')
  })
})

describe('an answer that is lost', () => {
  it('because the store committed and its answer did not arrive: the client asks again and goes on', async () => {
    let isCut = false
    const cut = await startAuthorizationServer({
      clock,
      wrapStore: (store) => ({
        ...store,
        engine: {
          ...store.engine,
          commit: async (...args) => {
            const outcome = await store.engine.commit(...args)
            if (isCut) throw new Error('the connection is gone')
            return outcome
          },
        },
      }),
    })
    try {
      const { code, verifier } = await authorize(cut)
      const first = String((await redeem(cut, code, verifier)).body['refresh_token'])
      isCut = true
      expect((await refresh(cut, first)).status).toBe(503)
      isCut = false
      const again = await refresh(cut, first)
      expect(again.status).toBe(200)
      expect((await refresh(cut, String(again.body['refresh_token']))).status).toBe(200)
    } finally {
      await cut.close()
    }
  })
})
