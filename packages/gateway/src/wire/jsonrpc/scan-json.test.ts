import { describe, expect, test } from 'vitest'
import { scanJson } from './scan-json.ts'

describe('half surrogate pairs', () => {
  test.each([
    ['{"a": "\\ud800"}', true],
    ['["x", "\\n", "\\uDfff"]', true],
    ['{"\\ud83d\\ude00": 1}', true],
    ['["\\\\", "a", "\\ud800"]', true],
    ['["\\u0041", "\\n", "plain"]', false],
    ['["plain"]', false],
  ])('%s', (text, expected) => {
    expect(scanJson(text, 64).hasSurrogateEscapes).toBe(expected)
  })
})

test('many short strings take time in proportion, with and without a backslash at the end of the text', () => {
  // Four million characters. A search from each string to the end of the text would outlast the test's time limit many times over.
  const strings = '"a",'.repeat(1_000_000)
  expect(scanJson(`[${strings}"b"]`, 64)).toMatchObject({ depth: 1, members: 0, hasSurrogateEscapes: false })
  expect(scanJson(`[${strings}"\\ud800"]`, 64)).toMatchObject({ hasSurrogateEscapes: true })
})
