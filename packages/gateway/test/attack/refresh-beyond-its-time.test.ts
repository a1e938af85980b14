import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { asServerId, DEFAULT_TENANT } from '#core/ids.ts'
import { TOOL_CLASSES } from '#core/tool-classes.ts'
import {
  type AuthorizationServerUnderTest,
  authorize,
  redeem,
  refresh,
  startAuthorizationServer,
} from '../support/authorization-server.ts'

/**
 * A client, or who stole its refresh token, wants to keep what a person allowed for a short time only. Expected: time takes scopes away for good,
 * the answer says what is left, and asking for more is refused.
 */
let server: AuthorizationServerUnderTest
beforeEach(async () => {
  // The engine looks at the machine's time itself; nothing else stands still.
  vi.useFakeTimers({ toFake: ['Date'] })
  server = await startAuthorizationServer()
  const allow = new Map([[asServerId('files') as ReturnType<typeof asServerId> | '*', new Set(TOOL_CLASSES)]])
  server.setSnapshot({
    roles: new Map([['member', { name: 'member', admin: null, allow }]]),
    lifetimes: { accessTokenSeconds: 1_800, refreshTokenSeconds: 28_800, loginSessionSeconds: 28_800 },
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await server.close()
})

const HOUR = 3600
const forward = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000)
async function tokens(scope: string) {
  const { code, verifier } = await authorize(server, { change: { scope } })
  const { status, body } = await redeem(server, code, verifier)
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}
const secondsOf = ({ access_token: token }: Record<string, unknown>) => {
  const { iat = 0, exp = 0 } = decodeJwt(String(token))
  return exp - iat
}
/** Uses the newest token now and again, so that it is never unused for long. */
async function keepAlive(first: Record<string, unknown>, seconds: number): Promise<Record<string, unknown>> {
  let body = first
  for (let left = seconds; left > 0; left -= 1_500) {
    forward(Math.min(1_500, left))
    const answer = await refresh(server, String(body['refresh_token']))
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    body = answer.body
  }
  return body
}

describe('what a refresh yields', () => {
  it('never privileged scopes: the first token has them for five minutes, no other has', async () => {
    const first = await tokens('files:read files:destructive')
    expect([secondsOf(first), String(first['scope']).split(' ').sort()]).toEqual([
      300,
      ['files:destructive', 'files:read'],
    ])
    const { body } = await refresh(server, String(first['refresh_token']))
    expect([secondsOf(body), body['scope'], decodeJwt(String(body['access_token']))['scope']]).toEqual([
      1_800,
      'files:read',
      'files:read',
    ])
  })

  it('no sensitive scopes after their hour, none of the standard tier after four, nothing after eight', async () => {
    const first = await tokens('files:read files:write files:financial')
    expect(secondsOf(first)).toBe(600)
    const early = await keepAlive(first, HOUR - 1)
    expect(String(early['scope']).split(' ').sort()).toEqual(['files:financial', 'files:read', 'files:write'])
    const hour = await keepAlive(early, 1)
    expect([String(hour['scope']).split(' ').sort(), secondsOf(hour)]).toEqual([['files:read', 'files:write'], 900])
    const four = await keepAlive(hour, 3 * HOUR)
    expect([four['scope'], secondsOf(four)]).toEqual(['files:read', 1_800])
    const late = await keepAlive(four, 4 * HOUR - 1)
    forward(1)
    expect(await refresh(server, String(late['refresh_token']))).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
  })

  it('for all who ask for what time took away: refused alone, left out beside others', async () => {
    const first = await tokens('files:read files:destructive')
    const alone = await refresh(server, String(first['refresh_token']), { scope: 'files:destructive' })
    expect(alone).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
    const beside = await refresh(server, String(first['refresh_token']), { scope: 'files:destructive files:read' })
    expect(beside).toMatchObject({ status: 200, body: { scope: 'files:read' } })
    const never = await refresh(server, String(beside.body['refresh_token']), { scope: 'files:read files:send' })
    expect(never).toMatchObject({ status: 400, body: { error: 'invalid_scope' } })
  })

  it('nothing at all where everything was privileged: there is no refresh token', async () => {
    const first = await tokens('files:destructive files:execute')
    expect([first['refresh_token'], secondsOf(first)]).toEqual([undefined, 300])
    const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
    expect((grant?.expiresAt ?? 0) - (grant?.createdAt ?? 0)).toBe(420)
  })

  it('nothing that lay unused for half of its time', async () => {
    const first = await tokens('files:read files:write')
    const now = Math.floor(Date.now() / 1000)
    const id = createHash('sha256').update(String(first['refresh_token'])).digest('base64url')
    const kept = await server.store.engine.find(DEFAULT_TENANT, 'RefreshToken', id, now)
    expect(Math.abs((kept?.expiresAt ?? 0) - now - 4 * HOUR)).toBeLessThanOrEqual(2)
    forward(2 * HOUR)
    const { body } = await refresh(server, String(first['refresh_token']))
    expect(body['scope']).toBe('files:read')
    forward(4 * HOUR)
    expect((await refresh(server, String(body['refresh_token']))).status).toBe(400)
  })

  it('nothing beyond the login that allowed it', async () => {
    server.setSnapshot({
      lifetimes: { accessTokenSeconds: 1_800, refreshTokenSeconds: 28_800, loginSessionSeconds: 600 },
    })
    await tokens('files:read')
    const [grant] = (await server.store.grants.list(DEFAULT_TENANT, {}, { cursor: null, limit: 10 })).items
    expect((grant?.expiresAt ?? 0) - (grant?.createdAt ?? 0)).toBeLessThanOrEqual(600)
  })
})
