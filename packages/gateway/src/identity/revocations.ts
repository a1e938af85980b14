import type { Clock } from '#core/clock.ts'
import type { FeedEntry, FeedPort } from '#store/ports/feed.ts'
import type { HintsPort } from '#store/ports/hints.ts'
import type { Revocations } from './live-ports.ts'
import type { Principal } from './principal.ts'
import { createRevokedSet } from './revoked-set.ts'

const POLL_MS = 250
/** Without a successful poll for this long we cannot keep the promise of 1 s, so every token is answered with 503. */
const STALE_MS = 1_000
const ENTRIES_PER_READ = 1_000
/** How long a caller waits for the poll that a stale feed is given before the answer is 503. */
const CATCH_UP_MS = 500

export interface LiveRevocations extends Revocations {
  /** Called with the new entries of each poll, after `isRevoked` knows them and before `onChange` listeners hear of them. */
  onEntries(listener: (entries: readonly FeedEntry[]) => void): () => void
  /**
   * Called when the feed has to be read anew, because the store may be another than before: whatever was remembered of it may be wrong.
   * Stale until that is done.
   */
  onReplay(listener: () => void): () => void
  /** Number of the last entry applied. */
  position(): number
  /**
   * True if the feed is fresh, after one poll if it has to be: a machine that slept, or a busy second, costs a read and not a refusal.
   * False when that poll fails or takes longer than 500 ms.
   */
  ensureFresh(): Promise<boolean>
  /**
   * Reads the feed to its end as it is now or later: a poll under way may have looked before, so another follows it, shared by all who ask
   * meanwhile. Rejects when the feed cannot be read.
   */
  poll(): Promise<void>
  stop(): void
}

export interface RevocationsOptions {
  readonly feed: FeedPort
  /** Absent: nobody but this process changes the store. */
  readonly hints?: Pick<HintsPort, 'subscribe'>
  readonly clock: Clock
}

/**
 * Follows the change feed. Stale from the start until the first poll has read all of it: revocations of single tokens live in the feed
 * alone, so a fresh process must replay it before it trusts any token.
 */
export function startRevocations({ feed, hints, clock }: RevocationsOptions): LiveRevocations {
  const revoked = createRevokedSet()
  const changeListeners = new Set<() => void>()
  const replayListeners = new Set<() => void>()
  const entryListeners = new Set<(entries: readonly FeedEntry[]) => void>()
  let position = 0
  let freshAtMs: number | null = null
  let underWay: Promise<void> | null = null
  let following: Promise<void> | null = null
  let replays = 0
  let isStopped = false

  const readToEnd = async () => {
    for (;;) {
      // What is known afterwards is as new as the moment before the read began, not after it ended.
      const beganMs = clock.monotonicMs()
      const replaysBefore = replays
      const entries = await feed.since(position, ENTRIES_PER_READ)
      if (isStopped) return
      // Asked from a number that means nothing any more.
      if (replays !== replaysBefore) continue
      apply(entries)
      if (entries.length < ENTRIES_PER_READ) {
        freshAtMs = beganMs
        return
      }
    }
  }
  const apply = (entries: readonly FeedEntry[]) => {
    const nowSeconds = clock.nowSeconds()
    revoked.forgetOld(nowSeconds)
    if (entries.length === 0) return
    for (const entry of entries) {
      revoked.add(entry, nowSeconds)
      position = Math.max(position, entry.number)
    }
    for (const listener of entryListeners) listener(entries)
    for (const listener of changeListeners) listener()
  }
  const read = () => {
    underWay ??= readToEnd().finally(() => {
      underWay = null
    })
    return underWay
  }
  const poll = () => {
    if (underWay === null) return read()
    following ??= underWay
      .catch(() => {})
      .then(() => {
        following = null
        return read()
      })
    return following
  }
  const replay = () => {
    replays += 1
    position = 0
    freshAtMs = null
    for (const listener of replayListeners) listener()
  }

  const isStale = () =>
    isStopped || revoked.isOverfull() || freshAtMs === null || clock.monotonicMs() - freshAtMs >= STALE_MS

  // A failed poll changes nothing: time passes, and `isStale` says so.
  const tick = () => void read().catch(() => {})
  tick()
  const timer = setInterval(tick, POLL_MS)
  timer.unref()
  const unsubscribe = hints?.subscribe((hint) => {
    if (hint === 'replay') replay()
    if (hint === 'feed') poll().catch(() => {})
  })

  return {
    isStale,
    ensureFresh: async () => {
      if (isStale() && !isStopped) await settledWithin(read(), CATCH_UP_MS)
      return !isStale()
    },
    isRevoked: (principal: Principal) => revoked.covers(principal),
    onChange: (listener) => subscribe(changeListeners, listener),
    onEntries: (listener) => subscribe(entryListeners, listener),
    onReplay: (listener) => subscribe(replayListeners, listener),
    position: () => position,
    poll,
    stop: () => {
      isStopped = true
      unsubscribe?.()
      clearInterval(timer)
    },
  }
}

/** Resolves when the promise settles either way, or when the time is up. */
async function settledWithin(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([promise.catch(() => {}), timeUp])
  clearTimeout(timer)
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
  }
}
