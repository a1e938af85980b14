import { afterEach, describe, expect, it } from 'vitest'
import { asClientId, asGrantId, asSubjectId, asTokenId, DEFAULT_TENANT } from '#core/ids.ts'
import type { FeedEntry } from '#store/ports/feed.ts'
import type { HintsPort, StoreHint } from '#store/ports/hints.ts'
import { type FakeClock, fakeClock } from '../../test/support/tokens.ts'
import type { Principal } from './principal.ts'
import { type LiveRevocations, startRevocations } from './revocations.ts'
import { createRevokedSet } from './revoked-set.ts'

const clock: FakeClock = fakeClock()
let running: LiveRevocations[] = []
afterEach(() => {
  for (const revocations of running) revocations.stop()
  running = []
})

function start(
  feed: { since(number: number, max: number): Promise<readonly FeedEntry[]> },
  hints?: Pick<HintsPort, 'subscribe'>,
): LiveRevocations {
  const options = { feed: { head: async () => 0, ...feed }, clock }
  const revocations = startRevocations(hints === undefined ? options : { ...options, hints })
  running.push(revocations)
  return revocations
}

function principal(changes: Partial<Principal> = {}): Principal {
  return {
    tenant: DEFAULT_TENANT,
    subject: asSubjectId('s'),
    kind: 'user',
    clientId: asClientId('c'),
    scopes: [],
    resource: 'r',
    acr: null,
    authTime: null,
    grantId: asGrantId('g'),
    grantNumber: 5,
    confirmation: null,
    tokenId: asTokenId('t'),
    expiresAt: clock.nowSeconds() + 60,
    ...changes,
  }
}

function entry(number: number, kind: FeedEntry['kind'], id: string, changes: Partial<FeedEntry> = {}): FeedEntry {
  return { number, tenant: DEFAULT_TENANT, kind, id, at: clock.nowSeconds(), grantsBelow: null, ...changes }
}

/** Answers each read when told, with what is in the feed then. */
function slowFeed(entries: FeedEntry[]) {
  const asked: { from: number; answer(): void }[] = []
  return {
    asked,
    since: (from: number) =>
      new Promise<readonly FeedEntry[]>((resolve) => {
        const seen = entries.filter(({ number }) => number > from)
        asked.push({ from, answer: () => resolve(seen) })
      }),
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a poll', () => {
  it('that is asked for while another looks sees what that one may have missed', async () => {
    const entries: FeedEntry[] = []
    const feed = slowFeed(entries)
    const revocations = start(feed)
    await turn()
    // The first look began before this.
    entries.push(entry(1, 'grant', 'g'))
    const polls = [revocations.poll(), revocations.poll()]
    feed.asked[0]?.answer()
    await turn()
    expect(feed.asked).toHaveLength(2)
    expect(revocations.isRevoked(principal())).toBe(false)
    feed.asked[1]?.answer()
    await Promise.all(polls)
    expect(revocations.isRevoked(principal())).toBe(true)
    expect(feed.asked).toHaveLength(2)
  })

  it('follows each hint, without waiting for its time', async () => {
    let tell: (hint: StoreHint) => void = () => undefined
    const entries: FeedEntry[] = []
    const feed = slowFeed(entries)
    const revocations = start(feed, {
      subscribe: (listener) => {
        tell = listener
        return () => undefined
      },
    })
    feed.asked[0]?.answer()
    await turn()
    entries.push(entry(1, 'grant', 'g'))
    tell('settle')
    expect(feed.asked).toHaveLength(1)
    tell('feed')
    feed.asked[1]?.answer()
    await turn()
    expect(revocations.isRevoked(principal())).toBe(true)
  })

  it('reads the feed anew when the store may be another: numbers given again are not skipped', async () => {
    let tell: (hint: StoreHint) => void = () => undefined
    const entries = [entry(1, 'grant', 'a'), entry(2, 'grant', 'b'), entry(3, 'grant', 'c')]
    const feed = slowFeed(entries)
    const revocations = start(feed, {
      subscribe: (listener) => {
        tell = listener
        return () => undefined
      },
    })
    let replays = 0
    revocations.onReplay(() => {
      replays += 1
    })
    feed.asked[0]?.answer()
    await turn()
    expect(revocations.isStale()).toBe(false)
    // A failover lost 2 and 3, and 2 was given again.
    entries.splice(1, 2, entry(2, 'grant', 'g'))
    const polled = revocations.poll()
    expect(feed.asked[1]?.from).toBe(3)
    tell('replay')
    expect(revocations.isStale()).toBe(true)
    feed.asked[1]?.answer()
    await turn()
    expect(revocations.isStale()).toBe(true)
    expect(feed.asked[2]?.from).toBe(0)
    feed.asked[2]?.answer()
    await polled
    expect(revocations.isStale()).toBe(false)
    expect(revocations.isRevoked(principal())).toBe(true)
    expect(revocations.isRevoked(principal({ grantId: asGrantId('c') }))).toBe(true)
    expect(revocations.position()).toBe(2)
    expect(replays).toBe(1)
  })
})

describe('freshness', () => {
  it('is missing until the whole feed has been read once', async () => {
    const all = Array.from({ length: 2_500 }, (_, index) => entry(index + 1, 'token', `t${index + 1}`))
    const reads: number[] = []
    const revocations = start({
      since: async (number, max) => {
        reads.push(number)
        if (reads.length === 2) expect(revocations.isStale()).toBe(true)
        return all.slice(number, number + max)
      },
    })
    expect(revocations.isStale()).toBe(true)
    await revocations.poll()
    expect(revocations.isStale()).toBe(false)
    // The last is the poll that was asked for while the first reading was under way.
    expect(reads).toEqual([0, 1_000, 2_000, 2_500])
    expect(revocations.position()).toBe(2_500)
    expect(revocations.isRevoked(principal({ tokenId: asTokenId('t2500') }))).toBe(true)
  })

  it('ends one second after the last successful read began, on the monotonic clock', async () => {
    let isBroken = false
    const revocations = start({
      since: async () => {
        if (isBroken) throw new Error('gone')
        return []
      },
    })
    await revocations.poll()
    isBroken = true
    clock.advanceMs(999)
    await expect(revocations.poll()).rejects.toThrow('gone')
    expect(revocations.isStale()).toBe(false)
    clock.advanceMs(1)
    expect(revocations.isStale()).toBe(true)
    expect(await revocations.ensureFresh()).toBe(false)
    isBroken = false
    expect(await revocations.ensureFresh()).toBe(true)
    expect(revocations.isStale()).toBe(false)
  })

  it('is not gained by a read that took longer than it is worth', async () => {
    const revocations = start({
      since: async () => {
        clock.advanceMs(1_500)
        return []
      },
    })
    await revocations.poll()
    expect(revocations.isStale()).toBe(true)
  })

  it('is gone after stop', async () => {
    const revocations = start({ since: async () => [] })
    await revocations.poll()
    revocations.stop()
    expect(revocations.isStale()).toBe(true)
    expect(await revocations.ensureFresh()).toBe(false)
  })
})

describe('listeners', () => {
  it('hear of entries after they count, and no more after they left', async () => {
    const pages = [[entry(1, 'grant', 'g')], [], [entry(2, 'membership', 's')], [], [entry(3, 'token', 'x')], []]
    const heard: string[] = []
    const revocations = start({ since: async () => pages.shift() ?? [] })
    const leaveEntries = revocations.onEntries((entries) => heard.push(...entries.map(({ kind }) => kind)))
    const leaveChange = revocations.onChange(() => heard.push(`revoked ${revocations.isRevoked(principal())}`))
    await revocations.poll()
    await revocations.poll()
    expect(heard).toContain('grant')
    expect(heard[heard.indexOf('grant') + 1]).toBe('revoked true')
    leaveEntries()
    leaveChange()
    const before = heard.length
    for (let turn = 0; turn < 4; turn += 1) await revocations.poll()
    expect(heard.length).toBe(before)
  })
})

describe('what is revoked', () => {
  it.each([
    ['grant', 'g', null, true],
    ['grant', 'other', null, false],
    ['token', 't', null, true],
    ['token', 'g', null, false],
    ['subject', 's', 6, true],
    ['subject', 's', 5, false],
    ['subject', 's', null, true],
    ['client', 'c', 6, true],
    ['client', 'c', 5, false],
    ['tenant', 'default', 6, true],
    ['membership', 's', null, false],
  ] as const)('%s %s below %s: %s', (kind, id, grantsBelow, isRevoked) => {
    const set = createRevokedSet()
    set.add(entry(1, kind, id, { grantsBelow }), clock.nowSeconds())
    expect(set.covers(principal())).toBe(isRevoked)
  })

  it('is not lifted by a later, smaller number', () => {
    const set = createRevokedSet()
    set.add(entry(1, 'subject', 's', { grantsBelow: 9 }), clock.nowSeconds())
    set.add(entry(2, 'subject', 's', { grantsBelow: 2 }), clock.nowSeconds())
    expect(set.covers(principal())).toBe(true)
  })

  it('of another tenant is not ours', () => {
    const set = createRevokedSet()
    set.add({ ...entry(1, 'grant', 'g'), tenant: 'other' as typeof DEFAULT_TENANT }, clock.nowSeconds())
    expect(set.covers(principal())).toBe(false)
  })

  it('is kept for as long as any token may live, then forgotten', () => {
    const set = createRevokedSet()
    const at = clock.nowSeconds()
    set.add(entry(1, 'grant', 'g', { at }), at)
    set.forgetOld(at + 1_860)
    expect(set.covers(principal())).toBe(true)
    set.forgetOld(at + 1_861)
    expect(set.covers(principal())).toBe(false)
    set.add(entry(2, 'grant', 'g', { at }), at + 1_861)
    expect(set.covers(principal())).toBe(false)
  })

  it('fails closed when there is more than fits, and recovers when it does again', () => {
    const set = createRevokedSet(3)
    const at = clock.nowSeconds()
    for (let number = 1; number <= 4; number += 1) set.add(entry(number, 'token', `t${number}`, { at }), at)
    expect(set.isOverfull()).toBe(true)
    expect(set.covers(principal({ tokenId: asTokenId('t1') }))).toBe(true)
    set.forgetOld(at + 1_861)
    expect(set.isOverfull()).toBe(false)
  })
})
