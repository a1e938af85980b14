import { describe, expect, it } from 'vitest'
import { MULTI_FACTOR, SINGLE_FACTOR } from '#core/acr.ts'
import type { LoginDemand, Snapshot } from '#core/snapshot.ts'
import type { Tier } from '#core/tiers.ts'
import { testServer } from '../../test/support/snapshot.ts'
import { adminApi } from './admin-api.ts'
import { demandOfCall, demandOfScopes, freshSeconds, judgeLogin, scopesWithin } from './login-demands.ts'

const NOW = 1_795_000_000
const files = testServer('files', {
  toolClasses: new Map([
    ['pay', 'financial'],
    ['wipe', 'destructive'],
    ['peek', 'read'],
  ]),
  toolTiers: new Map<string, Tier>([['peek', 'sensitive']]),
})
const rules = (...demands: [Tier, LoginDemand][]): Pick<Snapshot, 'loginDemands'> => ({
  loginDemands: new Map(demands),
})
const strong: LoginDemand = { multiFactor: true, maxAgeSeconds: null }
const fresh: LoginDemand = { multiFactor: false, maxAgeSeconds: 600, needsAuthTime: true }
const login = (changes: Partial<Parameters<typeof judgeLogin>[0]> = {}) => ({
  acr: SINGLE_FACTOR,
  authTime: NOW - 100,
  ...changes,
})

describe('a login', () => {
  it.each<[string, Partial<Parameters<typeof judgeLogin>[0]>, LoginDemand, string]>([
    ['for nothing in particular', { acr: null, authTime: null }, { multiFactor: false, maxAgeSeconds: null }, 'enough'],
    ['with one factor', {}, strong, 'oneFactorOnly'],
    ['with two', { acr: MULTI_FACTOR }, strong, 'enough'],
    ['that says nothing of factors', { acr: null }, strong, 'oneFactorOnly'],
    ['that claims a level of its own', { acr: 'urn:other:very-strong' }, strong, 'oneFactorOnly'],
    ['of just within', { authTime: NOW - 600 }, fresh, 'enough'],
    ['of just before', { authTime: NOW - 601 }, fresh, 'tooLongAgo'],
    ['that nobody dates', { authTime: null }, fresh, 'tooLongAgo'],
    ['that its provider does not date', { isTimeKnown: false }, fresh, 'tooLongAgo'],
    ['that its provider does not date', { isTimeKnown: false }, { ...fresh, needsAuthTime: false }, 'enough'],
  ])('%s', (_how, facts, demand, judged) => {
    expect(judgeLogin(login(facts), demand, NOW)).toBe(judged)
  })
})

describe('what is demanded', () => {
  const both = rules(['sensitive', strong], ['privileged', fresh])

  it('of scopes is the strictest of their tiers, those of single tools included', () => {
    expect(demandOfScopes(['files:send'], files, both)).toMatchObject({ multiFactor: false, maxAgeSeconds: null })
    expect(demandOfScopes(['files:read'], files, both)).toMatchObject({ multiFactor: true, maxAgeSeconds: null })
    expect(demandOfScopes(['files:financial', 'files:destructive'], files, both)).toMatchObject({
      multiFactor: true,
      maxAgeSeconds: 300,
      needsAuthTime: true,
    })
  })

  it('of what is privileged is a login of the last five minutes, though nothing is configured; of calls nothing', () => {
    expect(demandOfScopes(['files:destructive'], files, {})).toMatchObject({ multiFactor: false, maxAgeSeconds: 300 })
    expect(demandOfScopes(['no scope of it'], files, {})).toMatchObject({ maxAgeSeconds: 300 })
    expect(demandOfCall({ toolClass: 'destructive', tool: 'wipe' }, files, {})).toMatchObject({ maxAgeSeconds: null })
  })

  it('of a call is what its tool’s tier demands, and of the admin API what changes it', () => {
    expect(demandOfCall({ toolClass: 'read', tool: 'peek' }, files, both)).toBe(strong)
    expect(demandOfCall({ toolClass: 'read', tool: null }, files, both)).toMatchObject({ multiFactor: false })
    expect(demandOfCall({ toolClass: 'destructive', tool: 'wipe' }, files, both)).toBe(fresh)
    const api = adminApi({ publicUrl: 'https://gateway.example' })
    expect(demandOfCall({ toolClass: 'write', tool: null }, api, both)).toBe(fresh)
    expect(demandOfCall({ toolClass: 'read', tool: null }, api, both)).toMatchObject({ maxAgeSeconds: null })
  })

  it('leaves the scopes that it is enough for, and says for how long', () => {
    const scopes = ['files:send', 'files:financial', 'files:destructive']
    expect(scopesWithin(scopes, files, login(), both, NOW)).toEqual(['files:send', 'files:destructive'])
    expect(scopesWithin(scopes, files, login({ acr: MULTI_FACTOR, authTime: NOW - 400 }), both, NOW)).toEqual([
      'files:send',
      'files:financial',
    ])
    expect(freshSeconds(scopes, files, NOW - 100, both, NOW)).toBe(500)
    expect(freshSeconds(scopes, files, null, both, NOW)).toBe(0)
    expect(freshSeconds(['files:send'], files, null, both, NOW)).toBe(Number.POSITIVE_INFINITY)
  })
})
