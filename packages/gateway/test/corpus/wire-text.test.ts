import fc from 'fast-check'
import { expect, it } from 'vitest'
import { at, printWire, readWire, replaceIn, withAt } from './wire-text.ts'

it('reads what JSON.stringify prints, and prints it again', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      expect(JSON.parse(printWire(readWire(text)))).toEqual(JSON.parse(text))
    }),
  )
})

it('keeps order, numbers and duplicates, and forgets spacing and escapes', () => {
  const text = ' { "b" : 1.0 , "1" : -0 , "\\u0061" : [ 1e400, 9007199254740993 ], "b":"\\u00e9\\ud800" }\n'
  expect(printWire(readWire(text))).toBe('{"b":1.0,"1":-0,"a":[1e400,9007199254740993],"b":"é\\ud800"}')
})

it.each(['{', '[1,]', '{"a"}', '01', '"\n"', '1 2', '', 'nul', '{"a":1,}'])('refuses %j', (text) => {
  expect(() => readWire(text)).toThrow()
})

it('finds, changes and takes away one member, and leaves the rest of the text alone', () => {
  const text = '{ "a": {"id" : 7 }, "b":1.0}'
  const node = readWire(text)
  const id = at(node, ['a', 'id'])
  if (id === null) throw new Error('not found')
  expect(replaceIn(text, id, '"x"')).toBe('{ "a": {"id" : "x" }, "b":1.0}')
  expect(printWire(withAt(node, ['a', 'id'], null))).toBe('{"a":{},"b":1.0}')
  expect(printWire(withAt(node, ['c'], readWire('[]')))).toBe('{"a":{"id":7},"b":1.0,"c":[]}')
})
