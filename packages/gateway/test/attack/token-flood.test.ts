import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '#core/clock.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  CLIENT,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'
import { postForm, send } from '../support/oauth-browser.ts'

/** The budget of failed requests that one address has. */
const BURST = 600
const ATTACKER = '198.51.100.7'

/**
 * The attacker guesses codes and refresh tokens, or only wants to keep the gateway busy. Expected: 429 with Retry-After once an address
 * has failed far too often, no cost to other addresses, and nobody locked out who holds a real token, not even behind the same address.
 */
describe('a flood of token requests', () => {
  let server: AuthorizationServerUnderTest
  beforeEach(async () => {
    // The budget refills as time goes by; here none does, however slow the machine.
    server = await startAuthorizationServer({ clock: { ...systemClock, monotonicMs: () => 0 } })
    server.setSnapshot({ trustedProxies: ['127.0.0.1'] })
  })
  afterEach(() => server.close())

  const guess = (path: 'token' | 'revoke', address: string, fields: Record<string, string>) =>
    postForm(`${server.url}/oauth/${path}`, { client_id: CLIENT, ...fields }, { 'x-forwarded-for': address })

  const guessToken = (address: string, index: number) =>
    guess('token', address, { grant_type: 'refresh_token', refresh_token: `guess-${index}` })

  async function flood(): Promise<void> {
    for (let sent = 0; sent < BURST + 100; sent += 50)
      await Promise.all(Array.from({ length: 50 }, (_, index) => guessToken(ATTACKER, sent + index)))
  }

  it('ends in 429 for its address alone', async () => {
    await flood()
    const refused = await guessToken(ATTACKER, 0)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused.headers['cache-control']).toBe('no-store')
    expect(JSON.parse(refused.text)).toMatchObject({ error: 'temporarily_unavailable' })
    expect((await guess('revoke', ATTACKER, { token: 'guess' })).status).toBe(429)
    expect((await guess('token', ATTACKER, { grant_type: 'password', username: 'x' })).status).toBe(429)
    expect((await guessToken('198.51.100.8', 0)).status).toBe(400)
    const recorded = server.events.filter(({ detail }) => detail?.['status'] === 429)
    expect(recorded.length).toBeGreaterThan(0)
    expect(JSON.stringify(recorded)).not.toContain('guess-')
  })

  it('locks out nobody who holds a code or refresh token, from the same address', async () => {
    const before = await authorize(server)
    const issued = await redeem(server, before.code, before.verifier)
    const waiting = await authorize(server)
    // Everything here comes from one address: the proxy is not believed.
    server.setSnapshot({ trustedProxies: [] })
    await flood()
    expect((await guessToken(ATTACKER, 0)).status).toBe(429)
    expect((await redeem(server, waiting.code, waiting.verifier)).status).toBe(200)
    const renewed = await refresh(server, String(issued.body['refresh_token']))
    expect(renewed.status).toBe(200)
    const token = String(renewed.body['refresh_token'])
    expect((await postForm(`${server.url}/oauth/revoke`, { client_id: CLIENT, token })).status).toBe(200)
  })

  it('success costs nothing', async () => {
    const { code, verifier } = await authorize(server)
    let { body } = await redeem(server, code, verifier)
    for (let round = 0; round < 30; round += 1) {
      const answer = await refresh(server, String(body['refresh_token']))
      expect(answer.status).toBe(200)
      body = answer.body
    }
  })
})

describe('a flood of authorization requests', () => {
  it('counts a whole IPv6 /64 as one address', async () => {
    const keys = new Set<string>()
    const server = await startAuthorizationServer({
      wrapStore: (store) => ({
        ...store,
        limits: {
          ...store.limits,
          draw: (tenant, draws, nowMs) => {
            for (const { key } of draws) keys.add(key)
            return store.limits.draw(tenant, draws, nowMs)
          },
        },
      }),
    })
    server.setSnapshot({ trustedProxies: ['127.0.0.1'] })
    for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9'])
      await send(`${server.url}/oauth/authorize`, { headers: { 'x-forwarded-for': address } })
    expect([...keys]).toEqual(['authorize:2001:db8:1:2::/64'])
    await server.close()
  })
})

describe('a flood of registrations', () => {
  it('is told when to come back', async () => {
    const server = await startAuthorizationServer()
    const headers = { 'cache-control': 'no-store', 'retry-after': '7' }
    server.registry.register = async () => ({ status: 429, body: { error: 'temporarily_unavailable' }, headers })
    const json = { 'content-type': 'application/json' }
    const answer = await send(`${server.url}/oauth/register`, { method: 'POST', headers: json, body: '{}' })
    expect(answer.status).toBe(429)
    expect(answer.headers['retry-after']).toBe('7')
    await server.close()
  })
})
