import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readDecision, type ScopeChoices } from './scope-choices.ts'

const choice = (scope: string) =>
  ({ scope, meaning: { kind: 'class', toolClass: 'read' }, isFarReaching: false }) as const
const CHOICES: ScopeChoices = { asked: [choice('n:read')], more: [choice('n:write')], beyondRole: ['n:admin'] }

test.each([
  ['decision=allow&scope=n:read', { kind: 'allow', scopes: ['n:read'] }],
  ['decision=allow&scope=n:write&scope=n:read&scope=n:read', { kind: 'allow', scopes: ['n:write', 'n:read'] }],
  ['decision=deny', { kind: 'deny' }],
  ['decision=deny&scope=n:read', { kind: 'deny' }],
  ['decision=allow', { kind: 'nothingTicked' }],
  ['decision=allow&scope=', { kind: 'beyondRole', scopes: [''] }],
  ['decision=allow&scope=n:admin', { kind: 'beyondRole', scopes: ['n:admin'] }],
  ['decision=allow&scope=n:read&scope=n:admin', { kind: 'beyondRole', scopes: ['n:admin'] }],
  ['scope=n:read', { kind: 'undecided' }],
  ['decision=ALLOW&scope=n:read', { kind: 'undecided' }],
  ['', { kind: 'undecided' }],
])('%s is read as %j', (form, decision) => {
  expect(readDecision(new URLSearchParams(form), CHOICES)).toEqual(decision)
})

test('whatever is posted, only offered scopes are ever allowed', () => {
  const scope = fc.oneof(fc.constantFrom('n:read', 'n:write', 'n:admin', 'n:*', 'other:read'), fc.string())
  fc.assert(
    fc.property(fc.array(scope), fc.constantFrom('allow', 'deny', '', 'allow '), (scopes, word) => {
      const form = new URLSearchParams([
        ['decision', word],
        ...scopes.map((value) => ['scope', value] as [string, string]),
      ])
      const decision = readDecision(form, CHOICES)
      if (decision.kind !== 'allow') return
      expect(decision.scopes.length).toBeGreaterThan(0)
      expect(decision.scopes.every((value) => value === 'n:read' || value === 'n:write')).toBe(true)
    }),
  )
})
