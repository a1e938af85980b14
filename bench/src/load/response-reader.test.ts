import { describe, expect, test } from 'vitest'
import { ResponseReader } from './response-reader.ts'

const WHOLE = [
  ['with a length', 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
  ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n', 'hello'],
  [
    'with line ends in its chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na\r\nb\r\n0\r\n\r\n',
    'a\r\nb',
  ],
  ['without a body', 'HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n', ''],
] as const

describe.each(WHOLE)('a response %s', (_, text, body) => {
  test('is read at once, and so is the next one on the connection', () => {
    const reader = new ResponseReader()
    for (let count = 0; count < 2; count += 1) {
      expect(reader.push(Buffer.from(text))?.body.toString()).toBe(body)
    }
  })

  test('is read byte by byte', () => {
    const reader = new ResponseReader()
    const read = [...Buffer.from(text)].map((byte) => reader.push(Buffer.from([byte])))
    expect(read.slice(0, -1).every((one) => one === null)).toBe(true)
    expect(read.at(-1)?.body.toString()).toBe(body)
  })
})

test('what is longer than it said, or does not say its length, is refused', () => {
  for (const text of [
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab',
    'HTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  ]) {
    expect(() => new ResponseReader().push(Buffer.from(text))).toThrow()
  }
})
