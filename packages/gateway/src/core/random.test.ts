import { expect, test } from 'vitest'
import { systemRandom, uuidv7 } from './random.ts'

test('draws have the length asked for, and no two are alike, also where they are cut from one block', () => {
  const draws = Array.from({ length: 5_000 }, () => systemRandom.bytes(16))
  expect(draws.every((bytes) => bytes.length === 16)).toBe(true)
  expect(new Set(draws.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(5_000)
  for (const count of [0, 1, 63, 64, 65, 10_000]) expect(systemRandom.bytes(count)).toHaveLength(count)
})

test('a draw is the caller’s own: nothing else sees it, and what the caller writes into it changes no other draw', () => {
  const first = systemRandom.bytes(32)
  const second = systemRandom.bytes(32)
  expect(first.buffer).not.toBe(second.buffer)
  const before = Buffer.from(second).toString('hex')
  first.fill(0)
  expect(Buffer.from(second).toString('hex')).toBe(before)
})

test('a UUID of version 7 holds its time and is new each time', () => {
  const ids = Array.from({ length: 1_000 }, () => uuidv7(systemRandom, 0x0123456789ab))
  expect(new Set(ids).size).toBe(1_000)
  for (const id of ids) expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
