import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stripComments } from './strip-comments.ts'

test.each([
  ['{"a": 1, // b\n}', { a: 1 }],
  ['// first\n{"a": [1, 2, /* three */],}', { a: [1, 2] }],
  ['{"a": "// no comment", "b": "/* nor */", "c": ",}"}', { a: '// no comment', b: '/* nor */', c: ',}' }],
  ['{"a": "\\"//", "b": "\\\\"}', { a: '"//', b: '\\' }],
  ['\uFEFF{"a": 1}', { a: 1 }],
  ['{"a": 1 /* , */ , /* , */ }', { a: 1 }],
  ['{"a": 1} // at the end', { a: 1 }],
  ['[[1,],]', [[1]]],
])('%j', (text, expected) => {
  expect(JSON.parse(stripComments(text))).toEqual(expected)
  expect(stripComments(text)).toHaveLength(text.length)
})

test.each(['{"a": 1,,}', '{,}x', '{"a" 1}', '/* open', '"open', '{"a": 1} /'])(
  'what is no JSON stays none: %j',
  (text) => {
    expect(() => JSON.parse(stripComments(text)) as unknown).toThrow()
  },
)

test('JSON stays what it is', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 3 }), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      expect(stripComments(text)).toBe(text)
    }),
  )
})

test('any text keeps its length and its lines', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('"', '\\', '/', '*', ',', '}', ']', '{', '\n', ' ', 'a') }),
      (text) => {
        const plain = stripComments(text)
        expect(plain).toHaveLength(text.length)
        expect(plain.split('\n')).toHaveLength(text.split('\n').length)
      },
    ),
  )
})
