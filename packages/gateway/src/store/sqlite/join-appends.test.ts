import { expect, it } from 'vitest'
import { asTenantId } from '#core/ids.ts'
import type { AuditEntry } from '../ports/audit.ts'
import { joinAppends } from './join-appends.ts'
import type { StoreCall } from './messages.ts'

const entry = (id: string): AuditEntry => ({
  id,
  tenant: asTenantId('default'),
  timeMs: 1,
  requestId: null,
  body: '{}',
  personal: null,
})
const append = (id: number, ...entries: AuditEntry[]): StoreCall => ({
  id,
  port: 'audit',
  method: 'append',
  args: [entries],
})
const other = (id: number): StoreCall => ({ id, port: 'grants', method: 'revoke', args: [] })

function join(calls: readonly StoreCall[]) {
  const appended: AuditEntry[][] = []
  const audit = { append: async (entries: readonly AuditEntry[]) => void appended.push([...entries]) }
  const units = joinAppends(calls, (call) => async () => call.id, audit)
  return { units, appended }
}

it('appends of a group are run as one, in their order; every other call stays alone', async () => {
  const { units, appended } = join([append(1, entry('a'), entry('b')), other(2), append(3, entry('c')), other(4)])
  expect(units.map(({ calls }) => calls.map(({ id }) => id))).toEqual([[1, 3], [2], [4]])
  expect(await Promise.all(units.map(({ run }) => run()))).toEqual([undefined, 2, 4])
  expect(appended).toEqual([[entry('a'), entry('b'), entry('c')]])
})

it('a single append is a call like any other', async () => {
  const { units, appended } = join([append(1, entry('a')), other(2)])
  expect(await Promise.all(units.map(({ run }) => run()))).toEqual([1, 2])
  expect(appended).toEqual([])
})
