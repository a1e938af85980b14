/**
 * Attacker: anyone without a token, probing what the gateway tells a stranger about his request.
 * Step: every odd body, media type, session id and revision, without a token and with a worn-out one.
 * Expected: 401 with the challenge, always the same; the body is not read. (RFC 9728 §5.1; MCP requires tokens to be checked before processing.)
 * No effect: the upstream sees nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FrontDoor, startFrontDoor } from '../support/front-door.ts'

let door: FrontDoor

beforeAll(async () => {
  door = await startFrontDoor()
})

afterAll(() => door.close())

describe('a request without a valid token', () => {
  it.each([
    ['no body, no headers', 'POST', {}, undefined],
    ['an empty object', 'POST', { 'content-type': 'application/json' }, '{}'],
    ['nonsense', 'POST', { 'content-type': 'text/plain' }, 'nonsense'],
    ['a batch', 'POST', { 'content-type': 'application/json' }, '[]'],
    ['a session id of odd bytes', 'GET', { 'mcp-session-id': 'a b' }, undefined],
    ['an unknown revision', 'GET', { 'mcp-protocol-version': '1999-01-01' }, undefined],
    ['a GET that wants no stream', 'GET', { accept: 'application/json' }, undefined],
    ['a DELETE', 'DELETE', {}, undefined],
  ])('gets 401 for %s', async (_title, method, headers, body) => {
    for (const authorization of [undefined, 'Bearer worn.out.token']) {
      const response = await fetch(door.url(), {
        method,
        headers: { ...(headers as Record<string, string>), ...(authorization === undefined ? {} : { authorization }) },
        ...(body === undefined ? {} : { body }),
      })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toContain('resource_metadata=')
    }
    expect(door.upstreamSaw).toEqual([])
  })
})
