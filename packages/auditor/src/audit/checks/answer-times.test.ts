import { expect, test } from 'vitest'
import type { Answer } from '../exchange/ask.ts'
import { slowerKind } from './answer-times.ts'

const answer = (durationMs: number, change: Partial<Answer> = {}): Answer => ({
  status: 401,
  headers: [],
  text: '',
  isCut: false,
  failure: null,
  durationMs,
  tlsVersion: null,
  ...change,
})

/** Answers with these durations, one after the other and from the start again. */
function kind(name: string, ...durations: readonly number[]) {
  let asked = 0
  return { name, ask: () => Promise.resolve(answer(durations[asked++ % durations.length] ?? 0)) }
}

test('a kind that takes longer each time is told', async () => {
  const kinds = [kind('text', 7, 8, 9), kind('key', 90, 80, 100), kind('none', 5)]
  expect(await slowerKind(kinds)).toEqual({ slow: 'key', quick: 'none', spreadMs: 85 })
})

test('two slow answers of five change nothing, and neither does a busy moment', async () => {
  expect(await slowerKind([kind('text', 5), kind('key', 900, 5, 5, 900, 5)])).toBe(null)
  expect(await slowerKind([kind('text', 5), kind('key', 90, 90, 90, 90, 90, 5, 5, 5, 5, 5)])).toBe(null)
})

test('no difference is made of answers that did not come', async () => {
  const away = { name: 'key', ask: () => Promise.resolve(answer(3000, { status: 0, failure: 'timeout' })) }
  const limited = { name: 'key', ask: () => Promise.resolve(answer(3000, { status: 429 })) }
  expect(await slowerKind([kind('text', 5), away])).toBe(null)
  expect(await slowerKind([kind('text', 5), limited])).toBe(null)
})
