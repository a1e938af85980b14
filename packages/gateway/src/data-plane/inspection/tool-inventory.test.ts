import { describe, expect, test } from 'vitest'
import { asServerId } from '#core/ids.ts'
import type { ServerEntry } from '#core/snapshot.ts'
import type { ToolClass } from '#core/tool-classes.ts'
import type { JsonObject, JsonValue } from '#wire/jsonrpc/message.ts'
import { type ListPage, ToolInventory } from './tool-inventory.ts'

function serverWith(toolClasses: Record<string, ToolClass> = {}): ServerEntry {
  return {
    id: asServerId('notes'),
    title: 'notes',
    description: '',
    resource: 'http://127.0.0.1/mcp/notes',
    upstream: { kind: 'http', url: 'http://127.0.0.1/', headers: new Map(), network: 'loopback' },
    baselineClasses: ['read'],
    toolClasses: new Map(Object.entries(toolClasses)),
    toolScopes: new Set(),
    limits: {
      requestBytesMax: 1,
      responseBytesMax: 1,
      callTimeoutSeconds: 1,
      sessionsPerSubjectMax: 1,
      idleSeconds: 1,
    },
  }
}

const tool = (name: JsonValue, more: JsonObject = {}): JsonObject => ({
  name,
  inputSchema: { type: 'object' },
  ...more,
})
const limits = { toolPagesMax: 3, toolsMax: 5 }

function pages(...results: (JsonObject | null)[]) {
  const asked: (JsonValue | null)[] = []
  const listPage: ListPage = async (cursor) => {
    asked.push(cursor)
    return results[asked.length - 1] ?? null
  }
  return { asked, listPage }
}

describe('the tools of one session', () => {
  test('an unknown tool makes the list be read, every page of it, once for all who wait', async () => {
    const { asked, listPage } = pages({ tools: [tool('get_a')], nextCursor: 'p2' }, { tools: [tool('delete_b')] })
    const inventory = new ToolInventory(listPage, limits)
    expect(
      await Promise.all([inventory.classOf('delete_b', serverWith()), inventory.classOf('get_a', serverWith())]),
    ).toEqual(['destructive', 'read'])
    expect(asked).toEqual([null, 'p2'])
    await inventory.classOf('get_a', serverWith())
    expect(asked).toHaveLength(2)
  })

  test('a tool that is not listed has no class; pages without end are not read for ever', async () => {
    const { asked, listPage } = pages(
      ...Array.from({ length: 9 }, (_, index) => ({ tools: [tool(`get_${index}`)], nextCursor: `p${index}` })),
    )
    expect(await new ToolInventory(listPage, limits).classOf('nobody', serverWith())).toBeNull()
    expect(asked).toHaveLength(3)
  })

  test('a cursor that leads to itself ends the list', async () => {
    const { asked, listPage } = pages({ tools: [], nextCursor: 'p' }, { tools: [], nextCursor: 'p' }, { tools: [] })
    await new ToolInventory(listPage, limits).classOf('nobody', serverWith())
    expect(asked).toHaveLength(2)
  })

  test('a change announced while the list is read makes it be read again', async () => {
    let asked = 0
    const inventory = new ToolInventory(async () => {
      asked += 1
      if (asked === 1) inventory.clear()
      return { tools: [tool(asked === 1 ? 'get_old' : 'get_new')] }
    }, limits)
    expect(await inventory.classOf('get_new', serverWith())).toBe('read')
    expect(asked).toBe(2)
  })

  test('the word of the operator stands, downwards too', async () => {
    const { listPage } = pages({ tools: [tool('delete_b')] })
    expect(await new ToolInventory(listPage, limits).classOf('delete_b', serverWith({ delete_b: 'read' }))).toBe('read')
  })

  test('an upstream that cannot be asked is not one without tools', async () => {
    const inventory = new ToolInventory(async () => await Promise.reject(new Error('gone')), limits)
    await expect(inventory.classOf('x', serverWith())).rejects.toThrow('gone')
  })

  test('what is no tool is left out: no name, no schema, a name with invisible characters, a second definition', () => {
    const inventory = new ToolInventory(async () => null, limits)
    const learned = inventory.learn(
      [
        tool('get_a'),
        tool('get_a', { description: 'another' }),
        tool(''),
        tool(7),
        tool('get\u202ea'),
        tool('x'.repeat(300)),
        { name: 'get_schemaless' },
        'text',
        null,
        tool('__proto__'),
      ],
      serverWith(),
    )
    expect(learned.map(({ name }) => name)).toEqual(['get_a', '__proto__'])
    expect(inventory.learn('not a list', serverWith())).toEqual([])
  })

  test('remembers a bounded number of tools', async () => {
    const inventory = new ToolInventory(async () => null, limits)
    inventory.learn(
      Array.from({ length: 9 }, (_, index) => tool(`get_${index}`)),
      serverWith(),
    )
    expect(await inventory.classOf('get_4', serverWith())).toBe('read')
    expect(await inventory.classOf('get_8', serverWith())).toBeNull()
  })

  test('a class rises and does not fall while nothing is announced: second definitions, later pages, later listings', async () => {
    const readOnly = { annotations: { readOnlyHint: true } }
    const destructive = { annotations: { destructiveHint: true } }
    const twice = new ToolInventory(
      async () => ({ tools: [tool('get_a', readOnly), tool('get_a', destructive)] }),
      limits,
    )
    expect(await twice.classOf('get_a', serverWith())).toBe('destructive')
    const { listPage } = pages({ tools: [tool('get_a', destructive)], nextCursor: 'p2' }, { tools: [tool('get_a')] })
    const paged = new ToolInventory(listPage, limits)
    expect(await paged.classOf('get_a', serverWith())).toBe('destructive')
    paged.learn([tool('get_a', readOnly)], serverWith())
    expect(await paged.classOf('get_a', serverWith())).toBe('destructive')
    paged.clear()
    paged.learn([tool('get_a', readOnly)], serverWith())
    expect(await paged.classOf('get_a', serverWith())).toBe('read')
  })

  test('a name that no listing can hold is not asked for', async () => {
    const { asked, listPage } = pages()
    const inventory = new ToolInventory(listPage, limits)
    for (const name of ['x'.repeat(300), 'get\u200b_a', 'get_a\n', '']) {
      expect(await inventory.classOf(name, serverWith())).toBeNull()
    }
    expect(asked).toEqual([])
  })
})
