import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

test('a cell and candidates are named for a short run without probes', () => {
  const { action, plan, hasProbes } = parseOptions('--cell call --candidates gateway,sdk-proxy --rounds 2'.split(' '))
  expect(action).toBe('measure')
  expect(hasProbes).toBe(false)
  expect(plan).toMatchObject({ mode: 'one', rounds: 2 })
  expect(plan.cells.map(({ id, candidates }) => ({ id, candidates }))).toEqual([
    { id: 'call', candidates: ['gateway', 'sdk-proxy'] },
  ])
})

test('another checkout joins wherever the gateway is', () => {
  const { plan } = parseOptions(['--cell', 'call,tokens-100000', '--against', '/elsewhere'])
  expect(plan.cells.map(({ candidates }) => candidates.includes('gateway-against'))).toEqual([true, false])
})

test('a profile is of one cell, the plain call unless another is named', () => {
  expect(parseOptions(['--profile'])).toMatchObject({ action: 'profile', plan: { cells: [{ id: 'call' }] } })
  expect(parseOptions(['--profile', '--cell', 'sse'])).toMatchObject({ plan: { cells: [{ id: 'sse' }] } })
})

test('the token endpoint is measured by itself', () => {
  expect(parseOptions(['--token-endpoint']).action).toBe('tokenEndpoint')
})

test.each([
  [['--cell', 'nonsense'], 'no cell "nonsense"'],
  [['--candidates', 'gateway,nonsense'], 'no candidate "nonsense"'],
  [['--cell', 'tokens-100000', '--candidates', 'gateway'], 'None of these cells'],
  [['--rounds', 'many'], '--rounds takes a whole number'],
  [['--nonsense'], '--nonsense'],
])('%j is refused', (args, message) => {
  expect(() => parseOptions(args)).toThrow(message)
})
