import { describe, expect, it } from 'vitest'
import { rolesFromClaims } from './roles-from-claims.ts'

const rules = (claim = 'groups') => ({
  claim,
  map: new Map([
    ['devs', ['user']],
    ['ops', ['user', 'operator']],
  ]),
  always: ['guest'],
})

describe('what the provider’s word makes of a person', () => {
  it.each<[string, unknown, string[]]>([
    ['a list', ['devs', 'ops', 'else'], ['guest', 'user', 'operator']],
    ['one value', 'devs', ['guest', 'user']],
    ['no claim', undefined, ['guest']],
    ['an empty list', [], ['guest']],
    ['null', null, ['guest']],
    ['values that are no texts', [1, { devs: true }, ['devs'], null], ['guest']],
    ['another spelling', ['Devs', 'devs ', 'DEVS'], ['guest']],
    ['the name of a method', ['constructor', '__proto__'], ['guest']],
    ['an object', { devs: true }, ['guest']],
  ])('by %s', (_what, groups, roles) => {
    expect(rolesFromClaims({ sub: 'x', groups }, rules())).toEqual({ ok: true, value: roles })
  })

  it.each<[string, string, Record<string, unknown>]>([
    ['groups are kept elsewhere', 'groups', { _claim_names: { groups: 'src1' }, _claim_sources: { src1: {} } }],
    ['there are too many for the token', 'groups', { hasgroups: true }],
    ['it says so as text', 'groups', { hasgroups: 'true' }],
    ['another claim is kept elsewhere', 'roles', { _claim_names: { roles: 'src1' } }],
    ['there are thousands', 'groups', { groups: Array.from({ length: 1_001 }, () => 'devs') }],
  ])('is unknown, and never nothing, where %s', (_what, claim, claims) => {
    expect(rolesFromClaims(claims, rules(claim))).toEqual({ ok: false, refusal: 'groupsUnknown' })
  })

  it('is known where the claim is there though others are elsewhere', () => {
    const claims = { groups: ['devs'], _claim_names: { groups: 'src1', other: 'src2' }, hasgroups: true }
    expect(rolesFromClaims(claims, rules())).toMatchObject({ ok: true })
    expect(rolesFromClaims({ _claim_names: { other: 'src2' } }, rules())).toMatchObject({ ok: true, value: ['guest'] })
    expect(rolesFromClaims({ _claim_names: 'groups' }, rules())).toMatchObject({ ok: true, value: ['guest'] })
  })
})
