import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseKeepingNumbers } from '#wire/jsonrpc/raw-json.ts'
import { digestArguments } from './argument-digest.ts'

const digestOf = (text: string, method = 'tools/call') =>
  // The texts below are objects.
  digestArguments(method, parseKeepingNumbers(text) as Parameters<typeof digestArguments>[1])

describe('what a request asks for', () => {
  test('is the same whatever belongs to the round', () => {
    expect(digestOf('{"name":"t","_meta":{"a":1},"requestState":"s","inputResponses":{"q":{}},"arguments":{}}')).toBe(
      digestOf('{"name":"t","arguments":{}}'),
    )
  })

  test.each([
    ['another tool', '{"name":"u","arguments":{"a":1}}'],
    ['another argument', '{"name":"t","arguments":{"a":2}}'],
    ['a digit that JavaScript would round away', '{"name":"t","arguments":{"a":1.00000000000000000001}}'],
    ['a string that looks like the number', '{"name":"t","arguments":{"a":"1"}}'],
    ['an object that looks like a raw number', '{"name":"t","arguments":{"a":{"rawJSON":"1"}}}'],
    ['a round member inside the arguments', '{"name":"t","arguments":{"a":1,"requestState":"s"}}'],
    ['another parameter', '{"name":"t","arguments":{"a":1},"task":{}}'],
    ['no arguments', '{"name":"t"}'],
    ['an own member called __proto__', '{"name":"t","arguments":{"a":1,"__proto__":{"x":1}}}'],
  ])('%s is another request', (_what, text) => {
    expect(digestOf(text)).not.toBe(digestOf('{"name":"t","arguments":{"a":1}}'))
  })

  test('another method is another request', () => {
    expect(digestOf('{"name":"t"}', 'prompts/get')).not.toBe(digestOf('{"name":"t"}'))
  })

  test('large numbers that differ in the last digit are two', () => {
    expect(digestOf('{"a":9007199254740993}')).not.toBe(digestOf('{"a":9007199254740992}'))
  })

  test('any order of members gives the same; two texts of different values never do', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (a, b) => {
        const reversed = Object.fromEntries(Object.entries(a).toReversed())
        const arguments_ = (value: unknown) => digestOf(JSON.stringify({ arguments: value }))
        expect(arguments_(reversed)).toBe(arguments_(a))
        if (sorted(a) !== sorted(b)) expect(arguments_(a)).not.toBe(arguments_(b))
      }),
    )
  })
})

/** An own idea of what equal means: every object's members in one order. */
function sorted(value: unknown): string {
  return JSON.stringify(JSON.parse(JSON.stringify(value)), (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1))
      : member,
  )
}
