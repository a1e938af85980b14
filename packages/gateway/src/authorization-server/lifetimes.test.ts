import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { asServerId } from '#core/ids.ts'
import type { ProtectedResource } from '#core/snapshot.ts'
import type { Tier } from '#core/tiers.ts'
import { TOOL_CLASSES, type ToolClass } from '#core/tool-classes.ts'
import { adminApi } from '#policy/admin-api.ts'
import { accessTokenSeconds, grantSeconds, idleSeconds, scopesAtRefresh, takesRefreshToken } from './lifetimes.ts'

const MINUTE = 60
const HOUR = 3600
const WHOLE = { lifetimes: { accessTokenSeconds: 1_800, refreshTokenSeconds: 28_800, loginSessionSeconds: 28_800 } }

function server(tools: Readonly<Record<string, readonly [ToolClass, Tier?]>> = {}): ProtectedResource {
  const entries = Object.entries(tools)
  return {
    id: asServerId('files'),
    title: 'Files',
    description: '',
    resource: 'https://mcp.example.com/mcp/files',
    baselineClasses: ['read'],
    toolClasses: new Map(entries.map(([name, [toolClass]]) => [name, toolClass])),
    toolScopes: new Set(entries.map(([name]) => name)),
    toolTiers: new Map(entries.flatMap(([name, [, tier]]) => (tier === undefined ? [] : [[name, tier] as const]))),
  }
}
const FILES = server()
const scope = (toolClass: string) => `files:${toolClass}`

describe('lifetimes by tier', () => {
  // DESIGN: access; refresh since the authorization; unused.
  it.each<[string, number, number | null]>([
    ['read', 30 * MINUTE, 8 * HOUR],
    ['write', 15 * MINUTE, 4 * HOUR],
    ['send', 15 * MINUTE, 4 * HOUR],
    ['financial', 10 * MINUTE, HOUR],
    ['destructive', 5 * MINUTE, null],
    ['execute', 5 * MINUTE, null],
    ['admin', 5 * MINUTE, null],
  ])('%s: %i s, refreshed for %s s', (toolClass, access, refresh) => {
    const scopes = [scope(toolClass)]
    expect(accessTokenSeconds(FILES, scopes, WHOLE)).toBe(access)
    expect(takesRefreshToken(FILES, scopes, WHOLE)).toBe(refresh !== null)
    expect(idleSeconds(FILES, scopes, WHOLE)).toBe((refresh ?? 0) / 2)
    if (refresh !== null) expect(grantSeconds(FILES, scopes, WHOLE, true)).toBe(refresh)
    else expect(grantSeconds(FILES, scopes, WHOLE, false)).toBe(access + 120)
  })

  it('an access token lives as its strictest scope allows, a grant as its most lenient', () => {
    const scopes = [scope('read'), scope('financial'), scope('destructive')]
    expect(accessTokenSeconds(FILES, scopes, WHOLE)).toBe(5 * MINUTE)
    expect(takesRefreshToken(FILES, scopes, WHOLE)).toBe(true)
    expect(grantSeconds(FILES, scopes, WHOLE, true)).toBe(8 * HOUR)
  })

  it('configured lifetimes are upper bounds', () => {
    const short = { lifetimes: { accessTokenSeconds: 120, refreshTokenSeconds: 600, loginSessionSeconds: 600 } }
    expect(accessTokenSeconds(FILES, [scope('read')], short)).toBe(120)
    expect(grantSeconds(FILES, [scope('read')], short, true)).toBe(600)
    expect(idleSeconds(FILES, [scope('read')], short)).toBe(300)
  })

  it('a tool counts as its operator says, and so does every scope that opens it', () => {
    const files = server({ salaries: ['read', 'sensitive'], note: ['write', 'low'], wipe: ['destructive'] })
    expect(accessTokenSeconds(files, ['files:tool:salaries'], WHOLE)).toBe(10 * MINUTE)
    for (const opening of ['read', 'write'])
      expect(accessTokenSeconds(files, [scope(opening)], WHOLE)).toBe(10 * MINUTE)
    expect(accessTokenSeconds(files, [scope('send')], WHOLE)).toBe(15 * MINUTE)
    expect(accessTokenSeconds(files, ['files:tool:note'], WHOLE)).toBe(30 * MINUTE)
    expect(accessTokenSeconds(files, ['files:tool:nobody-knows'], WHOLE)).toBe(5 * MINUTE)
    expect(accessTokenSeconds(files, ['memory:read'], WHOLE)).toBe(5 * MINUTE)
  })

  it('the admin API: five minutes, and what changes it is never refreshed, not even in part', () => {
    const api = adminApi({ publicUrl: 'https://mcp.example.com' })
    expect(accessTokenSeconds(api, ['api:read'], WHOLE)).toBe(5 * MINUTE)
    expect(takesRefreshToken(api, ['api:read'], WHOLE)).toBe(true)
    expect(takesRefreshToken(api, ['api:read', 'api:write'], WHOLE)).toBe(false)
  })
})

describe('what a refresh yields', () => {
  const ALL = TOOL_CLASSES.map(scope)
  const left = (sinceAuthorization: number, sinceIssue = 0) =>
    scopesAtRefresh(FILES, ALL, { sinceAuthorization, sinceIssue }, WHOLE).map((one) => one.slice('files:'.length))

  it.each<[string, number, number, readonly string[]]>([
    ['at once', 0, 0, ['read', 'write', 'send', 'financial']],
    ['short of an hour', HOUR - 1, 0, ['read', 'write', 'send', 'financial']],
    ['after an hour', HOUR, 0, ['read', 'write', 'send']],
    ['after four', 4 * HOUR, 0, ['read']],
    ['after eight', 8 * HOUR, 0, []],
    ['unused for half an hour', HOUR - 1, HOUR / 2, ['read', 'write', 'send']],
    ['unused for two', 3 * HOUR, 2 * HOUR, ['read']],
    ['unused for four', 5 * HOUR, 4 * HOUR, []],
  ])('%s', (_when, sinceAuthorization, sinceIssue, expected) => {
    expect(left(sinceAuthorization, sinceIssue)).toEqual(expected)
  })

  test('is never more later than earlier, and never privileged', () => {
    const age = fc.nat(9 * HOUR)
    fc.assert(
      fc.property(age, age, age, age, (a, b, more, longer) => {
        const now = left(a, b)
        const then = left(a + more, b + longer)
        expect(then.filter((one) => !now.includes(one))).toEqual([])
        for (const one of ['destructive', 'execute', 'admin']) expect(now).not.toContain(one)
      }),
    )
  })
})
