import { expect, test } from 'vitest'
import { checkAnswer } from './check-answer.ts'

const TEXT = 'bench:begin 123 bench:end'
const EXPECTED = { id: 7, chars: TEXT.length, logMessages: 0 }
const answer = (id: unknown, text = TEXT, more = {}) =>
  JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }], ...more } })
const log = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: {} })
const response = (body: string, contentType = 'application/json', status = 200) => ({
  status,
  contentType,
  headers: new Map<string, string>(),
  body: Buffer.from(body),
})

test('the whole answer to this very request is right, alone or on a stream', () => {
  expect(checkAnswer(response(answer(7)), EXPECTED)).toBeNull()
  expect(checkAnswer(response(`event: message\ndata: ${answer(7)}\n\n`, 'text/event-stream'), EXPECTED)).toBeNull()
  const stream = response(`data: ${log}\n\nid: 1\ndata: ${answer(7)}\n\n`, 'text/event-stream; charset=utf-8')
  expect(checkAnswer(stream, { ...EXPECTED, logMessages: 1 })).toBeNull()
  expect(checkAnswer(stream, { ...EXPECTED, logMessages: null })).toBeNull()
})

test.each([
  ['another status', response(answer(7), 'application/json', 503)],
  ['another id', response(answer(8))],
  ['the id as text', response(answer('7'))],
  ['an error', response(JSON.stringify({ jsonrpc: '2.0', id: 7, error: { code: -1, message: 'no' } }))],
  ['an error of the tool', response(answer(7, TEXT, { isError: true }))],
  ['a result without its end', response(answer(7, 'bench:begin 123'.padEnd(TEXT.length)))],
  ['a result that is too short', response(answer(7, 'bench:begin bench:end'))],
  ['another content type', response(answer(7), 'text/html')],
  ['a log message too many', response(`data: ${log}\n\ndata: ${answer(7)}\n\n`, 'text/event-stream')],
  ['two answers', response(`data: ${answer(7)}\n\ndata: ${answer(7)}\n\n`, 'text/event-stream')],
])('%s is wrong', (_, given) => {
  expect(checkAnswer(given, EXPECTED)).toEqual(expect.any(String))
})
