import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { asRequestId, asTenantId, DEFAULT_TENANT } from '#core/ids.ts'
import { systemRandom } from '#core/random.ts'
import type { HttpExchange } from '#http/exchange.ts'
import { createSealer } from '#keys/sealer.ts'
import { createFormTokens } from './form-token.ts'

describe('a form token', () => {
  test('is good for its purpose, tenant and browser, for an hour, and for nothing else', () => {
    const { tokens, clock } = fixture()
    const first = exchange()
    const token = tokens.issue(first, DEFAULT_TENANT, 'consent:1')
    const cookie = setCookie(first)
    const check = (purpose: string, cookieHeader: string, tenant = DEFAULT_TENANT, value: string | null = token) =>
      tokens.check(exchange(cookieHeader), tenant, purpose, value)
    expect(check('consent:1', cookie)).toBe(true)
    expect(check('consent:1', `a=b; ${cookie}; c=d`)).toBe(true)
    expect(check('consent:2', cookie)).toBe(false)
    expect(check('consent:1', cookie, asTenantId('other'))).toBe(false)
    expect(check('consent:1', '')).toBe(false)
    expect(check('consent:1', `${cookie}x`)).toBe(false)
    expect(check('consent:1', `${cookie}; ${cookie}`)).toBe(false)
    expect(check('consent:1', `__Host-sallyport-form=${'A'.repeat(43)}`)).toBe(false)
    expect(check('consent:1', cookie.replace('__Host-', ''))).toBe(false)
    expect(check('consent:1', cookie, DEFAULT_TENANT, null)).toBe(false)
    clock.now += 3_600
    expect(check('consent:1', cookie)).toBe(true)
    clock.now += 1
    expect(check('consent:1', cookie)).toBe(false)
  })

  test('sealed under another key is refused', () => {
    const first = exchange()
    const token = fixture().tokens.issue(first, DEFAULT_TENANT, 'p')
    expect(fixture(2).tokens.check(exchange(setCookie(first)), DEFAULT_TENANT, 'p', token)).toBe(false)
  })

  test('of a page opened twice works in both, for the browser keeps its cookie', () => {
    const { tokens } = fixture()
    const first = exchange()
    const one = tokens.issue(first, DEFAULT_TENANT, 'p')
    const second = exchange(setCookie(first))
    const two = tokens.issue(second, DEFAULT_TENANT, 'p')
    expect(second.response.getHeader('set-cookie')).toBeUndefined()
    expect(one).not.toBe(two)
    for (const token of [one, two]) {
      expect(tokens.check(exchange(setCookie(first)), DEFAULT_TENANT, 'p', token)).toBe(true)
    }
  })

  test('adds its cookie to those already on the answer', () => {
    const first = exchange()
    first.response.setHeader('set-cookie', 'engine=1')
    fixture().tokens.issue(first, DEFAULT_TENANT, 'p')
    expect(first.response.getHeader('set-cookie')).toEqual([
      'engine=1',
      expect.stringMatching(/^__Host-sallyport-form=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax$/),
    ])
  })
})

function fixture(keyByte = 1) {
  const clock = { now: 1_795_000_000 }
  const tokens = createFormTokens({
    sealer: createSealer(Buffer.alloc(32, keyByte), systemRandom),
    clock: { nowSeconds: () => clock.now, nowMs: () => clock.now * 1000, monotonicMs: () => 0 },
    random: systemRandom,
  })
  return { tokens, clock }
}

function exchange(cookie = ''): HttpExchange {
  const request = new IncomingMessage(new Socket())
  if (cookie !== '') request.headers.cookie = cookie
  return {
    request,
    response: new ServerResponse(request),
    requestId: asRequestId('r'),
    path: '/',
    query: new URLSearchParams(),
    clientAddress: '127.0.0.1',
  }
}

/** The pair that a browser would send back. */
function setCookie({ response }: HttpExchange): string {
  return String(response.getHeader('set-cookie')).split(';')[0] ?? ''
}
