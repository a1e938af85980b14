import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printLine } from './print-line.ts'

test('every line end that is no control character is escaped, and nothing else', () => {
  expect(printLine('{"a\u2028":"\u2029\u0085 \u2027 \\u2028 é \u{1f600}"}')).toBe(
    '{"a\\u2028":"\\u2029\\u0085 \u2027 \\u2028 é \u{1f600}"}',
  )
  expect(printLine('{"a":1}')).toBe('{"a":1}')
})

test('the value stays the same, and Node and Python see one line', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const line = printLine(JSON.stringify(value))
      expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)))
      expect(line).not.toMatch(/[\n\r\v\f\x1c-\x1e\u0085\u2028\u2029]/)
    }),
  )
})
