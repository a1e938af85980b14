import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableJson } from './printable.ts'

describe('printable text', () => {
  it.each([
    ['\u001b[2J\u001b[31mred', '\\u{1b}[2J\\u{1b}[31mred'],
    ['\u001b]0;title\u0007', '\\u{1b}]0;title\\u{7}'],
    ['\u009b31m', '\\u{9b}31m'],
    ['two\nlines\r\tand a tab', 'two\\u{a}lines\\u{d}\\u{9}and a tab'],
    ['gpj.\u202eexe', 'gpj.\\u{202e}exe'],
    ['zero\u200bwidth\ufeff', 'zero\\u{200b}width\\u{feff}'],
    ['\u2066isolate\u2069', '\\u{2066}isolate\\u{2069}'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['half \ud800', 'half \\u{d800}'],
    ['Zoë 日本 👩‍', 'Zoë 日本 👩\\u{200d}'],
  ])('%j', (text, expected) => {
    expect(printable(text)).toBe(expected)
  })

  it('never holds a control character, whatever it was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const character of printable(text)) {
          const code = character.codePointAt(0) ?? 0
          expect(code >= 0x20 && !(code >= 0x7f && code <= 0x9f)).toBe(true)
        }
      }),
    )
  })
})

describe('printable JSON', () => {
  it('reads back as what it was, and is as safe to show', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (value) => {
        const text = printableJson(value)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect([...text].every((character) => character === '\n' || printable(character) === character)).toBe(true)
      }),
    )
  })
})
