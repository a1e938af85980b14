import { describe, expect, it } from 'vitest'
import { asSubjectId, DEFAULT_TENANT } from '#core/ids.ts'
import type { Account } from '#store/ports/accounts.ts'
import type { FeedEntry } from '#store/ports/feed.ts'
import { createBoundedMap } from './bounded-map.ts'
import { createMemberships } from './memberships.ts'

const ada = asSubjectId('subject-a')

function account(roles: readonly string[], status: Account['status'] = 'active'): Account {
  return {
    tenant: DEFAULT_TENANT,
    subject: ada,
    username: 'a',
    displayName: 'A',
    passwordHash: '',
    roles,
    status,
    createdAt: 0,
    passwordChangedAt: 0,
  }
}

/** Accounts whose answers the test gives by hand, and a feed that it speaks for. */
function world() {
  const waiting: { resolve(account: Account | null): void; reject(cause: Error): void }[] = []
  const listeners: ((entries: readonly FeedEntry[]) => void)[] = []
  let forget = () => {}
  let position = 10
  const memberships = createMemberships({
    accounts: { find: () => new Promise((resolve, reject) => waiting.push({ resolve, reject })) },
    changes: {
      onEntries: (listener) => {
        listeners.push(listener)
        return () => {}
      },
      onReplay: (listener) => {
        forget = listener
        return () => {}
      },
      position: () => position,
    },
  })
  const announce = (kind: FeedEntry['kind'], id: string) => {
    position += 1
    const entry = { number: position, tenant: DEFAULT_TENANT, kind, id, at: 0, grantsBelow: null }
    for (const listener of listeners) listener([entry])
  }
  const roles = () => memberships.rolesOf(DEFAULT_TENANT, ada)
  return { waiting, announce, replay: () => forget(), memberships, roles }
}

describe('memberships', () => {
  it('are loaded once for many callers, and kept', async () => {
    const { waiting, roles } = world()
    const callers = [roles(), roles(), roles()]
    await Promise.resolve()
    expect(waiting.length).toBe(1)
    waiting[0]?.resolve(account(['reader']))
    expect(await Promise.all(callers)).toEqual(Array(3).fill({ roles: ['reader'], version: 10 }))
    expect(await roles()).toEqual({ roles: ['reader'], version: 10 })
    expect(waiting.length).toBe(1)
  })

  it('tell who listens whose roles may have changed, after the old ones are forgotten', async () => {
    const { waiting, announce, memberships, roles } = world()
    const loaded = roles()
    waiting[0]?.resolve(account(['reader']))
    await loaded
    const heard: unknown[] = []
    const stop = memberships.onChange((tenant, subject) => {
      heard.push([tenant, subject])
      void roles()
    })
    announce('membership', 'subject-a')
    expect(waiting.length).toBe(2)
    for (const [kind, id] of [
      ['subject', 'subject-b'],
      ['tenant', 'default'],
      ['grant', 'grant-1'],
    ] as const)
      announce(kind, id)
    expect(heard).toEqual([
      ['default', 'subject-a'],
      ['default', 'subject-b'],
      ['default', null],
    ])
    stop()
    announce('membership', 'subject-a')
    expect(heard).toHaveLength(3)
  })

  it.each(['membership', 'subject', 'tenant'] as const)('are loaded again after the feed says %s', async (kind) => {
    const { waiting, announce, roles } = world()
    const first = roles()
    waiting[0]?.resolve(account(['admin']))
    await first
    announce(kind, kind === 'tenant' ? 'default' : 'subject-a')
    const second = roles()
    waiting[1]?.resolve(account(['reader']))
    expect(await second).toEqual({ roles: ['reader'], version: 11 })
  })

  it('are loaded again when the store may be another, and what a load brings meanwhile is not kept', async () => {
    const { waiting, replay, roles } = world()
    const first = roles()
    waiting[0]?.resolve(account(['admin']))
    await first
    replay()
    const second = roles()
    replay()
    waiting[1]?.resolve(account(['admin']))
    await second
    const third = roles()
    waiting[2]?.resolve(account(['reader']))
    expect((await third)?.roles).toEqual(['reader'])
  })

  it('of a load that raced a change are given to its own callers only, never kept', async () => {
    const { waiting, announce, roles } = world()
    const early = roles()
    announce('membership', 'subject-a')
    const late = roles()
    expect(waiting.length).toBe(2)
    waiting[1]?.resolve(account(['reader']))
    expect((await late)?.roles).toEqual(['reader'])
    waiting[0]?.resolve(account(['admin']))
    expect((await early)?.roles).toEqual(['admin'])
    expect((await roles())?.roles).toEqual(['reader'])
    expect(waiting.length).toBe(2)
  })

  it('are not kept when the change comes during the load and nobody else asks', async () => {
    const { waiting, announce, roles } = world()
    const early = roles()
    announce('subject', 'subject-a')
    waiting[0]?.resolve(account(['admin']))
    await early
    const again = roles()
    waiting[1]?.resolve(account([], 'disabled'))
    expect(await again).toBeNull()
  })

  it('are null for unknown and disabled accounts', async () => {
    for (const answer of [null, account(['admin'], 'disabled')]) {
      const { waiting, roles } = world()
      const asked = roles()
      waiting[0]?.resolve(answer)
      expect(await asked).toBeNull()
    }
  })

  it('reject when the store does, and ask it again', async () => {
    const { waiting, roles } = world()
    const asked = roles()
    waiting[0]?.reject(new Error('disk gone'))
    await expect(asked).rejects.toThrow('disk gone')
    const again = roles()
    waiting[1]?.resolve(account(['reader']))
    expect((await again)?.roles).toEqual(['reader'])
  })
})

describe('a bounded map', () => {
  it('drops the least recently used entry', () => {
    const map = createBoundedMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.get('a')
    map.set('c', 3)
    expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([1, undefined, 3, 2])
    map.set('c', 4)
    expect([map.get('a'), map.get('c'), map.size]).toEqual([1, 4, 2])
  })
})
