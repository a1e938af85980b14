import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLiterals } from './literals.ts'
import { TextReader } from './text-reader.ts'

type Found = readonly [string, number]

function scan(literals: readonly string[], text: string, ignoresCase: boolean): Found[] {
  const found: Found[] = []
  const search = createLiterals(
    literals.map((literal) => ({ literal, named: literal })),
    { ignoresCase },
  )
  search(new TextReader(text), (named, at) => found.push([named, at]))
  return found
}

/** What the standard library finds, one literal after the other. */
function onebyOne(literals: readonly string[], text: string, ignoresCase: boolean): Found[] {
  const found: Found[] = []
  for (const literal of literals)
    for (let at = 0; at <= text.length - literal.length; at++) {
      const here = text.slice(at, at + literal.length)
      if ((ignoresCase ? here.toLowerCase() : here) === literal) found.push([literal, at])
    }
  return found
}

const ordered = (found: readonly Found[]) => found.toSorted(([a, i], [b, j]) => i - j || (a < b ? -1 : 1))

describe('literals in one pass', () => {
  it.each([false, true])('are those that a search for each finds (case ignored: %s)', (ignoresCase) => {
    const letters = fc.constantFrom('a', 'b', '_', '1')
    const literal = fc.array(letters, { minLength: 2, maxLength: 4 }).map((parts) => parts.join(''))
    const text = fc.array(fc.constantFrom('a', 'A', 'b', 'B', '_', '1', 'é', '\u{1F600}'), { maxLength: 60 })
    fc.assert(
      fc.property(fc.uniqueArray(literal, { maxLength: 12 }), text, (literals, parts) => {
        const written = parts.join('')
        expect(ordered(scan(literals, written, ignoresCase))).toEqual(ordered(onebyOne(literals, written, ignoresCase)))
      }),
    )
  })

  it('are found at the very beginning and end, and side by side', () => {
    expect(scan(['ab'], 'ab.abab', false)).toEqual([
      ['ab', 0],
      ['ab', 3],
      ['ab', 5],
    ])
  })

  it('are not found where the text ends within one', () => {
    expect(scan(['abc'], 'xab', false)).toEqual([])
  })

  it('more beginnings than the table holds are a mistake of the programmer', () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      String.fromCharCode(33 + (index % 80), 33 + Math.floor(index / 80)),
    )
    expect(() => scan(many, '', false)).toThrow(/table/)
  })
})
