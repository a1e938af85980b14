import { expect, test } from 'vitest'
import { parseEventId, printEventId, printMessageEvent, printPrimingEvent } from './sse-event.ts'

test('a message event names its id, its type and one line of data', () => {
  expect(printMessageEvent('a1-2', '{"x":1}')).toBe('id: a1-2\nevent: message\ndata: {"x":1}\n\n')
})

test('a priming event has an id, an empty data field and the wait before coming back (2025-11-25)', () => {
  expect(printPrimingEvent('g1-0', 1500)).toBe('retry: 1500\nid: g1-0\ndata: \n\n')
})

test('an event id reads back as stream and sequence', () => {
  expect(parseEventId(printEventId('a12', 7))).toEqual({ stream: 'a12', sequence: 7 })
})

test.each(['', 'a1', 'a1-', '-1', 'a01-1', 'a1-01', 'a1--1', 'b1-1', 'a1-1 ', 'a1-1e3', `a1-${'9'.repeat(12)}`])(
  'what is not an id of ours is refused: %j',
  (text) => {
    expect(parseEventId(text)).toBeNull()
  },
)
