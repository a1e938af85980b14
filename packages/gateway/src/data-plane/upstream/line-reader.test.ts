import { expect, test } from 'vitest'
import { LineReader } from './line-reader.ts'

const read = (reader: LineReader, text: string) =>
  reader.push(Buffer.from(text))?.map((line) => Buffer.from(line).toString())

test('lines come out whole however they are cut', () => {
  const reader = new LineReader(100)
  expect(read(reader, 'on')).toEqual([])
  expect(read(reader, 'e\ntwo\nth')).toEqual(['one', 'two'])
  expect(read(reader, 'ree\r\n\n')).toEqual(['three', ''])
})

test('a character cut in two bytes by a chunk is whole again in its line', () => {
  const reader = new LineReader(100)
  const bytes = Buffer.from('é\n')
  expect(reader.push(bytes.subarray(0, 1))).toEqual([])
  expect(Buffer.from(reader.push(bytes.subarray(1))?.[0] ?? []).toString()).toBe('é')
})

test('a line of exactly the limit passes, one byte more does not, finished or not', () => {
  expect(read(new LineReader(4), 'abcd\n')).toEqual(['abcd'])
  expect(read(new LineReader(4), 'abcde\n')).toBeUndefined()
  expect(read(new LineReader(4), 'abcde')).toBeUndefined()
})
