import { expect, test } from 'vitest'
import { FloodGate } from './flood-gate.ts'

test('so many pass in a minute, the first beyond is marked, and the next minute begins anew', () => {
  let now = 5
  const gate = new FloodGate(2, () => now)
  const four = () => [gate.pass(), gate.pass(), gate.pass(), gate.pass()]
  expect(four()).toEqual(['passes', 'passes', 'firstBeyond', 'beyond'])
  now += 59_999
  expect(gate.pass()).toBe('beyond')
  now += 1
  expect(four()).toEqual(['passes', 'passes', 'firstBeyond', 'beyond'])
})
