import { expect, it } from 'vitest'
import { asClientId, type ClientId, DEFAULT_TENANT } from '#core/ids.ts'
import { eventually } from '../../test/support/eventually.ts'
import { fakeClock } from '../../test/support/tokens.ts'
import { startNotingKeyUses } from './note-key-uses.ts'

const HOUR_MS = 3_600_000
const key = (name: string) => ({ clientId: asClientId(name) })

function start(everyMs: number) {
  const written: { keyId: ClientId; at: number }[][] = []
  const warnings: string[] = []
  const clock = fakeClock()
  let isBroken = false
  const apiKeys = {
    noteUses: async (_tenant: unknown, uses: readonly { keyId: ClientId; at: number }[]) => {
      if (isBroken) throw new Error('gone')
      written.push([...uses])
    },
  }
  const quiet = () => {}
  const log = { debug: quiet, info: quiet, error: quiet, warn: (message: string) => void warnings.push(message) }
  const uses = startNotingKeyUses(apiKeys, DEFAULT_TENANT, clock, log, everyMs)
  return { uses, written, warnings, clock, breakStore: (broken: boolean) => (isBroken = broken) }
}

it('thousands of uses are one write of the last time of each, when it stops at the latest', async () => {
  const { uses, written, clock } = start(HOUR_MS)
  for (let call = 0; call < 5_000; call += 1) uses.note(key(call % 2 === 0 ? 'a' : 'b'))
  clock.advanceMs(5_000)
  uses.note(key('a'))
  expect(written).toEqual([])
  await uses.stop()
  expect(written).toEqual([
    [
      { keyId: 'a', at: clock.nowSeconds() },
      { keyId: 'b', at: clock.nowSeconds() - 5 },
    ],
  ])
})

it('writes by itself, in pieces, and what could not be written stops nobody', async () => {
  const { uses, written, warnings, breakStore } = start(5)
  for (let index = 0; index < 450; index += 1) uses.note(key(`key ${index}`))
  await eventually(() => expect(written.map((piece) => piece.length)).toEqual([200, 200, 50]))
  breakStore(true)
  uses.note(key('a'))
  await eventually(() => expect(warnings.length).toBeGreaterThan(0))
  breakStore(false)
  uses.note(key('b'))
  await eventually(() => expect(written.at(-1)?.map(({ keyId }) => keyId)).toEqual(['b']))
  await uses.stop()
})
