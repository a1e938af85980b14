import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SseReader } from './sse-reader.ts'

const read = (reader: SseReader, text: string) => reader.push(Buffer.from(text))

describe('reading an event stream (WHATWG HTML §9.2.6)', () => {
  test('id, type and data of an event', () => {
    expect(read(new SseReader(1000), 'id: 7\nevent: message\ndata: {"a":1}\n\n')).toEqual([
      { id: '7', type: 'message', data: '{"a":1}' },
    ])
  })

  test('several data lines are joined, comments and unknown fields skipped, one leading space dropped', () => {
    expect(read(new SseReader(1000), ': hello\ndata:one\ndata:  two\nfoo: bar\n\n')).toEqual([
      { id: null, type: 'message', data: 'one\n two' },
    ])
  })

  test('a priming event has an id and empty data', () => {
    const reader = new SseReader(1000)
    expect(read(reader, 'retry: 250\nid: 1\ndata: \n\n')).toEqual([{ id: '1', type: 'message', data: '' }])
    expect(reader.retryMs).toBe(250)
  })

  test('every line end of the standard, cut anywhere, gives the same events', () => {
    fc.assert(
      fc.property(fc.constantFrom('\n', '\r', '\r\n'), fc.array(fc.nat({ max: 60 })), (end, cuts) => {
        const bytes = Buffer.from(['id: 1', 'data: é1', '', 'data: 2', 'data: 3', '', ''].join(end))
        const reader = new SseReader(1000)
        const points = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length]
        const events = points.slice(1).flatMap((to, index) => reader.push(bytes.subarray(points[index], to)) ?? [])
        // A lone CR at the very end may still be half of a CRLF; what counts is that no event appears twice or changes.
        expect(events.slice(0, 2)).toEqual([
          { id: '1', type: 'message', data: 'é1' },
          { id: null, type: 'message', data: '2\n3' },
        ])
        expect(events).toHaveLength(2)
      }),
    )
  })

  test('an event above the bound is refused, in one line or in many', () => {
    expect(read(new SseReader(10), `data: ${'x'.repeat(11)}\n`)).toBeNull()
    expect(read(new SseReader(10), 'x'.repeat(11))).toBeNull()
    expect(read(new SseReader(10), 'data: 123456\ndata: 123456\n')).toBeNull()
  })

  test('invalid UTF-8 is refused', () => {
    expect(new SseReader(100).push(Uint8Array.from([0x64, 0xff, 0x0a]))).toBeNull()
  })

  test('an id that could not be a header value is not kept', () => {
    expect(read(new SseReader(1000), 'id: a\u00e9\ndata: 1\n\n')).toEqual([{ id: null, type: 'message', data: '1' }])
  })
})
