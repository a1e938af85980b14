import { expect, it } from 'vitest'
import { smallEntry } from '../../../test/support/store.ts'
import { StoreFailure, StoreUnavailable, WriterEnded } from '../errors.ts'
import type { AuditEntry } from '../ports/audit.ts'
import { appendTogether } from './append-together.ts'

/** A log that writes when it is told to, and notes what came in one go. */
function log() {
  const written: { ids: string[]; writer: string | undefined }[] = []
  const due: { resolve(): void; reject(cause: Error): void }[] = []
  const { append, close } = appendTogether((entries: readonly AuditEntry[], writer?: string) => {
    written.push({ ids: entries.map(({ id }) => id), writer })
    return new Promise((resolve, reject) => due.push({ resolve, reject }))
  })
  return {
    written,
    append: (id: string, writer?: string) => append([smallEntry(id)], writer),
    close,
    settle: async (cause?: Error) => {
      const next = due.shift()
      if (cause === undefined) next?.resolve()
      else next?.reject(cause)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

it('what comes while others are written goes together, and is answered when it is written', async () => {
  const { append, settle, written } = log()
  const first = append('a')
  let answered = 0
  const others = ['b', 'c', 'd'].map((id) => append(id).then(() => (answered += 1)))
  expect(written.map(({ ids }) => ids)).toEqual([['a']])
  await settle()
  await first
  expect(written.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c', 'd']])
  expect(answered).toBe(0)
  await settle()
  await Promise.all(others)
  const last = append('e')
  await settle()
  await last
  expect(written.at(-1)?.ids).toEqual(['e'])
})

it('those of different writers do not go together', async () => {
  const { append, settle, written } = log()
  const all = [append('a'), append('b', 'one'), append('c', 'one'), append('d', 'two'), append('e', 'one')]
  for (let i = 0; i < 4; i += 1) await settle()
  await Promise.all(all)
  expect(written).toEqual([
    { ids: ['a'], writer: undefined },
    { ids: ['b', 'c'], writer: 'one' },
    { ids: ['d'], writer: 'two' },
    { ids: ['e'], writer: 'one' },
  ])
})

it('when one is to blame each goes alone, and the others are written', async () => {
  const { append, settle, written } = log()
  const first = append('a')
  const others = Promise.allSettled([append('b'), append('again'), append('c')])
  await settle()
  await first
  await settle(new StoreFailure('duplicate'))
  await settle()
  await settle(new StoreFailure('duplicate'))
  await settle()
  expect((await others).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(written.map(({ ids }) => ids)).toEqual([['a'], ['b', 'again', 'c'], ['b'], ['again'], ['c']])
})

it.each([new StoreUnavailable('lost'), new WriterEnded()])(
  'after %s nothing is written a second time',
  async (cause) => {
    const { append, settle, written } = log()
    const first = append('a')
    const others = Promise.allSettled([append('b'), append('c')])
    await settle()
    await first
    await settle(cause)
    for (const outcome of await others) expect(outcome).toEqual({ status: 'rejected', reason: cause })
    expect(written).toHaveLength(2)
  },
)

it('at most 256 calls go together, and at most 4096 wait', async () => {
  const { append, settle, written } = log()
  const first = append('first')
  const all = Array.from({ length: 4_096 }, (_, i) => append(`${i}`))
  await expect(append('too many')).rejects.toThrow(StoreUnavailable)
  for (let i = 0; i < 17; i += 1) await settle()
  await Promise.all([first, ...all])
  expect(written.map(({ ids }) => ids.length)).toEqual([1, ...Array.from({ length: 16 }, () => 256)])
})

it('closing waits for what was asked for, and refuses what comes after', async () => {
  const { append, settle, close } = log()
  const asked = [append('a'), append('b')]
  let isDone = false
  const closed = close().then(() => (isDone = true))
  await expect(append('c')).rejects.toThrow('the store is closed')
  await settle()
  expect(isDone).toBe(false)
  await settle()
  await Promise.all([...asked, closed])
})
