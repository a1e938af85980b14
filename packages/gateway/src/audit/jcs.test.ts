import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from './jcs.ts'

describe('canonical JSON (RFC 8785)', () => {
  it('sorts members by UTF-16 code units (§3.2.3, the example of the RFC)', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'CR',
      '\ufb33': 'Dalet',
      '1': 'One',
      '\ud83d\ude00': 'Smiley',
      '\u0080': 'Control',
      '\u00f6': 'o',
    }
    expect(Object.keys(JSON.parse(canonicalJson(value)) as object).filter((key) => key !== '1')).toEqual([
      '\r',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\ud83d\ude00',
      '\ufb33',
    ])
    expect(canonicalJson(value).startsWith('{"\\r":"CR","1":"One"')).toBe(true)
  })

  it('prints numbers as ECMAScript does (§3.2.2.3)', () => {
    expect(canonicalJson([333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001])).toBe(
      '[333333333.3333333,1e+30,4.5,0.002,1e-27]',
    )
  })

  it('refuses what has no canonical form', () => {
    expect(() => canonicalJson(Number.NaN)).toThrow(TypeError)
    expect(() => canonicalJson('\ud800')).toThrow(TypeError)
  })

  it('gives one text per value, whatever the order of members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.integer()), (members) => {
        const reversed = Object.fromEntries(Object.entries(members).reverse())
        expect(canonicalJson(reversed)).toBe(canonicalJson(members))
        expect(JSON.parse(canonicalJson(members))).toEqual(members)
      }),
    )
  })
})
