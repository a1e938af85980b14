import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printableName } from './printable-name.ts'

test.each([
  ['Claude Code', 'Claude Code'],
  ['  Claude \n\t Code  ', 'Claude Code'],
  ['\u202Eedoc\u202C Claude', 'edoc Claude'],
  ['Cl\u200Baude\u00AD', 'Claude'],
  ['a\u0000b\u001Bc', 'abc'],
  ['Zalgo\u0301\u0302\u0303\u0304\u0305', 'Zalg\u00F3\u0302\u0303'],
  ['日本語クライアント', '日本語クライアント'],
  ['\u2066\u2069\u200E', null],
  ['', null],
  ['x'.repeat(81), `${'x'.repeat(79)}…`],
])('%j is shown as %j', (name, shown) => {
  expect(printableName(name)).toBe(shown)
})

test('no name can bring control, direction or line characters, or more than 80 characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
      const shown = printableName(name)
      if (shown === null) return
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      expect([...shown].length).toBeLessThanOrEqual(80)
      expect(shown.trim()).toBe(shown)
    }),
  )
})
