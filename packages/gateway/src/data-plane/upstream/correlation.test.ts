import { describe, expect, test } from 'vitest'
import { PendingTable, progressTokenOf, withOurIds } from './correlation.ts'

describe('pending requests of one direction', () => {
  test('1 and "1" are different ids', () => {
    const table = new PendingTable<string>(10)
    const [first, second] = [table.open(1, null, 'number'), table.open('1', null, 'text')]
    expect([first.ok, second.ok]).toEqual([true, true])
    expect(table.byOriginalId(1)?.value).toBe('number')
    expect(table.byOriginalId('1')?.value).toBe('text')
  })

  test('an id in use is refused, and free again when its request is over', () => {
    const table = new PendingTable<null>(10)
    const opened = table.open('a', null, null)
    expect(table.open('a', null, null)).toEqual({ ok: false, refusal: 'idInUse' })
    if (opened.ok) table.close(opened.value)
    expect(table.open('a', null, null).ok).toBe(true)
  })

  test('the table is bounded', () => {
    const table = new PendingTable<null>(1)
    table.open('a', null, null)
    expect(table.open('b', null, null)).toEqual({ ok: false, refusal: 'tooMany' })
  })

  test('our ids are never given twice, also not after their request is over', () => {
    const table = new PendingTable<null>(10)
    const ids = new Set<number>()
    for (let round = 0; round < 5; round += 1) {
      const opened = table.open(round, null, null)
      if (!opened.ok) throw new Error('not opened')
      ids.add(opened.value.ourId)
      table.close(opened.value)
    }
    expect(ids.size).toBe(5)
  })

  test.each(['1', null, undefined, true, [1], { id: 1 }])('%j is no id of ours', (id) => {
    const table = new PendingTable<null>(10)
    table.open('x', null, null)
    expect(table.byOurId(id)).toBeNull()
  })
})

describe('renaming a request', () => {
  test('only the id and the progress token change; everything unknown stays', () => {
    const table = new PendingTable<null>(10)
    const object = {
      jsonrpc: '2.0',
      id: 'theirs',
      method: 'tools/call',
      extra: { kept: true },
      params: { name: 'x', unknown: [1], _meta: { progressToken: 'mine', traceparent: '00-1' } },
    }
    const opened = table.open('theirs', progressTokenOf(object.params), null)
    if (!opened.ok) throw new Error('not opened')
    expect(withOurIds(object, opened.value)).toEqual({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      extra: { kept: true },
      params: { name: 'x', unknown: [1], _meta: { progressToken: 1, traceparent: '00-1' } },
    })
    expect(object.id).toBe('theirs')
  })

  test('a member called __proto__ stays a member', () => {
    const table = new PendingTable<null>(10)
    const opened = table.open(5, 'p', null)
    if (!opened.ok) throw new Error('not opened')
    const object = JSON.parse('{"id":5,"params":{"__proto__":{"a":1},"_meta":{"progressToken":"p"}}}')
    expect(JSON.stringify(withOurIds(object, opened.value))).toBe(
      '{"id":1,"params":{"__proto__":{"a":1},"_meta":{"progressToken":1}}}',
    )
  })
})
